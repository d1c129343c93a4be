#!/usr/bin/env bash
# Speed and memory of the service, and of any other server of Clair's API v1 beside it, in one go.
#
# usage: benches/serve.sh [TARGET...]              (default: sqlite pgsql)
#   TARGET   sqlite, pgsql: this service, started here, on an embedded database or a PostgreSQL of its
#            own with stock settings; http://HOST:PORT: a server that runs already and can read the
#            layers by path, a Clair for example
#   FEEDS    mirror with Debian's tracker, for sqlite and pgsql (default: 10,000 made-up advisories)
#   LOAD     a Debian tracker JSON whose bookworm entries are posted as vulnerabilities first: how a
#            Clair gets the same advisories
#   STATUS   layer with little but a package database (default: one with 200
#            packages, made here)
#   FULL     a whole root file system, gzip (default: none, left out)
#   CLIENTS  numbers of clients (default "1 4 16 64 150 1000"); SECONDS_EACH (default 4)
#   PELLUCID the binary (default: built here with --release)
#
# One client: milliseconds over one kept connection. Many: wrk (Debian's) with one thread on the same
# processors, requests a second, its latencies, and every answer that was not 200.
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/postgres.sh
[ $# -gt 0 ] || set -- sqlite pgsql
case $1 in -*) sed -n '2,20p' "$0"; exit 2 ;; esac
full=${FULL:+$(realpath "$FULL")}
clients=${CLIENTS:-1 4 16 64 150 1000} each=${SECONDS_EACH:-4}
if [ -z "${PELLUCID:-}" ]; then
  cargo build --release --locked --quiet -p pellucid
  PELLUCID=${CARGO_TARGET_DIR:-target}/release/pellucid
fi
work=$(mktemp -d)
chmod 755 "$work"
feeds=${FEEDS:-$work/mirror} status=${STATUS:-$work/layer.tar.gz}
[ -n "${FEEDS:-}" ] || benches/made.py tracker "$feeds"
[ -n "${STATUS:-}" ] || benches/made.py layer "$status"
status=$(realpath "$status")
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "${pg_dir:-}" ] || postgres_stop immediate 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# start DATABASE: our service on it; sets url and server
start() {
  mkdir -p "$work/data"
  printf 'clair:\n  api: {port: 16060, healthport: 16061, address: 127.0.0.1}\n  updater: {interval: 0}\n  database: %s\n' \
    "$1" >"$work/config.yaml"
  "$PELLUCID" serve -config="$work/config.yaml" -log-level warning --data-dir "$work/data" >"$work/log" 2>&1 &
  server=$! url=http://127.0.0.1:16060
  for _ in $(seq 100); do curl -sf "$url/v1/namespaces" >/dev/null && return; sleep 0.1; done
  cat "$work/log" >&2
  return 1
}

memory() {
  [ -n "$server" ] || return 0
  awk -v when="$1" '/^(VmRSS|VmHWM|RssAnon):/ { line = line "  " $1 " " int($2 / 1024) " MiB" }
    END { print "memory, " when ":" line }' "/proc/$server/status"
}

for target in "$@"; do
  server=
  case $target in
    http*) url=$target ;;
    *)
      [ -d "$work/data/snapshots" ] || "$PELLUCID" db update debian --mirror "$feeds" --data-dir "$work/data"
      if [ "$target" = pgsql ]; then
        postgres_make "$work/postgres"
        start "{type: pgsql, options: {source: \"$pg_source\"}}"
      else
        start '{type: sqlite}'
      fi ;;
  esac
  echo "== $target ($(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg))"
  memory "at start"
  python3 - "$url" "$status" "${full:-}" "${LOAD:-}" <<'PY'
import gzip, http.client, json, os, subprocess, sys, time, uuid
url, status, full, load = sys.argv[1:]
host = url.split("//")[1].rstrip("/")
connection = http.client.HTTPConnection(host)
run = uuid.uuid4().hex[:8]

def ask(method, path, body=None, headers={}):
    start = time.perf_counter()
    connection.request(method, path, body and json.dumps(body), headers)
    answer = connection.getresponse()
    data = answer.read()
    return (time.perf_counter() - start) * 1000, answer.status, data

def row(what, times, more=""):
    times.sort()
    at = lambda part: times[min(len(times) - 1, int(part * len(times)))]
    print(f"{what:<44}n {len(times):<5} p50 {at(.5):8.3f}  p95 {at(.95):8.3f}  max {times[-1]:8.2f} ms{more}")

def many(what, count, method, path, body=None, wanted=200, headers={}, more=""):
    times = []
    for number in range(count):
        took, code, data = ask(method, path(number), body and body(number), headers)
        if code != wanted:
            sys.exit(f"{what}: {code} {data[:300]}")
        times.append(took)
    row(what, times, more)

def layer(name, path, parent=""):
    return {"Layer": {"Name": name, "Path": path, "ParentName": parent, "Format": "Docker"}}

if load:
    posts = {}
    for package, entries in json.load(open(load)).items():
        for name, entry in entries.items():
            release = entry.get("releases", {}).get("bookworm")
            if not release or not name.startswith("CVE-") or release["status"] == "undetermined":
                continue
            version = release.get("fixed_version", "None") if release["status"] == "resolved" else "None"
            if version == "0":
                continue
            post = posts.setdefault(name, {"Name": name, "NamespaceName": "debian:12", "Severity": "Unknown",
                "Description": entry.get("description", ""), "FixedIn": []})
            post["FixedIn"].append({"Name": package, "NamespaceName": "debian:12",
                "VersionFormat": "dpkg", "Version": version})
    posts = list(posts.values())
    path = "/v1/namespaces/debian:12/vulnerabilities"
    many("POST vulnerability", len(posts), "POST", lambda _: path, lambda n: {"Vulnerability": posts[n]}, 201)

top = f"s{run}"
many("POST status-only layer, first", 1, "POST", lambda _: "/v1/layers", lambda _: layer(top, status), 201)
many("POST status-only layer, new names", 50, "POST", lambda _: "/v1/layers", lambda n: layer(f"{top}-{n}", status), 201)
many("POST the same again", 100, "POST", lambda _: "/v1/layers", lambda _: layer(top, status), 201)
if full:
    size = os.path.getsize(full) / 1e6
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(["gzip", "-dc", full], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - start) * 1000)
    row(f"floor: gzip -dc of {size:.1f} MB", times)
    many(f"POST full layer of {size:.1f} MB", 6, "POST", lambda _: "/v1/layers", lambda n: layer(f"f{run}-{n}", full), 201)
    many("POST full layer again", 20, "POST", lambda _: "/v1/layers", lambda _: layer(f"f{run}-0", full), 201)
at = f"/v1/layers/{top}"
_, _, data = ask("GET", f"{at}?vulnerabilities")
found = sum(len(feature.get("Vulnerabilities") or []) for feature in json.loads(data)["Layer"].get("Features", []))
many("GET layer", 200, "GET", lambda _: at)
many("GET ?features", 200, "GET", lambda _: f"{at}?features")
many("GET ?vulnerabilities", 400, "GET", lambda _: f"{at}?vulnerabilities", more=f"  ({found} found, {len(data)} bytes)")
many("GET ?vulnerabilities, never asked before", 50, "GET", lambda n: f"{at}-{n}?vulnerabilities")
many("GET ?vulnerabilities gzip", 200, "GET", lambda _: f"{at}?vulnerabilities", headers={"Accept-Encoding": "gzip"})
many("GET namespaces", 200, "GET", lambda _: "/v1/namespaces")
many("GET vulnerabilities limit=100", 100, "GET", lambda _: "/v1/namespaces/debian:12/vulnerabilities?limit=100")
many("GET vulnerabilities limit=10000", 5, "GET", lambda _: "/v1/namespaces/debian:12/vulnerabilities?limit=10000")
PY
  memory "after one client"
  layer=many-$$-$RANDOM
  curl -s -o /dev/null -XPOST "$url/v1/layers" \
    -d "{\"Layer\":{\"Name\":\"$layer\",\"Path\":\"$status\",\"Format\":\"Docker\"}}"
  for count in $clients; do
    for path in "$layer?vulnerabilities" "$layer"; do
      wrk -t1 -c"$count" -d"${each}s" --timeout 30s --latency "$url/v1/layers/$path" |
        awk -v what="$count clients, GET ${path#"$layer"}" '
          /50%|99%/ { at[$1] = $2 } /Requests\/sec/ { rate = $2 } /Non-2xx|Socket errors/ { bad = bad "  " $0 }
          END { printf "%-44s%9.0f/s  p50 %-9s p99 %-9s%s\n", what, rate, at["50%"], at["99%"], bad ? bad : "  no error" }'
    done
  done
  memory "after many clients"
  if [ -n "$server" ]; then kill "$server"; wait "$server" 2>/dev/null || true; fi
  [ "$target" != pgsql ] || { postgres_stop; pg_dir=; }
  rm -f "$work"/data/pellucid.sqlite*
done
