#!/usr/bin/env bash
# Fuzzes targets with libFuzzer and prints a table: executions, CPU seconds, coverage, findings.
#
#   fuzz/run.sh SECONDS [TARGET...]      each target (default: all) for so many CPU seconds
#
# Needs a nightly toolchain, or a stable one that RUSTC_BOOTSTRAP=1 lets use unstable flags (set here).
# Corpora grow in fuzz/corpus/, inputs that fail are written to fuzz/artifacts/; a fixed one belongs into
# crates/fuzz/regressions/TARGET/.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target}
shift
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, without its need for a nightly toolchain.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code -Ccodegen-units=16"
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" cargo build --release --quiet --target "$host"
binary=target/$host/release/target
cargo run --quiet --manifest-path ../Cargo.toml -p pellucid-fuzz -- seeds corpus
[ $# -gt 0 ] || set -- $(cd corpus && ls)
printf '%-28s %12s %8s %10s %9s\n' target executions seconds coverage findings
for target in "$@"; do
  mkdir -p "artifacts/$target"
  log=artifacts/$target.log
  PELLUCID_TARGET=$target "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target" >"$log" 2>&1 || true
  executions=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  findings=$(find "artifacts/$target" -type f | wc -l)
  printf '%-28s %12s %8s %10s %9s\n' "$target" "${executions:-0}" "$seconds" "${coverage:-0}" "$findings"
done
