# Sourced by other scripts: a PostgreSQL of their own with stock settings, on a socket in a folder.
# PostgreSQL refuses to run as root, so root starts it as the user postgres.

# postgres_make DIR: makes a cluster; sets pg_source, its connection string.
postgres_make() {
  pg_dir=$1
  pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
  [ -n "$pg_bin" ] || { echo "PostgreSQL is not installed" >&2; return 1; }
  mkdir -p "$pg_dir"
  [ "$(id -u)" != 0 ] || chown postgres "$pg_dir"
  pg_as "$pg_bin/initdb" -A trust -U postgres -E UTF8 --no-locale -D "$pg_dir/data" >/dev/null
  pg_source="host=$pg_dir user=postgres dbname=postgres"
  postgres_start
}

postgres_start() {
  pg_as "$pg_bin/pg_ctl" -s -w -D "$pg_dir/data" -l "$pg_dir/log" \
    -o "-k $pg_dir -c listen_addresses=" start </dev/null >/dev/null
}

# postgres_stop [MODE]: fast, or immediate as a crash would.
postgres_stop() { pg_as "$pg_bin/pg_ctl" -s -w -D "$pg_dir/data" -m "${1:-fast}" stop >/dev/null; }

pg_as() {
  if [ "$(id -u)" = 0 ]; then (cd "$pg_dir" && runuser -u postgres -- "$@"); else "$@"; fi
}
