#!/usr/bin/env bash
# Runs the programs of benches/programs on the three engines in turn and prints medians and
# ratios. Fails if a program fails, if the engines print different results, or if the JIT is
# slower than the VM on the geometric mean.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 benches/compare.py --ruff "${CARGO_TARGET_DIR:-target}/release/ruff" "$@"
