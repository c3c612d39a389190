#!/bin/sh
# Verifies what lies beside it: sh verify.sh KEY...   KEY: a file with a log's verifier key, from elsewhere. See README.md.
set -eu
export LC_ALL=C
keys=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$keys" "$work"' EXIT
fail() { echo "DOES NOT HOLD: $*"; exit 1; }
if [ $# -gt 0 ]; then
	cat "$@" > "$keys"
else
	cat keys/*.vkey > "$keys"
	echo "note: by the keys that came along, which prove nothing about whose they are"
fi
sha() { openssl dgst -sha256 -binary; }

# The checkpoint in FILE: signed by the key whose name is its origin. Leaves its text in $work/text.
signed() {
	sed '/^$/,$d' "$1" > "$work/text"
	origin=$(sed -n 1p "$work/text")
	while read -r key; do
		[ "${key%%+*}" = "$origin" ] || continue
		{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf %s "$key" | cut -d+ -f3- | base64 -d | tail -c 32; } > "$work/der"
		sed -n "s|^— $origin ||p" "$1" | while read -r line; do
			printf %s "$line" | base64 -d | tail -c +5 > "$work/signature"
			if openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/der" -rawin -in "$work/text" \
				-sigfile "$work/signature" > "$work/said" 2>&1; then
				echo yes
			fi
		done | grep -q yes && return 0
	done < "$keys"
	return 1
}

# A receipt (RFC 9162, section 2.1.3.2). Leaves the entry in $work/entry.
received() {
	sed '1,/^$/d' "$1" > "$work/checkpoint"
	signed "$work/checkpoint" || fail "$1: no key given signed its checkpoint"
	sed -n 's/^extra //p' "$1" | base64 -d > "$work/entry"
	n=$(sed -n 's/^index //p' "$1")
	last=$(($(sed -n 2p "$work/text") - 1))
	[ "$n" -le "$last" ] || fail "$1: the entry lies beyond the checkpoint"
	{ printf '\000'; cat "$work/entry"; } | sha > "$work/node"
	sed '1,/^index /d; /^$/,$d' "$1" > "$work/proof"
	while read -r hash; do
		[ "$last" -gt 0 ] || fail "$1: the proof is too long"
		echo "$hash" | base64 -d > "$work/beside"
		if [ $((n & 1)) = 1 ] || [ "$n" = "$last" ]; then
			{ printf '\001'; cat "$work/beside" "$work/node"; } | sha > "$work/above"
			while [ $((n & 1)) = 0 ] && [ "$n" != 0 ]; do n=$((n >> 1)) last=$((last >> 1)); done
		else
			{ printf '\001'; cat "$work/node" "$work/beside"; } | sha > "$work/above"
		fi
		mv "$work/above" "$work/node"
		n=$((n >> 1)) last=$((last >> 1))
	done < "$work/proof"
	[ "$last" = 0 ] || fail "$1: the proof is too short"
	[ "$(base64 < "$work/node")" = "$(sed -n 3p "$work/text")" ] || fail "$1: the entry is not in the log"
}

url() { base64 | tr -- '+/' '-_' | tr -d =; }
unurl() { { tr -d '\n' | tr -- '-_' '+/'; echo ==; } | base64 -di 2> "$work/said" || :; }

# Each disclosure's digest stands in the entry, or in a disclosure that does; and each digest of the entry is a disclosure's, or
# that of a decoy: SHA-256 of the seed and its number. So nothing is kept back.
disclosed() {
	cp "$1/leaf.json" "$work/holds"
	: > "$work/own"
	: > "$work/lines"
	[ ! -e "$1/disclosures" ] || cat "$1/disclosures" > "$work/lines"
	while read -r line || [ -n "$line" ]; do
		printf %s "$line" | unurl >> "$work/holds"
		printf %s "$line" | sha | url >> "$work/own"
	done < "$work/lines"
	while read -r digest; do
		grep -qF "\"$digest\"" "$work/holds" || fail "$1: a disclosure is not of this entry"
	done < "$work/own"
	sed -n 's/.*"_sd":\[\([^]]*\)\].*/\1/p' "$1/leaf.json" | tr -d '"' | tr ',' '\n' | grep . > "$work/digests" || :
	if [ -e "$1/decoys" ]; then
		i=0
		while [ "$i" -lt "$(wc -l < "$work/digests")" ]; do
			{ unurl < "$1/decoys"; printf "\\$(printf %03o "$i")"; } | sha | url >> "$work/own"
			i=$((i + 1))
		done
	fi
	while read -r digest; do
		grep -qxF -- "$digest" "$work/own" || fail "$1: a digest of the entry opens nothing that is here"
	done < "$work/digests"
}

# FILE.p7s is of FILE's bytes, by certificates that are here; that they are whose they say is for you to compare.
cat certificates/*.pem > "$work/certificates"
cms() {
	signed_file=${2:-$1}
	openssl cms -verify -binary -inform PEM -in "$1.p7s" -content "$signed_file" -certfile "$work/certificates" -nointern -noverify \
		-out "$work/content" > "$work/said" 2>&1 || fail "$1.p7s: is not signed by the certificates that are here"
	cmp -s "$signed_file" "$work/content" || fail "$1.p7s: is of other bytes"
}

# The signature is the one that the entry has, whole or by its digest.
stated() {
	if grep -qF "\"$(sha256sum < "$1" | cut -c1-64)\"" "$work/holds"; then return 0; fi
	while read -r line; do
		grep -qF -- "$line" "$work/holds" || fail "$1: is not the signature that was logged"
	done < "$1"
}

for entry in entries/*; do
	received "$entry/receipt.tlog-proof"
	cmp -s "$entry/leaf.json" "$work/entry" || fail "$entry/leaf.json: is not what was logged"
	said="$entry: in the log"
	if [ -e "$entry/disclosures" ] || [ -e "$entry/decoys" ]; then
		disclosed "$entry"
		said="$said, $(wc -l < "$work/lines") disclosures are its own and all that it has"
	fi
	if [ -e "$entry/shape" ]; then
		digest=$(sha256sum < "$entry/shape" | cut -c1-64)
		grep -qF "\"shape\":\"$digest\"" "$work/holds" || fail "$entry/shape: is not what the decision names"
	fi
	for statement in "$entry"/statement-*.p7s; do
		[ -e "$statement" ] || continue
		cms "${statement%.p7s}"
		stated "$statement"
		said="$said, ${statement##*/} is signed"
	done
	echo "$said"
done
for document in documents/*; do
	[ -e "$document" ] || continue
	case $document in
	*-[0-9]*.p7s) # one of several under an act
		cms "${document%.p7s}" "${document%-*}"
		echo "$document: signed"
		continue ;;
	*.p7s)
		cms "${document%.p7s}"
		echo "$document: signed"
		continue ;;
	esac
	digest=$(sha256sum < "$document" | cut -c1-64)
	[ "documents/$digest" = "$document" ] || fail "$document: has other bytes than its name says"
	cat entries/*/disclosures | while read -r line; do printf %s "$line" | unurl; done | grep -qF "\"$digest\"" || fail "$document: no decision names it"
	echo "$document: $(sed -n "s/^$digest //p" governing | tr '\n' ' ')as the decision names it"
done
for proof in partner/*.tlog-proof; do
	[ -e "$proof" ] || continue
	received "$proof"
	echo "$proof: in the log of $(sed -n 1p "$work/text")"
done
echo "all of it holds"
