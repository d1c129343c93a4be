#!/usr/bin/env bash
# Builds the libFuzzer binary, writes the seeds into fuzz/corpus/, and prints the binary's path.
#
# Needs a nightly toolchain, or a stable one that RUSTC_BOOTSTRAP=1 lets use unstable flags (set here).
set -euo pipefail
cd "$(dirname "$0")"
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, without its need for a nightly toolchain.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code -Ccodegen-units=16"
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" "${CARGO:-cargo}" build --release --quiet --locked --target "$host" >&2
"${CARGO:-cargo}" run --quiet --locked --manifest-path ../Cargo.toml -p pellucid-fuzz -- seeds corpus >&2
echo "$PWD/target/$host/release/target"
