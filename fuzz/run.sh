#!/usr/bin/env bash
# Fuzzes targets with libFuzzer and prints a table: executions, seconds, coverage, findings.
#
#   fuzz/run.sh SECONDS [TARGET...]      each target (default: all) for so many seconds
#
# Corpora grow in fuzz/corpus/, inputs that fail are written to fuzz/artifacts/; a fixed one belongs into
# crates/fuzz/regressions/TARGET/. `campaign.sh` does the same for CPU time, and keeps count.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target}
shift
binary=$(./build.sh)
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
