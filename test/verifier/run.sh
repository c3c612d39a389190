#!/bin/sh
# Logs and receipts made by our code, judged by programs that others wrote: Go's golang.org/x/mod/sumdb packages and
# openssl. Each must accept the genuine one and refuse forged, truncated and rolled-back copies; so must our command.
# usage: run.sh MAKE_LOG GATEWAYCTL VERIFIER
make_log=$1 ctl=$2 verifier=$3
origin=north.example/audit/gw/1
passed=0 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# check WHAT accept|refuse|tampered COMMAND…: a refusal is exit 1, tampering that our command found exit 4.
check() {
	what=$1 want=$2
	shift 2
	"$@" >out 2>&1
	status=$?
	case $want:$status in
	accept:0 | refuse:1 | tampered:4) passed=$((passed + 1)) ;;
	*) failed=$((failed + 1)); echo "FAILED: $what: wanted $want, exit $status"; cat out ;;
	esac
}

# Both verifiers on a directory, with what options they share.
check_log() {
	what=$1 want=$2 dir=$3 earlier=$4
	check "$what (go)" "$want" "$verifier" log -key "$key" ${earlier:+-earlier "$earlier"} "$dir"
	[ "$want" = refuse ] && want=tampered
	check "$what (gatewayctl)" "$want" "$ctl" audit verify --key "$key" ${earlier:+--earlier "$earlier"} "$dir"
}

check_receipt() {
	check "$1 (go)" "$2" "$verifier" receipt -key "$key" "$3"
	want=$2
	[ "$want" = refuse ] && want=tampered
	check "$1 (gatewayctl)" "$want" "$ctl" audit verify-receipt --key "$key" "$3"
}

# Overwrites one byte of a file: poke FILE OFFSET
poke() {
	old=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "$(printf '\\%03o' $((old ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

copy() {
	rm -rf copy && cp -r log copy
}

key=$("$make_log" north.db $origin 1 0 1000) || exit 1
"$ctl" audit export --from north.db log 2>/dev/null || exit 1
check_log "the genuine log" accept log

# openssl: the key from its verifier key as DER, text and signature from the checkpoint.
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf '%s' "$key" | cut -d+ -f3- | base64 -d | tail -c 32; } >key.der
openssl_verify() {
	sed '/^$/,$d' "$1" >text
	sed -n "s|^— $origin ||p" "$1" | base64 -d | tail -c +5 >signature
	openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature
}
check "the genuine checkpoint (openssl)" accept openssl_verify log/checkpoint

# Forged: an entry, a tile, size or root of the checkpoint, an entry together with its tile; another's signature.
copy; poke copy/tile/entries/001 300; check_log "an altered entry" refuse copy
copy; poke copy/tile/0/002 64; check_log "an altered tile" refuse copy
copy; poke copy/tile/1/000.p/3 40; check_log "an altered upper tile" refuse copy
copy; sed -i '2s/1001/1000/' copy/checkpoint; check_log "an altered size" refuse copy
check "an altered size (openssl)" refuse openssl_verify copy/checkpoint
copy; sed -i '3s/^./A/;3s/^AA/BA/' copy/checkpoint
cmp -s log/checkpoint copy/checkpoint && sed -i '3s/^./C/' copy/checkpoint
check_log "an altered root" refuse copy
check "an altered root (openssl)" refuse openssl_verify copy/checkpoint
"$make_log" forged.db $origin 2 0 1000 >/dev/null && "$ctl" audit export --from forged.db forged 2>/dev/null
check_log "another key's log of the same name" refuse forged
check "another key's checkpoint (openssl)" refuse openssl_verify forged/checkpoint
"$make_log" other.db $origin 1 5 1005 >/dev/null && "$ctl" audit export --from other.db other 2>/dev/null
copy; cp other/tile/entries/001 copy/tile/entries/001; cp other/tile/0/001 copy/tile/0/001
check_log "entries altered together with their tile" refuse copy
copy; cp other/checkpoint copy/checkpoint; check_log "another tree's checkpoint of the same key" refuse copy

# Truncated: at the end of entries, of tiles, of the checkpoint; files gone.
last=tile/entries/003.p/233
copy; truncate -s -1 copy/$last; check_log "a cut entry bundle" refuse copy
copy; rm copy/$last; check_log "a missing entry bundle" refuse copy
copy; truncate -s -32 copy/tile/0/003.p/233; check_log "a cut tile" refuse copy
copy; rm copy/tile/0/001; check_log "a missing tile" refuse copy
copy; truncate -s -3 copy/checkpoint; check_log "a cut checkpoint" refuse copy
check "a cut checkpoint (openssl)" refuse openssl_verify copy/checkpoint
copy; rm copy/checkpoint; check_log "a missing checkpoint" refuse copy

# Rolled back: whole in itself, found by whoever kept a later checkpoint.
"$make_log" north.db $origin 1 1000 1100 >/dev/null && "$ctl" audit export --from north.db newer 2>/dev/null
check_log "the log that grew" accept newer log/checkpoint
check_log "an older copy alone" accept log
check_log "a rolled-back copy" refuse log newer/checkpoint
check_log "another history of the same key" refuse other log/checkpoint
# A checkpoint that was put back over a newer tree is authentic for openssl, and no more than that.
check "the older checkpoint (openssl)" accept openssl_verify log/checkpoint

# Receipts, offline.
receipt_of() {
	id=$("$ctl" audit export --format jsonl --from north.db --after "$(($1 - 1))" 2>/dev/null | head -n 1 |
		sed 's/.*"exchange":"\([^"]*\)".*/\1/')
	"$ctl" audit prove --from north.db --out "$2" "$id" >/dev/null
}
receipt_of 500 a.tlog-proof && receipt_of 777 b.tlog-proof || failed=$((failed + 1))
check_receipt "a receipt" accept a.tlog-proof
check_receipt "another receipt" accept b.tlog-proof
{ sed -n 1p a.tlog-proof; sed -n 2p b.tlog-proof; sed '1,2d' a.tlog-proof; } >swapped
check_receipt "a receipt with another's entry" refuse swapped
{ sed '/^$/,$d' a.tlog-proof; sed -n '/^$/,$p' b.tlog-proof; } >swapped
check_receipt "a receipt with another's checkpoint" refuse swapped
sed 's/^index .*/index 777/' a.tlog-proof >swapped
check_receipt "a receipt with another's index" refuse swapped
sed '4d' a.tlog-proof >swapped
check_receipt "a receipt without one of its hashes" refuse swapped
truncate -s -3 b.tlog-proof
check_receipt "a cut receipt" refuse b.tlog-proof
key=$("$make_log" forged.db $origin 2 1000 1001)
check_receipt "a receipt under another key" refuse a.tlog-proof

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
