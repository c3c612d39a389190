#!/bin/sh
# Makes the throw-away certificates of the edge's tests in directory $1: an authority, one good client and one
# gateway, and clients that are wrong in one way each.
set -eu
cd "$1"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# issue NAME ISSUER EKU SAN [days]: a leaf; EKU "-" leaves the extension out, as USAGE does that of the key usage. CLOCK: a
# command before the one that signs.
issue() {
	[ -f "$1.key" ] || key "$1"
	{
		echo "basicConstraints=critical,CA:FALSE"
		[ "${USAGE-critical,digitalSignature}" = - ] || echo "keyUsage=${USAGE-critical,digitalSignature}"
		echo "subjectKeyIdentifier=hash"
		echo "authorityKeyIdentifier=keyid"
		[ "$3" = - ] || echo "extendedKeyUsage=$3"
		echo "subjectAltName=$4"
	} > "$1.ext"
	openssl req -new -key "$1.key" -subj "/O=Example/CN=$1" -out "$1.csr"
	${CLOCK-} openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days "${5:-30}" -sha256 -extfile "$1.ext" \
		-out "$1.pem" 2>> openssl.log
	# What a partner file pins.
	openssl x509 -in "$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1 > "$1.pin"
}

authority() {
	key "$1"
	openssl req -x509 -new -key "$1.key" -sha256 -days 30 -subj "/O=Example/CN=$1" \
		-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
		-addext "subjectKeyIdentifier=hash" -out "$1.pem"
}

both=clientAuth,serverAuth
authority ca
authority stranger
issue gateway ca $both "DNS:north.example,URI:https://north.example/gateway"
issue client ca clientAuth "URI:https://south.example/system"
issue other ca clientAuth "URI:https://south.example/other"
issue foreign stranger clientAuth "URI:https://south.example/system"
issue server-only ca serverAuth "URI:https://south.example/system"
issue no-usage ca - "URI:https://south.example/system"
issue no-uri ca clientAuth "DNS:south.example"
issue two-uris ca clientAuth "URI:https://south.example/system,URI:https://south.example/other"
issue expired ca clientAuth "URI:https://south.example/system" -1
USAGE=critical,keyAgreement issue agreement-only ca clientAuth "URI:https://south.example/system"
USAGE=- issue no-key-usage ca clientAuth "URI:https://south.example/system"
CLOCK="faketime -f +10d" issue future ca clientAuth "URI:https://south.example/system"
issue from-leaf client clientAuth "URI:https://south.example/system"
cat client.pem >> from-leaf.pem
openssl genrsa -out rsa2048.key 2048 2>> openssl.log
issue rsa2048 ca clientAuth "URI:https://south.example/system"
openssl genrsa -out rsa3072.key 3072 2>> openssl.log
issue rsa3072 ca clientAuth "URI:https://south.example/system"
# Every kind of key that is taken, for either side.
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:3072 -out rsa-pss.key 2>> openssl.log
openssl ecparam -name secp384r1 -genkey -noout -out p384.key
openssl genpkey -algorithm ED25519 -out ed25519.key
openssl genpkey -algorithm ED448 -out ed448.key
for kind in rsa-pss p384 ed25519 ed448; do
	issue $kind ca $both "DNS:north.example,URI:https://north.example/$kind"
done
