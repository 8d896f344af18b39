#!/usr/bin/env bash
# Runs programs with threads under ThreadSanitizer: the golden programs of tests/lang/threads,
# or those that the arguments name. Needs rust-src (rustup component add rust-src); std is built
# with the sanitizer too. Fails if there is a report.
#
# Code that the JIT generates is not instrumented, so races are looked for on the VM; what the
# compiled code calls is instrumented on all settings. Programs that recurse to the limit of depth
# or of threads are left out: the sanitizer follows at most some 60,000 calls and 8,000 threads.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cdebuginfo=1" CARGO_INCREMENTAL=0
export TSAN_OPTIONS="log_path=$log/report suppressions=$PWD/tests/tsan.txt halt_on_error=0 exitcode=0 ${TSAN_OPTIONS:-}"
filters=("${@:-lang/threads}")
status=0
for filter in "${filters[@]}"; do
    "${CARGO:-cargo}" test -Zbuild-std --target x86_64-unknown-linux-gnu -p rufflang \
        --test suite -- --skip depth --skip nested_too_deeply \
        --skip recursion --skip too_many_threads "$filter" || status=1
done
n=$(cat "$log"/report* 2>/dev/null | grep -c "^WARNING: ThreadSanitizer" || true)
cat "$log"/report* 2>/dev/null | head -200 || true
echo "ThreadSanitizer: $n reports"
[ "$n" = 0 ] && exit "$status"
exit 1
