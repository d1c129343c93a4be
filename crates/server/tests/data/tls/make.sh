#!/bin/sh
# Makes the certificates of the TLS tests anew: an authority whose key is thrown away, a server, a client.
set -eu
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key "$work/authority.key"
openssl req -x509 -new -key "$work/authority.key" -days 36500 -subj "/CN=pellucid test authority" \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" -out authority.pem
for name in server client; do
  key $name.key
  openssl req -new -key $name.key -subj "/CN=$name" -out "$work/csr"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%sAuth\nbasicConstraints=CA:FALSE\n' $name >"$work/ext"
  openssl x509 -req -in "$work/csr" -CA authority.pem -CAkey "$work/authority.key" -CAcreateserial \
    -CAserial "$work/serial" -days 36500 -extfile "$work/ext" -out $name.pem
done
