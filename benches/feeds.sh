#!/usr/bin/env bash
# Updates of all feeds from a mirror on loopback: wall time, CPU time, peak memory, size on disk, and
# whether the counts are those of an independent count.
#
# usage: benches/feeds.sh MIRROR_DIR
#   MIRROR_DIR   upstream's files and a MANIFEST.tsv (docs/feeds.md), with the Ubuntu tracker of 2020-06
#   PELLUCID     the binary (default: built with --release)
#
# Prints, as a table: all feeds cold; the same again with nothing new; and Debian, Ubuntu's tracker as
# of June 2020 and Alpine cold, which took Clair 2.1 228 s on the same kind of machine.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { sed -n '2,12p' "$0"; exit 2; }
mirror=$(realpath "$1")
if [ -z "${PELLUCID:-}" ]; then
  cargo build --release --locked --quiet -p pellucid
  PELLUCID=${CARGO_TARGET_DIR:-target}/release/pellucid
fi
work=$(mktemp -d)
servers=()
trap 'for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done; rm -rf "$work"' EXIT

# serve DIR NAME: sets $url
serve() {
  python3 -u -m http.server --bind 127.0.0.1 --directory "$1" 0 >"$work/$2.out" 2>"$work/$2.log" &
  servers+=($!)
  until url=$(grep -o 'http://[^/)]*' "$work/$2.out"); do sleep 0.1; done
}

# measure LABEL URL DATA_DIR KEY...
measure() {
  python3 - "$work/update.err" "$PELLUCID" "$@" <<'PY'
import resource, subprocess, sys, time
log, pellucid, label, url, data, *keys = sys.argv[1:]
start = time.perf_counter()
with open(log, "w") as err:
    ran = subprocess.run([pellucid, "db", "update", "--mirror", url, "--data-dir", data, *keys],
                         stdout=subprocess.DEVNULL, stderr=err)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"| {label:<34} | {wall:7.2f} | {used.ru_utime + used.ru_stime:7.2f} | {used.ru_maxrss // 1024:7} |", flush=True)
if ran.returncode:
    sys.exit(open(log).read())
PY
}

# written DATA_DIR: names, sizes and times of the snapshots
written() { (cd "$1/snapshots" && find . -type f -printf '%p %s %T@ %i\n' | sort); }

mapfile -t keys < <(python3 crates/feeds/tests/count.py --keys)
serve "$mirror" all
echo "| update                             |  wall s |   cpu s | RSS MiB |"
echo "|------------------------------------|---------|---------|---------|"
measure "all feeds, cold (${#keys[@]} snapshots)" "$url" "$work/all" "${keys[@]}"
cp "$work/all.log" "$work/cold.log"
written "$work/all" >"$work/before"
measure "all feeds, nothing new" "$url" "$work/all" "${keys[@]}"
written "$work/all" >"$work/after"

# The same mirror, its list without every copy of the tracker but that of June 2020.
mkdir "$work/june"
ln -s "$mirror"/*/ "$work/june/"
awk -F'\t' '$1 !~ /ubuntu-cve-tracker/ || $2 ~ /2020-06/' "$mirror/MANIFEST.tsv" >"$work/june/MANIFEST.tsv"
serve "$work/june" june
measure "Debian, Ubuntu 2020-06, Alpine" "$url" "$work/three" debian ubuntu-tracker alpine 2>"$work/three.err" || true
# Releases newer than the mirror are missing from it.
! grep -v "NotInMirror\|alpine/v3.2[2-9]\|not in\|^$\|^ " "$work/three.err" || true

cmp -s "$work/before" "$work/after" && echo "nothing new: no snapshot was written" || { echo "nothing new, and yet:"; diff "$work/before" "$work/after" || true; }
python3 - "$mirror" "$work/cold.log" "$work/all/snapshots" <<'PY'
import csv, pathlib, re, sys, urllib.parse, zipfile
mirror, log, snapshots = pathlib.Path(sys.argv[1]), *sys.argv[2:]
fetched = {urllib.parse.unquote(path) for path in re.findall(r'"GET /(\S+) HTTP/1.1" 200', open(log).read())}
raw = 0
for row in csv.DictReader(open(mirror / "MANIFEST.tsv", newline=""), delimiter="\t", quoting=csv.QUOTE_NONE):
    if row["file"] in fetched:
        file = mirror / row["file"]
        zipped = zipfile.is_zipfile(file)
        raw += sum(one.file_size for one in zipfile.ZipFile(file).infolist()) if zipped else int(row["unpacked_size"])
kept = sum(file.stat().st_size for file in pathlib.Path(snapshots).iterdir())
print(f"size: {raw >> 20} MiB of feeds, unpacked, are {kept >> 20} MiB of snapshots: 1/{raw / kept:.1f}")
PY
python3 crates/feeds/tests/count.py "$mirror" "$work/all" >"$work/counts" && echo "counts: all $(wc -l <"$work/counts") namespaces as counted" \
  || { echo "counts differ:"; grep DIFFERS "$work/counts"; }
