#!/usr/bin/env bash
# Reading images from a registry on the loopback interface: right, and how fast beside trivy and syft.
#
# usage: registry.sh IMAGES PELLUCID [NAME]
#   IMAGES    folder with NAME/oci layouts (default NAME: debian-app)
#   PELLUCID  the binary
# Wanted on PATH: docker-registry, skopeo, htpasswd, jq, python3. $TRIVY and $SYFT name the peers; one that is
# absent is left out. With LAZY=no layers with tables of contents are left out. Prints figures and ends with 1 if an
# answer is wrong.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,10p' "$0"; exit 2; }
images=$(cd "$1" && pwd) pellucid=$(realpath "$2") name=${3:-debian-app}
work=$(mktemp -d); port=${PORT:-5077}; to=127.0.0.1:$port; failed=0
here=$(cd "$(dirname "$0")" && pwd)
trap 'kill $(cat "$work"/pid* 2>/dev/null) 2>/dev/null || true; rm -rf "$work"' EXIT
export HOME=$work

start() { # PORT [AUTH]: a registry with the same data
  { echo "version: 0.1"; echo "log: {level: warn, accesslog: {disabled: true}}"
    echo "storage: {filesystem: {rootdirectory: $work/data}}"; echo "http: {addr: 127.0.0.1:$1}"
    [ -z "${2:-}" ] || echo "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
  } > "$work/config$1.yml"
  docker-registry serve "$work/config$1.yml" > "$work/log$1" 2>&1 < /dev/null &
  echo $! > "$work/pid$1"
  for _ in $(seq 1 100); do (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done
  cat "$work/log$1" >&2; exit 1
}
same() { # WHAT A B
  if cmp -s "$2" "$3"; then echo "ok     $1"; else echo "WRONG  $1"; failed=1; diff "$2" "$3" | head -5; fi
}
says() { # WHAT TEXT FILE
  if grep -q "$2" "$3"; then echo "ok     $1: $(grep -o "$2.*" "$3" | head -1)"; else echo "WRONG  $1"; cat "$3"; failed=1; fi
}
packages() { "$pellucid" packages -q -f json "$@" | jq -S '[.packages[] | {name, version, kind, namespace, source}]'; }
copy() { skopeo copy -q --insecure-policy --dest-tls-verify=false "$@"; }

start "$port"
copy "oci:$images/$name/oci:latest" "docker://$to/$name:latest"
packages "oci:$images/$name/oci" > "$work/wanted"
packages "$to/$name" --plain-http "$to" > "$work/got"; same "by tag" "$work/wanted" "$work/got"
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$to/$name:latest")
packages "$to/$name@$digest" --plain-http "$to" > "$work/got"; same "by digest" "$work/wanted" "$work/got"
packages "$to/$name" --platform all --plain-http "$to" > "$work/got"; same "all platforms" "$work/wanted" "$work/got"

htpasswd -Bbn robot canary-9c41 > "$work/htpasswd"
guarded=$((port + 1)); start "$guarded" auth; at=127.0.0.1:$guarded
"$pellucid" packages "$at/$name" --plain-http "$at" > "$work/out" 2>&1 || true; says "no password" "wants credentials" "$work/out"
echo wrong | "$pellucid" packages "$at/$name" --plain-http "$at" --username robot --password-stdin > "$work/out" 2>&1 || true
says "wrong password" "refused the credentials" "$work/out"
echo canary-9c41 | "$pellucid" packages -vv -f json "$at/$name" --plain-http "$at" --username robot --password-stdin > "$work/all" 2> "$work/err"
jq -S '[.packages[] | {name, version, kind, namespace, source}]' "$work/all" > "$work/got"; same "basic authentication" "$work/wanted" "$work/got"
if grep -q canary "$work/all" "$work/err"; then echo "WRONG  the password was written"; failed=1; else echo "ok     the password is in no output"; fi

echo; echo "wall time of listing $name from the registry, seconds, best of ${RUNS:-3}"
best() { # COMMAND...
  local least=999999999999 t0 t1
  for _ in $(seq 1 "${RUNS:-3}"); do
    t0=$(date +%s%N); "$@" > /dev/null 2>&1 || { echo "failed: $*" >&2; return 1; }; t1=$(date +%s%N)
    [ $(((t1 - t0) / 1000)) -ge $least ] || least=$(((t1 - t0) / 1000))
  done
  echo $least
}
ours=$(best "$pellucid" packages -q -f json "$to/$name" --plain-http "$to")
printf 'pellucid  %d.%03d\n' $((ours / 1000000)) $((ours / 1000 % 1000))
compare() { # NAME COMMAND...
  local who=$1 t; shift
  t=$(best "$@") || return 0
  printf '%-9s %d.%03d  (%s: pellucid takes 1/%s)\n' "$who" $((t / 1000000)) $((t / 1000 % 1000)) ratio "$(echo "$t $ours" | awk '{printf "%.1f", $1 / $2}')"
}
"$here/trivy-jars.py" "$work/.cache/trivy"
[ -z "${TRIVY:-}" ] || compare trivy env TRIVY_INSECURE=true TRIVY_NON_SSL=true "$TRIVY" image -q --insecure --image-src remote --cache-backend memory --format cyclonedx --skip-db-update --skip-java-db-update --offline-scan "$to/$name"
[ -z "${SYFT:-}" ] || compare syft env SYFT_CHECK_FOR_APP_UPDATE=false SYFT_REGISTRY_INSECURE_USE_HTTP=true "$SYFT" scan -q -o json "registry:$to/$name"

[ "${LAZY:-}" != no ] || exit $failed
echo; echo "bytes of layers transferred, of all"
"$here/lazy-images.py" "$images/$name/oci" "$work/lazy"
for kind in estargz chunked; do
  copy "oci:$work/lazy/$kind:latest" "docker://$to/$name:$kind"
  packages "$to/$name:$kind" --plain-http "$to" > "$work/got"; same "$kind, the same packages" "$work/wanted" "$work/got"
  "$here/counting-proxy.py" "$to" "$work/proxy" & echo $! > "$work/pid-proxy"
  for _ in $(seq 1 100); do [ -s "$work/proxy" ] && break; sleep 0.05; done
  via=127.0.0.1:$(head -1 "$work/proxy")
  packages "$via/$name:$kind" --plain-http "$via" > "$work/got"
  kill "$(cat "$work/pid-proxy")"; wait "$(cat "$work/pid-proxy")" 2>/dev/null || true
  all=$(jq '[.layers[].size] | add' "$work/lazy/$kind.manifest.json")
  sent=$(tail -1 "$work/proxy"); rm "$work/proxy"
  echo "$kind  $sent of $all bytes: $(echo "$sent $all" | awk '{printf "%.1f", 100 * $1 / $2}') %"
done
exit $failed
