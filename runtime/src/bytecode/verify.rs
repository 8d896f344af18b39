//! Part of the bytecode layer; see [`super`].
