#!/bin/sh
# Makes the certificates of the test anew: an authority, a server for 127.0.0.1 and a client, for a hundred years.
set -eu
cd "$(dirname "$0")"
days=36500
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -subj '/CN=Test authority' -days $days -out ca.pem
issue() { # issue NAME SUBJECT EXTENSIONS
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    printf '%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}
issue server 127.0.0.1 'subjectAltName=IP:127.0.0.1'
issue client hub 'extendedKeyUsage=clientAuth'
rm ca.key ca.srl
