#!/bin/sh
# The agreement commands: each does its work on the examples and says no where it must.
set -eu
ctl=$1
now=2026-06-01T00:00:00Z
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
n=0

is() { # expected exit status, then the command
	want=$1
	shift
	n=$((n + 1))
	status=0
	"$@" >"$dir/out" 2>"$dir/err" || status=$?
	if [ "$status" != "$want" ]; then
		echo "exit $status, not $want: $*" >&2
		cat "$dir/out" "$dir/err" >&2
		exit 1
	fi
}
has() { # file, text
	n=$((n + 1))
	grep -qF -- "$2" "$dir/$1" || { echo "$1 does not say: $2" >&2; cat "$dir/$1" >&2; exit 1; }
}
lacks() {
	n=$((n + 1))
	! grep -qF -- "$2" "$dir/$1" || { echo "$1 says: $2" >&2; exit 1; }
}

for a in conf/agreements/*.json; do
	is 0 "$ctl" agreement lint --now $now "$a"
	has out "0 findings"
	is 0 "$ctl" -o json agreement lint --now $now "$a"
	is 0 "$ctl" agreement summary "$a"
	is 0 "$ctl" agreement summary --html "$a"
	is 0 "$ctl" agreement flowmap "$a"
	has out "</svg>"
	is 0 "$ctl" agreement flowmap --dot "$a"
	has out "digraph"
	is 0 "$ctl" agreement show --now $now "$a"
	has out "in-force"
	is 0 "$ctl" -o json agreement show --now $now "$a"
	is 0 "$ctl" agreement lint --now $now --floor conf/floor.json --overlay conf/overlay.json "$a"
done
is 3 "$ctl" agreement lint --now 2030-01-01T00:00:00Z conf/agreements/pnr.json
has out "sunset-past"

# What comes out is named by the file: released, held-…, refused-….
for e in conf/records/*/*.json; do
	a=conf/agreements/$(basename "$(dirname "$e")").json
	case $(basename "$e") in
	released*) is 0 "$ctl" simulate --now $now "$a" "$e"; has err '"outcome":"released' ;;
	held*) is 3 "$ctl" simulate --now $now "$a" "$e"; has err '"outcome":"held"' ;;
	*) is 3 "$ctl" simulate --now $now "$a" "$e"; has err '"outcome":"refused"'; lacks out "{" ;;
	esac
	grep '^{' "$dir/err" >"$dir/decision"
	is 0 "$ctl" decision replay "$a" "$e" "$dir/decision"
done
e=conf/records/pnr/released.json
is 0 "$ctl" agreement explain --now $now conf/agreements/pnr.json $e
has out "Leaves that do not pass"
lacks out "Exampletown"
is 3 "$ctl" agreement explain --now $now conf/agreements/pnr.json conf/records/pnr/refused-case-missing.json
has out "case-missing"
"$ctl" simulate --now $now conf/agreements/pnr.json $e 2>&1 >/dev/null | grep '^{' >"$dir/decision"
sed 's/"dropped":[0-9]*/"dropped":0/' "$dir/decision" >"$dir/other"
is 3 "$ctl" decision replay conf/agreements/pnr.json $e "$dir/other"
has err "/counts"

# The same secret gives the same pseudonyms, another one others.
printf '%064d\n' 1 >"$dir/secret"
chmod 600 "$dir/secret"
is 0 "$ctl" simulate --now $now --secret "$dir/secret" conf/agreements/pnr.json $e
cp "$dir/out" "$dir/first"
lacks err "throw-away"
is 0 "$ctl" simulate --now $now --secret "$dir/secret" conf/agreements/pnr.json $e
cp "$dir/out" "$dir/second"
is 0 cmp "$dir/first" "$dir/second"
is 0 "$ctl" simulate --now $now conf/agreements/pnr.json $e
has err "throw-away"
cp "$dir/out" "$dir/third"
is 1 cmp "$dir/first" "$dir/third"

# Signatures of both parties; a changed byte; a stranger.
for p in north south stranger; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$p.key" -out "$dir/$p.pem" \
		-days 30 -subj "/CN=$p" 2>/dev/null
done
cp conf/agreements/pnr.json "$dir/a.json"
pins="--signer north=$dir/north.pem --signer south=$dir/south.pem"
is 1 "$ctl" agreement verify $pins "$dir/a.json"
is 0 "$ctl" agreement sign --cert "$dir/north.pem" --key "$dir/north.key" "$dir/a.json"
is 3 "$ctl" agreement verify $pins "$dir/a.json"
has err "south has not signed"
is 0 "$ctl" agreement sign --cert "$dir/south.pem" --key "$dir/south.key" "$dir/a.json"
is 0 "$ctl" agreement verify $pins "$dir/a.json"
has out "signed by all"
sed 's/"P5Y"/"P4Y"/' "$dir/a.json" >"$dir/b.json"
cp "$dir/a.json.p7s" "$dir/b.json.p7s"
is 3 "$ctl" agreement verify $pins "$dir/b.json"
is 0 "$ctl" agreement diff "$dir/a.json" "$dir/b.json"
has out "5 years becomes 4 years"
has out "0 changes are looser"
is 0 "$ctl" agreement diff "$dir/b.json" "$dir/a.json"
has out "looser    /purposes/0"
is 0 "$ctl" agreement sign --cert "$dir/stranger.pem" --key "$dir/stranger.key" "$dir/a.json"
is 3 "$ctl" agreement verify $pins "$dir/a.json"

# Schemas by digest, from a folder.
is 0 "$ctl" agreement digest-schemas schema/records/passenger.schema.json
sed 's/"maxItems": 99/"maxItems": 98/' schema/records/passenger.schema.json >"$dir/passenger.schema.json"
digest=$("$ctl" agreement digest-schemas "$dir/passenger.schema.json" | cut -d' ' -f1)
sed "s/\"input\": \"[0-9a-f]*\"/\"input\": \"$digest\"/" conf/agreements/pnr.json >"$dir/c.json"
is 3 "$ctl" agreement lint "$dir/c.json"
has err "no schema with this digest"
mkdir "$dir/schemas"
mv "$dir/passenger.schema.json" "$dir/schemas"
is 0 "$ctl" agreement lint --now $now --schema-dir "$dir/schemas" "$dir/c.json"

# The agreements of a node: where each stands, and which file does not load.
is 0 "$ctl" init --agency north --node gw1 --host gw.north.example --listen 127.0.0.1:8443 "$dir/node"
cp conf/agreements/*.json "$dir/node/agreements"
sed -e 's/"version": "1.0"/"version": "1.1"/' -e 's/"effective_from": "2026-01-01/"effective_from": "2026-05-01/' \
	conf/agreements/pnr.json >"$dir/node/agreements/pnr-1.1.json"
is 0 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now $now
has out "pnr                  1.1       in-force           2029-01-01 2028-01-01 /review/next"
has out "pnr                  1.0       superseded"
lacks out "yes"
is 0 "$ctl" -c "$dir/node/gatewayd.json" -o json agreement list --now 2025-12-31T00:00:00Z
[ "$(jq -r '[.[].state] | unique | join(" ")' "$dir/out")" = not-effective ] || { cat "$dir/out"; exit 1; }
is 0 "$ctl" -c "$dir/node/gatewayd.json" -o json agreement list --now 2028-06-15T00:00:00Z
[ "$(jq -r '.[] | select(.id == "fin-intel") | .state + " " + .next_clause' "$dir/out")" = "review-overdue /renewal/closes" ] || { cat "$dir/out"; exit 1; }
is 0 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now 2029-01-01T00:00:00Z
has out "fin-intel            1.0       ended"
sed 's/"schema": "passenger"/"schema": "visa"/' conf/agreements/pnr.json >"$dir/node/agreements/broken.json"
is 3 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now $now
has err "broken.json:"
has out "humanitarian"
is 1 "$ctl" -c "$dir/nowhere.json" agreement list
is 2 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now yesterday
is 2 "$ctl" -c "$dir/node/gatewayd.json" agreement list more

for c in lint explain summary flowmap show diff sign verify; do
	is 2 "$ctl" agreement $c
done
is 2 "$ctl" simulate
is 2 "$ctl" decision replay
is 2 "$ctl" simulate --now yesterday a b
echo "agreement commands: $n checks passed"
