#!/usr/bin/env bash
# Measures the figures of tasks, channels and threads with the release build, and compares them
# with their goals.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 benches/concurrency/figures.py --ruff "${CARGO_TARGET_DIR:-target}/release/ruff" "$@"
