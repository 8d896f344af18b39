//! The JIT tier of Ruff.
