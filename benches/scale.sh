#!/usr/bin/env bash
# How reading, notifying and the database grow with the number of stored layers.
#
# usage: benches/scale.sh sqlite|pgsql SIZE...        (default sizes: 1000 10000 100000)
#   Each size continues the one before; on PostgreSQL, what goes beyond 100,000 are copies made by
#   scale-clone.sql. Of each: layers added a second, the store's size, GET ?vulnerabilities of layers
#   drawn at random at RATE (200) a second for SECONDS_EACH (20), timed from when each was due, and how
#   long 1,000 changed advisories take until they are notifications.
#   With two sizes or more, plots of all three go to docs/growth/ENGINE-{space,read,told}.svg.
#   PROFILE=release|fast says what is measured (release). Needs python3, for pgsql PostgreSQL; a million
#   layers need 12 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/postgres.sh
case ${1:-} in sqlite | pgsql) engine=$1 ;; *) sed -n '2,11p' "$0"; exit 2 ;; esac
shift
[ $# -gt 0 ] || set -- 1000 10000 100000
profile=${PROFILE:-release} target=${CARGO_TARGET_DIR:-target}/${PROFILE:-release}
[ -n "${NO_BUILD:-}" ] || cargo build -q --locked --profile "$profile" -p pellucid -p pellucid-server --bin pellucid --example synthetic-layers
work=$(mktemp -d)
chmod 755 "$work"
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "${pg_dir:-}" ] || postgres_stop immediate 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
mkdir "$work/data"
if [ "$engine" = pgsql ]; then
  postgres_make "$work/postgres"
  database="{type: pgsql, options: {source: \"$pg_source\"}}"
  # Made-up layers need not survive a crash while they are made.
  made_in=("$pg_source options='-c synchronous_commit=off'")
else
  database='{type: sqlite}' made_in=()
fi
cat >"$work/config.yaml" <<YAML
clair:
  database: $database
  api: {address: 127.0.0.1, port: 16060, healthport: 16061}
  updater: null
  notifier: {http: {endpoint: "http://127.0.0.1:9/"}}
notifications: {wait: 1h, most: 1000000}
YAML
before=0 changed=0
for size in "$@"; do
  start=$(date +%s.%N)
  if [ "$engine" = pgsql ] && [ "$before" -ge 100000 ]; then
    pg_as "$pg_bin/psql" -q -h "$pg_dir" -U postgres -v layers="$before" -v first=1 -v last=$((size / before - 1)) <benches/scale-clone.sql
    how=copied
  else
    "$target/examples/synthetic-layers" layers "$work/data" "$before" "$size" "${made_in[@]}"
    how=added
  fi
  rate=$(python3 -c "import sys, time; print(round($((size - before)) / (time.time() - $start)))")
  [ "$before" != 0 ] || "$target/examples/synthetic-layers" snapshot "$work/data" 0
  if [ "$engine" = pgsql ]; then
    pg_as "$pg_bin/psql" -q -h "$pg_dir" -U postgres -c 'VACUUM ANALYZE' </dev/null
    bytes=$(pg_as "$pg_bin/psql" -At -h "$pg_dir" -U postgres -c 'SELECT pg_database_size(current_database())' </dev/null)
  else
    bytes=$(stat -c %s "$work/data/pellucid.sqlite")
  fi
  "$target/pellucid" serve --config "$work/config.yaml" --data-dir "$work/data" >"$work/log" 2>&1 &
  server=$!
  python3 benches/scale.py ready 127.0.0.1:16060
  [ "$before" != 0 ] || python3 benches/notify.py wait-published "$work/log" 1
  published=$(grep -c 'published debian' "$work/log" || true)
  read=$(python3 benches/scale.py load 127.0.0.1:16060 "$size" "${RATE:-200}" "${SECONDS_EACH:-20}")
  changed=$((1000 - changed))
  "$target/examples/synthetic-layers" snapshot "$work/data" "$changed"
  python3 benches/notify.py wait-published "$work/log" $((published + 1))
  told=$(python3 benches/scale.py told "$work/log")
  memory=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$server/status")
  echo "$size $((bytes / 1000000)) $(sed -E 's/.*p99 ([0-9.]+).*/\1/' <<<"$read") $told" >>"$work/rows"
  echo "$engine $size layers: $how $rate/s, $((bytes / 1000000)) MB, GET $read, 1,000 changes told in $told ms, $memory MiB at most"
  kill "$server"
  wait "$server" || true
  server= before=$size
done
[ $# -lt 2 ] || python3 benches/scale.py plot "$engine" <"$work/rows"
