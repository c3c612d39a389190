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
has out '"1986-05-18" -> "1986"'
is 0 "$ctl" agreement explain --now $now conf/agreements/pnr.json - <$e
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

# Surrogates come from a table of the command's own: one value has one, and the next run draws others. What leaves in
# batches only is refused alone.
jq '(.rules[] | select(.id == "family" or .id == "given")) |= (.action = "surrogate" | .params.domain = "person-name")' \
	conf/agreements/pnr.json >"$dir/surrogates.json"
jq '.record.travellers[].given = .record.travellers[0].family' $e >"$dir/alike.json"
is 0 "$ctl" simulate --now $now --secret "$dir/secret" "$dir/surrogates.json" "$dir/alike.json"
cp "$dir/out" "$dir/first"
is 0 jq -e '.travellers[0] | (.family | test("^r1[.]1[.][a-z2-7]{26}$")) and .family == .given' "$dir/first"
is 0 jq -e '.travellers[1] | .family != .given' "$dir/first"
is 0 "$ctl" simulate --now $now --secret "$dir/secret" "$dir/surrogates.json" "$dir/alike.json"
cp "$dir/out" "$dir/second"
is 1 cmp "$dir/first" "$dir/second"
jq '.rules += [{id: "rare", pointer: "", category: "quasi-identifier", action: "k-guard", params: {k: 3, fields: ["/status"]}}]' \
	conf/agreements/pnr.json >"$dir/guarded.json"
is 3 "$ctl" simulate --now $now "$dir/guarded.json" $e
has err "batch-required"

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
is 0 "$ctl" -o json agreement verify $pins "$dir/a.json"
jq -e '.id == "pnr" and .version == "1.0" and (.sha256 | length) == 64' "$dir/out" >/dev/null || { echo "verify's JSON is another" >&2; exit 1; }
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
is 0 "$ctl" -o json agreement digest-schemas schema/records/passenger.schema.json
jq -e --arg d "$(sha256sum <schema/records/passenger.schema.json | cut -d' ' -f1)" '. == [ { sha256: $d, file: "schema/records/passenger.schema.json" } ]' \
	"$dir/out" >/dev/null || { echo "digest-schemas' JSON is another" >&2; exit 1; }
sed 's/"maxItems": 99/"maxItems": 98/' schema/records/passenger.schema.json >"$dir/passenger.schema.json"
digest=$("$ctl" agreement digest-schemas "$dir/passenger.schema.json" | cut -d' ' -f1)
sed "s/\"input\": \"[0-9a-f]*\"/\"input\": \"$digest\"/" conf/agreements/pnr.json >"$dir/c.json"
is 3 "$ctl" agreement lint "$dir/c.json"
has err "no schema with this digest"
mkdir "$dir/schemas"
mv "$dir/passenger.schema.json" "$dir/schemas"
is 0 "$ctl" agreement lint --now $now --schema-dir "$dir/schemas" "$dir/c.json"

# Each finding with its place, and what may stand there; and what was meant.
jq 'del(.council)' conf/agreements/pnr.json >"$dir/c.json"
is 3 "$ctl" agreement lint --now $now "$dir/c.json"
has out "c.json:1:1: /council: warning: "
has out '    for example {"seats":'
is 3 "$ctl" -o json agreement lint --now $now "$dir/c.json"
jq -e '.[] | select(.rule == "no-council") | .line == 1 and .column == 1 and .example.threshold == 2' "$dir/out" >/dev/null ||
	{ echo "lint's JSON has no place or no example" >&2; exit 1; }
jq '.sunst = .sunset | .assessment.consulted = [ { body: "Privacy Authority of Southmark", answered_at: .effective_from, answer: .assessment.digest } ]' \
	conf/agreements/pnr.json >"$dir/c.json"
is 3 "$ctl" agreement lint --now $now "$dir/c.json"
has err '/sunst: the schema knows no such member here; did you mean "sunset"?'

# Eight faults of as many kinds are told at once, and nothing beside them.
jq '.title = 7 | .onwards = .onward | del(.onward, .renewal) | .sunset = "2025-01-01T00:00:00Z" | .purposes[0].legal_bases[0] = "pnr-low"
	| .breach.notify_supervisor = "P9D" | .rules[0].pointer = "/locater" | .rules[2].action = "truncate" | .rules[5].pointer = "/travellers/*/surname"' \
	conf/agreements/pnr.json >"$dir/c.json"
is 3 "$ctl" agreement lint --now $now --floor conf/floor.json "$dir/c.json"
for place in /title /onwards /sunset /purposes/0/legal_bases/0 /breach/notify_supervisor /rules/0/pointer /rules/2/action /rules/5/pointer; do
	has err ": $place: "
done
test "$(wc -l <"$dir/err")" = 8 || { cat "$dir/err" >&2; exit 1; }
jq '.assessment.consulted = [ { body: "Privacy Authority of Southmark", answered_at: .assessment.approved_at, answer: .assessment.digest } ]' \
	conf/agreements/pnr.json >"$dir/c.json"
is 0 "$ctl" agreement summary "$dir/c.json"
has out "Asked before it was agreed: Privacy Authority of Southmark."

# Tier T2, with what stands in no document: officers and what they signed, quotas, suspensions.
for o in named second; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$o.key" -out "$dir/$o.pem" -days 30 \
		-subj "/CN=$o" -addext "subjectAltName=URI:urn:example:officer:$o" 2>/dev/null
done
spki() { openssl x509 -in "$1" -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1; }
jq '.effective_from = "2020-01-01T00:00:00Z" | .sunset = "2090-01-01T00:00:00Z" | .review.next = .sunset | del(.renewal) |
	.assessment.next_review = .sunset | .algorithms[].expires = .sunset | .exceptions[].expires = .sunset' \
	conf/agreements/police-request.json >"$dir/t2.json"
record=$(jq -c .record conf/records/police-request/released.json)
salt=000102030405060708090a0b0c0d0e0f
input=$({ printf '\000\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017'; printf %s "$record"; } | sha256sum | cut -d' ' -f1)
statement() { # with a salt of the officer's own, or the gateway's
	jq -cjn --arg a "$(sha256sum <"$dir/t2.json" | cut -d' ' -f1)" --arg i "$input" --arg s "$1" --arg o "$(spki "$dir/second.pem")" \
		--arg n "$(spki "$dir/named.pem")" --arg x "$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ)" --slurpfile e \
		conf/records/police-request/released.json '{agreement: $a, input: $i, tier: "T2", exception: "imminent-threat",
		expires: $x, officer: $o, named: $n} + ($e[0] | {purpose, subject_category, case}) +
		(if $s == "" then {} else {salt: $s} end)' >"$dir/statement"
	openssl cms -sign -binary -in "$dir/statement" -signer "$dir/second.pem" -inkey "$dir/second.key" -md sha256 \
		-outform PEM -out "$dir/signature"
	jq -cn --slurpfile e conf/records/police-request/released.json --rawfile s "$dir/statement" --rawfile p "$dir/signature" \
		--arg o "$(spki "$dir/named.pem")" --slurpfile a "$dir/t2.json" '$e[0] + {tier: "T2", exception: "imminent-threat",
		officer: {certificate: $o}, approvals: [{statement: $s, signature: $p}],
		justifications: [$a[0].rules[].pointer | {pointer: ., reason: "needed at once"}]} |
		.necessity.criterion = "imminent-danger"' >"$dir/envelope"
}
statement $salt
officers="--officer $dir/named.pem --officer $dir/second.pem=2089-01-01T00:00:00Z"
later=$(date -u -d '+1 minute' +%Y-%m-%dT%H:%M:%SZ)
decide() { # exit status, what the decision says, options
	want=$1 says=$2
	shift 2
	is "$want" "$ctl" simulate --now "$later" "$@" "$dir/t2.json" "$dir/envelope"
	has err "$says"
	grep '^{' "$dir/err" >"$dir/decision"
	is 0 "$ctl" decision replay "$@" "$dir/t2.json" "$dir/envelope" "$dir/decision"
}
decide 3 '"reason":"approval-invalid"'
decide 0 '"exception":"imminent-threat"' $officers
is 3 "$ctl" decision replay "$dir/t2.json" "$dir/envelope" "$dir/decision"
has err "/outcome: was \"released-transformed\", is \"refused\""
is 3 "$ctl" decision replay $officers --exception-uses 10 "$dir/t2.json" "$dir/envelope" "$dir/decision"
decide 3 '"reason":"exception-quota"' $officers --exception-uses 10
decide 3 '"reason":"quota"' $officers --tier-uses 50
decide 3 '"reason":"agreement-suspended"' $officers --suspended
decide 3 '"reason":"receipt-overdue"' $officers --receipt-overdue
decide 3 '"reason":"training-expired"' --officer "$dir/named.pem" --officer "$dir/second.pem=2020-01-01T00:00:00Z"
decide 3 '"reason":"agreement-unknown"' $officers --peer west
decide 0 '"recipient":"north"' $officers --peer south
jq -c 'del(.approvals)' "$dir/envelope" >"$dir/alone" && cp "$dir/envelope" "$dir/both" && cp "$dir/alone" "$dir/envelope"
decide 3 '"outcome":"held"' $officers
decide 3 '"reason":"approval-missing"' $officers
decide 3 '"outcome":"held"' $officers --approved
cp "$dir/both" "$dir/envelope"
statement ""
decide 3 '"reason":"approval-invalid"' $officers
decide 0 '"exception":"imminent-threat"' $officers --input "$input"
e=conf/records/police-request/held-waiting-decision.json
is 3 "$ctl" simulate --now $now "$dir/t2.json" $e
is 0 "$ctl" simulate --now $now --approved "$dir/t2.json" $e
has err '"outcome":"released-transformed"'
grep '^{' "$dir/err" >"$dir/decision"
is 0 "$ctl" decision replay --approved "$dir/t2.json" $e "$dir/decision"
is 3 "$ctl" decision replay "$dir/t2.json" $e "$dir/decision"
e=conf/records/humanitarian/released.json
is 3 "$ctl" simulate --now $now --no-withdrawals conf/agreements/humanitarian.json $e
has err "consent-"
is 2 "$ctl" simulate --tier-uses many conf/agreements/humanitarian.json $e
is 2 "$ctl" simulate --input 00 conf/agreements/humanitarian.json $e
is 2 "$ctl" simulate --officer "$dir/named.pem=soon" conf/agreements/humanitarian.json $e
is 1 "$ctl" simulate --officer "$dir/none.pem" conf/agreements/humanitarian.json $e
is 1 "$ctl" simulate --officer conf/floor.json conf/agreements/humanitarian.json $e

# The agreements of a node: where each stands, and which file does not load.
squeeze() { tr -s " " <"$dir/out" >"$dir/squeezed" && mv "$dir/squeezed" "$dir/out"; }
is 0 "$ctl" init --agency north --node gw1 --host gw.north.example --listen 127.0.0.1:8443 "$dir/node"
cp conf/agreements/*.json "$dir/node/agreements"
sed -e 's/"version": "1.0"/"version": "1.1"/' -e 's/"effective_from": "2026-01-01/"effective_from": "2026-05-01/' \
	conf/agreements/pnr.json >"$dir/node/agreements/pnr-1.1.json"
is 0 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now $now
squeeze
has out "pnr 1.1 in-force 2029-01-01 2028-01-01 /review/next"
has out "pnr 1.0 superseded"
lacks out "yes"
is 0 "$ctl" -c "$dir/node/gatewayd.json" -o json agreement list --now 2025-12-31T00:00:00Z
[ "$(jq -r '[.[].state] | unique | join(" ")' "$dir/out")" = not-effective ] || { cat "$dir/out"; exit 1; }
is 0 "$ctl" -c "$dir/node/gatewayd.json" -o json agreement list --now 2028-06-15T00:00:00Z
[ "$(jq -r '.[] | select(.id == "fin-intel") | .state + " " + .next_clause' "$dir/out")" = "review-overdue /renewal/closes" ] || { cat "$dir/out"; exit 1; }
is 0 "$ctl" -c "$dir/node/gatewayd.json" agreement list --now 2029-01-01T00:00:00Z
squeeze
has out "fin-intel 1.0 ended"
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
