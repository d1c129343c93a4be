#!/usr/bin/env bash
# A real client of Clair's API against the service: claircli 1.3 from PyPI scans an image that lies in
# Debian's docker-registry on loopback, and prints what it found.
#
# usage: benches/clients.sh OCI_LAYOUT          (the folder of an image, `skopeo copy ... oci:FOLDER`)
#   FEEDS     mirror with the advisories of its distribution (default ../shared/feeds, Debian's)
#   FEED      the feed (default debian)
#   PELLUCID  the binary (default: built here with --release)
#
# Needs: python3 with venv, docker-registry, skopeo, jq. Ends with 1 if claircli found nothing, or anything but
# what the service itself answers about the top layer.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { sed -n '2,12p' "$0"; exit 2; }
image=$(realpath "$1") feeds=${FEEDS:-../shared/feeds} feed=${FEED:-debian}
if [ -z "${PELLUCID:-}" ]; then
  cargo build --release --locked --quiet -p pellucid
  PELLUCID=${CARGO_TARGET_DIR:-target}/release/pellucid
fi
work=$(mktemp -d)
pids=()
finish() { kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install claircli==1.3
"$PELLUCID" db update "$feed" --mirror "$feeds" --data-dir "$work/data"
printf 'clair:\n  api: {port: 16060, healthport: 16061, address: 127.0.0.1}\n  updater: {interval: 0}\n' >"$work/config.yaml"
"$PELLUCID" serve -config="$work/config.yaml" -log-level warning --data-dir "$work/data" >"$work/log" 2>&1 &
pids+=($!)
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:15000"}\n' \
  "$work/registry" >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
pids+=($!)
for url in http://127.0.0.1:16060/v1/namespaces http://127.0.0.1:15000/v2/; do
  for _ in $(seq 100); do curl -sf "$url" >/dev/null && break; sleep 0.1; done
done
skopeo copy -q --insecure-policy --dest-tls-verify=false --format v2s2 "oci:$image" docker://127.0.0.1:15000/test/image:1

cd "$work"
found=0
venv/bin/claircli -c http://127.0.0.1:16060 -i 127.0.0.1:15000 -f json 127.0.0.1:15000/test/image:1 || found=$?
# claircli ends with 1 when something reaches its threshold, which by default is everything.
[ "$found" = 1 ] || { echo "claircli ended with $found"; cat log; exit 1; }
report=$(ls clair-*.json)
jq -r '"claircli: \(.NamespaceName), \(.Severity.Total) vulnerabilities: \(.Severity)"' "$report"
top=$(skopeo inspect --raw --tls-verify=false docker://127.0.0.1:15000/test/image:1 | jq -r '.layers[-1].digest')
curl -s "http://127.0.0.1:16060/v1/layers/$top?vulnerabilities" |
  jq -r '.Layer.Features[] | .Name as $f | .Version as $v | .Vulnerabilities[]? | "\($f) \($v) \(.Name)"' | sort >served
jq -r '.Vulnerabilities[] | "\(.FeatureName) \(.FeatureVersion) \(.Name)"' "$report" | sort >reported
cmp served reported && [ -s reported ] && echo "the same $(wc -l <served) as the service answers about the top layer"
