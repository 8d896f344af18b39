#!/usr/bin/env bash
# Runs the suite against deliberate miscompilations (runtime/src/mutants.rs), all or those named:
#   bash tests/mutants.sh [NAME…]
# Prints who was caught by which program, and fails if one survives.
set -euo pipefail
cd "$(dirname "$0")/.."
names="$(IFS=,; echo "$*")"
RUFF_MUTANTS="${names:-all}" ${CARGO:-cargo} test -p rufflang --features mutants --test suite
