#!/usr/bin/env bash
# Fuzzes every target for its share of CPU time, the riskiest first, and keeps count in docs/fuzzing.tsv:
# target, day, CPU seconds, executions, coverage, findings. Stopped at any moment and started again, it
# goes on where it was.
#
#   fuzz/campaign.sh            a tenth of its share for each target, then all of it
#
# RISKY and OTHERS are the shares in CPU seconds, JOBS how many targets are fuzzed at once. A target with a finding waits until its files are gone
# from fuzz/artifacts/TARGET/: fix it, and put the file into crates/fuzz/regressions/TARGET/.
set -euo pipefail
cd "$(dirname "$0")"
RISKY=${RISKY:-900}
OTHERS=${OTHERS:-240}
SLICE=${SLICE:-60}
JOBS=${JOBS:-1}
table=../docs/fuzzing.tsv
# Binary formats of strangers, what they are wrapped in, and the two lists that most images have.
risky="inflate layer-tar layer-gzip layer-zstd layer-xz registry-lazy rpmdb-bdb rpmdb-ndb rpmdb-sqlite rpmdb-wal rpm-header detector-java
detector-go-binary detector-rust-binary detector-dpkg bill-cyclonedx snapshot"

binary=${BINARY:-$(./build.sh)}
[ -s "$table" ] || printf 'target\tday\tCPU seconds\texecutions\tcoverage\tfindings\n' >"$table"

# A column of a target's row; 0 without one.
of() { awk -F'\t' -v target="$1" -v column="$2" '$1 == target { found = $column } END { print found + 0 }' "$table"; }

# Adds to a target's row what a slice did: CPU seconds, executions, coverage. One at a time: see `slice`.
add() {
  awk -F'\t' -v OFS='\t' -v target="$1" -v day="$(date -u +%F)" \
    -v spent="$(awk -v a="$(of "$1" 3)" -v b="$2" 'BEGIN { printf "%.0f", a + b }')" \
    -v executions="$(($(of "$1" 4) + ${3:-0}))" -v coverage="${4:-0}" \
    -v findings="$(find "artifacts/$1" -type f | wc -l)" '
    $1 != target
    END { print target, day, spent, executions, coverage, findings }' "$table" | (read -r head; echo "$head"; sort) >"$table.new"
  mv "$table.new" "$table"
}

# Runs a target for some seconds of a clock.
slice() {
  local target=$1 seconds=$2 log=artifacts/$1.log
  mkdir -p "artifacts/$target"
  TIMEFORMAT='cpu: %U %S'
  { time PELLUCID_TARGET=$target "$binary" -max_total_time="$seconds" -timeout=60 -report_slow_units=60 -rss_limit_mb=1024 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target" || true; } >"$log" 2>&1
  (
    flock 9
    add "$target" "$(awk '/^cpu: / { print $2 + $3 }' "$log")" \
      "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)"
  ) 9>artifacts/table.lock
}

# A part of its share for every JOBS-th target, from the one with this number on.
work() {
  local number=$1 part=$2 target share left place=0
  for target in $risky $others; do
    place=$((place + 1))
    [ $((place % JOBS)) -eq "$number" ] || continue
    share=$OTHERS
    case " ${risky//$'\n'/ } " in *" $target "*) share=$RISKY ;; esac
    while [ "$(of "$target" 3)" -lt $((share / part)) ]; do
      [ -z "$(find "artifacts/$target" -type f 2>/dev/null)" ] || { echo "$target: a finding waits"; break; }
      left=$((share / part - $(of "$target" 3)))
      slice "$target" $((left < SLICE ? left : SLICE))
    done
  done
}

others=$(cd corpus && ls | grep -vxF "$(printf '%s\n' $risky)")
mkdir -p artifacts
for part in 10 1; do
  for number in $(seq 0 $((JOBS - 1))); do
    work "$number" "$part" &
  done
  wait
done
awk -F'\t' 'NR > 1 { n++; cpu += $3; runs += $4; found += $6 }
  END { printf "%d targets, %.1f CPU hours, %.0f executions, %d findings\n", n, cpu / 3600, runs, found }' "$table"
