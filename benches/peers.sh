#!/usr/bin/env bash
# Inventory of the same image by pellucid, syft and trivy, in one run, with the floor beside them.
#
# usage: benches/peers.sh IMAGES_DIR [NAME...]       (default: debian-app big)
#   IMAGES_DIR/NAME/oci          OCI layout with gzip layers
#   IMAGES_DIR/NAME/docker-oci.tar   docker archive with uncompressed layers
#   SYFT, TRIVY   the peers' binaries (default: from PATH; a missing one is said and left out)
#   RUNS          runs of each, the median counts (default 5), after one to warm up (WARM=0: none)
#   PELLUCID, FLOOR   binaries to measure instead of building them
#
# Prints wall seconds, user+system seconds and peak RSS, and wall as a ratio to pellucid's.
# The floor is what the same libraries need to inflate and hash all layers in parallel and throw
# the bytes away; it has a meaning for compressed layers only.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '2,15p' "$0"; exit 2; }
images=$1; shift
[ $# -gt 0 ] || set -- debian-app big
runs=${RUNS:-5}
syft=${SYFT:-$(command -v syft || true)} trivy=${TRIVY:-$(command -v trivy || true)}
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
benches/trivy-jars.py "$cache"
export TRIVY_CACHE_DIR=$cache SYFT_CHECK_FOR_APP_UPDATE=false TRIVY_SKIP_VERSION_CHECK=true TRIVY_DISABLE_TELEMETRY=true

target=${CARGO_TARGET_DIR:-target}
[ -n "${PELLUCID:-}" ] || cargo build --release --locked --quiet -p pellucid
[ -n "${FLOOR:-}" ] || cargo build --release --locked --quiet -p pellucid-image --example floor
pellucid=${PELLUCID:-$target/release/pellucid} floor=${FLOOR:-$target/release/examples/floor}

# measure COMMAND...: "wall cpu rss" of the run with the median wall time
measure() {
  [ "${WARM:-1}" = 0 ] || "$@" >/dev/null 2>&1 || { echo "- - -"; return; }
  for _ in $(seq "$runs"); do
    python3 - "$@" <<'PY'
import os, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{wall:.3f} {used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss // 1024}")
PY
  done | sort -n | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'
}

row() { # LABEL IMAGE RESULT BASE
  awk -v label="$1" -v image="$2" -v result="$3" -v base="$4" 'BEGIN {
    split(result, r, " "); split(base, b, " ")
    ratio = (r[1] == "-" || b[1] + 0 == 0) ? "-" : sprintf("%.2f", r[1] / b[1])
    printf "| %-28s | %-9s | %7s | %7s | %7s | %7s |\n", image, label, r[1], r[2], r[3], ratio
  }'
}

echo "| image                        | tool      |  wall s |   cpu s | RSS MiB | x ours  |"
echo "|------------------------------|-----------|---------|---------|---------|---------|"
for name; do
  for shape in oci docker-oci.tar; do
    path=$images/$name/$shape
    [ -e "$path" ] || { echo "no $path: left out" >&2; continue; }
    ours=$(measure "$pellucid" packages --format json "$path")
    row pellucid "$name/$shape" "$ours" "$ours"
    [ "$shape" != oci ] || row floor "$name/$shape" "$(measure "$floor" "$path")" "$ours"
    if [ -n "$syft" ]; then
      case $shape in oci) from=oci-dir:$path ;; *) from=docker-archive:$path ;; esac
      row syft "$name/$shape" "$(measure "$syft" scan "$from" -q -o json)" "$ours"
    fi
    if [ -n "$trivy" ]; then
      row trivy "$name/$shape" "$(measure "$trivy" image --quiet --cache-backend memory --input "$path" --format cyclonedx \
        --skip-db-update --skip-java-db-update --offline-scan)" "$ours"
    fi
  done
done
[ -n "$syft" ] || echo "no syft: left out" >&2
[ -n "$trivy" ] || echo "no trivy: left out" >&2
