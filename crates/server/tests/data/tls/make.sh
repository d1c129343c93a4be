#!/bin/sh
# Makes the certificates of the TLS tests anew: an authority whose key is thrown away, a server, what it
# has after a renewal, a client. Their dates do not depend on the clock of the machine that runs this.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = here
[here]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = names
[names]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
basicConstraints = CA:FALSE
[client]
extendedKeyUsage = clientAuth
basicConstraints = CA:FALSE
CNF
: >"$work/index"
echo 01 >"$work/serial"

# make NAME EXTENSIONS KEY [MORE]: NAME.pem, signed by the authority
make() {
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$3"
  openssl req -new -key "$3" -subj "/CN=$1" -out "$work/csr"
  openssl ca -batch -notext -config "$work/ca.cnf" -keyfile "$work/authority.key" ${4:--cert authority.pem} \
    -in "$work/csr" -extensions "$2" -startdate 20200101000000Z -enddate 21200101000000Z -out "$1.pem" 2>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }
}
make authority authority "$work/authority.key" -selfsign
make server server server.key
make renewed server renewed.key
make client client client.key
