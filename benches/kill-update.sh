#!/bin/bash
# kill -9 in the middle of `pellucid db update`, again and again: afterwards every snapshot in use is whole, and
# is either the one of before or the new one.
#
# Usage: benches/kill-update.sh BINARY MIRROR [TIMES [FEED...]]
#   MIRROR: a folder that --mirror reads. Of each feed two states are made, the mirror's and the mirror's after a
#   rollback, by taking the data away and updating again at a random moment.
# Prints one line of figures; ends with 1 if anything was not whole.
set -u
binary=$(realpath "$1"); mirror=$(realpath "$2"); times=${3:-100}; shift; shift; shift || true
feeds=("$@"); [ ${#feeds[@]} -gt 0 ] || feeds=(debian alpine/v3.20 cisa-kev)
data=$(mktemp -d); trap 'rm -rf "$data"' EXIT
update() { "$binary" -q db update "${feeds[@]}" --mirror "$mirror" --data-dir "$data" >/dev/null 2>"$data.log"; }

# How long a whole update takes, so that the blows fall all over it.
began=$(date +%s%N); update || { cat "$data.log"; exit 2; }
whole=$(( ($(date +%s%N) - began) / 1000000 )); [ $whole -gt 0 ] || whole=1
good=$(jq -S '.snapshots | map_values(.current.digest)' "$data/manifest.json")

broken=0; killed=0; finished=0; before=0; after=0
for _ in $(seq "$times"); do
  # Forget what was fetched, in half of the cases all of it: the next update has everything to do.
  if [ $((RANDOM % 2)) = 0 ]; then rm -rf "$data"/*; fi
  [ -f "$data/manifest.json" ] && jq '.snapshots[].status.state = {}' "$data/manifest.json" >"$data/m" && mv "$data/m" "$data/manifest.json"
  "$binary" -q db update "${feeds[@]}" --mirror "$mirror" --data-dir "$data" >/dev/null 2>&1 &
  pid=$!
  sleep "$(awk -v most="$whole" -v r="$RANDOM" 'BEGIN { printf "%.3f", most * r / 32768 / 1000 }')"
  if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); else finished=$((finished + 1)); fi
  wait $pid 2>/dev/null
  # Every file that the list names has the digest that names it, and the data is that of a whole update or none.
  if [ -f "$data/manifest.json" ]; then
    for digest in $(jq -r '.snapshots[] | .current.digest // empty' "$data/manifest.json"); do
      file="$data/snapshots/${digest#sha256:}.snapshot"
      [ "sha256:$(sha256sum "$file" 2>/dev/null | cut -d' ' -f1)" = "$digest" ] || { broken=$((broken + 1)); echo "broken: $file"; }
      case "$good" in *"$digest"*) after=$((after + 1)) ;; *) broken=$((broken + 1)); echo "mixed: $digest" ;; esac
    done
    "$binary" db list --data-dir "$data" >/dev/null || { broken=$((broken + 1)); echo "db list fails"; }
  else
    before=$((before + 1))
  fi
done
update || broken=$((broken + 1))
[ "$(jq -S '.snapshots | map_values(.current.digest)' "$data/manifest.json")" = "$good" ] || { broken=$((broken + 1)); echo "the last update differs"; }
"$binary" db prune --data-dir "$data" >/dev/null || broken=$((broken + 1))
left=$(find "$data/snapshots" -name '*.building' | wc -l)
echo "$times updates of ${feeds[*]} (${whole} ms whole): $killed killed, $finished finished first, $before left nothing yet, $after whole snapshots seen, $broken broken, $left leftovers after prune"
[ $broken = 0 ] && [ "$left" = 0 ]
