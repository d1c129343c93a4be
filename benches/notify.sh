#!/bin/sh
# How long it takes until changed advisories are notifications, and until the first page of each is
# read, with many layers in the database.
#
#   benches/notify.sh [LAYERS [CHANGED]]         default 100000 1000
#
# Runs on SQLite, and on PostgreSQL where SOURCE names an empty database (libpq's keys or a URL).
# PROFILE=release|fast says what is measured (release). Needs curl and python3. Takes a few minutes:
# most of it goes into making the layers.
set -eu

layers=${1:-100000}
changed=${2:-1000}
profile=${PROFILE:-release}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
cargo build -q --profile "$profile" -p pellucid
cargo build -q --profile "$profile" -p pellucid-server --example synthetic-layers
target=${CARGO_TARGET_DIR:-$root/target}/$profile
scratch=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT INT TERM

# measure NAME DATABASE-SECTION [SOURCE]
measure() {
    data=$scratch/$1
    mkdir -p "$data"
    "$target/examples/synthetic-layers" layers "$data" 0 "$layers" ${3:+"$3"}
    "$target/examples/synthetic-layers" snapshot "$data" 0
    # A receiver that is not there: only making notifications is measured. They wait for an hour.
    cat > "$scratch/config.yaml" <<YAML
clair:
  database: $2
  api: {address: 127.0.0.1, port: 16060, healthport: 16061}
  updater: null
  notifier: {http: {endpoint: "http://127.0.0.1:9/"}}
notifications: {wait: 1h, most: 1000000}
YAML
    "$target/pellucid" serve --config "$scratch/config.yaml" --data-dir "$data" \
        > "$scratch/log" 2>&1 &
    server=$!
    python3 benches/notify.py wait-published "$scratch/log" 1
    "$target/examples/synthetic-layers" snapshot "$data" "$changed"
    python3 benches/notify.py wait-published "$scratch/log" 2
    echo "$1: $(python3 benches/notify.py report "$scratch/log" 127.0.0.1:16060 "$changed")"
    kill "$server"
    wait "$server" || true
    server=
}

measure sqlite "{type: sqlite}"
if [ -n "${SOURCE:-}" ]; then
    measure postgresql "{type: pgsql, options: {source: \"$SOURCE\"}}" "$SOURCE"
fi
