#!/bin/bash
# Two agencies' gateways, north and south, exchange records on loopback. Every command is printed before it runs, so
# that it can be read and typed again. Called by `make demo`; ARGS=--once ends by itself, otherwise the gateways stay
# up until Ctrl-C. Everything lies in one temporary folder, which is removed at the end.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# In the tree, or among the examples that are installed, where the programs are in the PATH.
examples=$here/../../conf/records
[ -d "$examples" ] || examples=$here/../records
build=${BUILD:-$here/../../build/cc}
once=${1:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/gateway-demo.XXXXXX")
pids=()
[ ! -d "$build/bin" ] || export PATH="$build/bin:$PATH"
cd "$work"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[36m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi

finish() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	cd /
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n%s== %s ==%s\n' "$bold" "$1" "$plain"; }
note() { printf '%s\n' "$1"; }
# Prints the command, then runs it.
run() {
	printf '%s$ %s%s\n' "$dim" "$1" "$plain"
	eval "$1"
}
# Runs it and says how it must end.
must() {
	local want=$1 status=0
	run "$2" || status=$?
	printf '(exit %d)\n' "$status"
	[ "$status" -eq "$want" ] || { echo "demo: exit $want was expected" >&2; exit 1; }
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Waits until a command succeeds, for some seconds.
until_ok() {
	local tries=0
	until eval "$1" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 150 ] || { echo "demo: gave up waiting for: $1" >&2; cat ./*.log >&2; exit 1; }
		sleep 0.1
	done
}
north=$(free_port) south=$(free_port)
note "Working in $work. North listens on 127.0.0.1:$north, south on 127.0.0.1:$south."

title "A throw-away authority, and two new nodes"
run "gatewayctl init --ca trial --agency north --host gw.north.example --listen 127.0.0.1:$north --jurisdiction XN --name 'Border Service of Northland (made up)' north"
run "gatewayctl init --ca trial --agency south --host gw.south.example --listen 127.0.0.1:$south --jurisdiction XS --name 'Police Board of Southmark (made up)' south >/dev/null"
note "With --ca it signs the gateways' certificates, and those of each agency's system and of who signs its agreements."
for a in north south; do
	jq '.delivery = {first_retry_ms: 200, longest_retry_ms: 2000}' $a/gatewayd.json >tmp && mv tmp $a/gatewayd.json
done

title "Who knows whom: each writes a file for the other, and people compare its fingerprint by telephone"
run "gatewayctl -c north/gatewayd.json partner export north.partner | tee north.said"
run "gatewayctl -c south/gatewayd.json partner export south.partner >south.said"
digits() { sed -n 's/.*fingerprint //p' "$1"; }
must 3 "gatewayctl -c north/gatewayd.json partner add --fingerprint '12345 67890' south.partner"
run "gatewayctl -c north/gatewayd.json partner add --address 127.0.0.1 --fingerprint '$(digits south.said)' south.partner"

title "The agreement: a document that both parties sign"
run "gatewayctl -c north/gatewayd.json agreement new --with south --preset pnr draft.json"
note "What of the draft only people know:"
run "gatewayctl agreement lint draft.json | sed -n 1,4p || true"
note "For the demo a gateway keeps a payload for 8 seconds only."
run "jq '.retention.payload = \"PT8S\"' draft.json >pnr.json && mv draft.md pnr.md"
run "gatewayctl agreement summary --self north pnr.json | sed -n 1,22p"
run "gatewayctl agreement sign --cert north/trial/signer.pem --key north/trial/signer.key pnr.json"
note "South signs with OpenSSL alone; either tool makes and checks the same signature."
run "openssl cms -resign -binary -in pnr.json.p7s -inform PEM -signer south/trial/signer.pem -inkey south/trial/signer.key -outform PEM -out both.p7s && mv both.p7s pnr.json.p7s"
note "The impact assessment that it names, by the digest of its file, is taken with it."
run "sha256sum pnr.md; jq .assessment pnr.json"
run "gatewayctl -c north/gatewayd.json agreement add pnr.json"
note "South takes partner and agreement in one."
run "gatewayctl -c south/gatewayd.json join --address 127.0.0.1 --fingerprint '$(digits north.said)' north.partner pnr.json"
run "gatewayd -c north/gatewayd.json -t"

title "Both gateways start"
run "gatewayd -c north/gatewayd.json 2>north.log & pids+=(\$!)"
run "gatewayd -c south/gatewayd.json 2>south.log & pids+=(\$!)"
until_ok "gatewayctl -c north/gatewayd.json status && gatewayctl -c south/gatewayd.json status"
cat north.log
for a in north south; do
	printf 'silent\nshow-error\ncacert = "trial/trial-ca.pem"\ncert = "%s/trial/system.pem"\nkey = "%s/trial/system.key"\nresolve = "gw.north.example:%s:127.0.0.1"\nresolve = "gw.south.example:%s:127.0.0.1"\n' $a $a "$north" "$south" >$a.curl
done
records=https://gw.north.example:$north/v1/agreements/pnr/records
inbox=https://gw.south.example:$south/v1/inbox
json="-H 'Content-Type: application/json'"

title "A record that the agreement lets through"
cp "$examples/pnr/released.json" good.json
run "curl -K north.curl $json -H 'Idempotency-Key: demo-1' --data-binary @good.json $records >answer.json"
run "jq 'del(.receipt)' answer.json"
until_ok "curl -K south.curl $inbox | jq -e '.items | length > 0'"
note "What south's system fetches:"
run "curl -K south.curl $inbox >fetched.json; jq '.items[0] | del(.record)' fetched.json"
note "What came in, and what left:"
run "python3 $here/compare.py good.json fetched.json"
item=$(jq '.items[0].id' fetched.json)
run "curl -K south.curl $json -d '{\"reference\": \"our-0001\"}' $inbox/$item/ack; echo"

title "Called back: a duty for south's system, and its receipt for north"
exchange=$(jq -r .exchange answer.json)
exchanges=https://gw.north.example:$north/v1/exchanges
run "curl -K north.curl $json -d '{\"why\": \"sent-in-error\"}' $exchanges/$exchange/recall; echo"
until_ok "curl -K south.curl $inbox | jq -e '.items | length > 0'"
run "gatewayctl inbox list --connection south/trial/system.json"
duty=$(curl -K south.curl "$inbox" | jq '.items[0].id')
run "curl -K south.curl $json -d '{\"result\": \"erased\"}' $inbox/$duty/ack; echo"
until_ok "curl -K north.curl $exchanges/$exchange | jq -e '.state == \"ended\"'"
run "curl -K north.curl $exchanges/$exchange | jq -c '{state, duties}'"

title "The same key again: the first answer, not a second record"
run "curl -K north.curl $json -H 'Idempotency-Key: demo-1' --data-binary @good.json -D headers $records | cmp - answer.json && grep -i replayed headers"

title "A purpose that is not permitted"
run "jq '.purpose = \"marketing\"' good.json | curl -K north.curl $json --data-binary @- $records | jq 'del(.receipt)'"

title "A record that does not fit the schema: the answer names places, never values"
run "jq '.record.locator = \"not a locator\" | .record.nickname = \"Sam\"' good.json | curl -K north.curl $json --data-binary @- $records | jq 'del(.receipt)'"

title "The council: one seat stops what waits, and agencies alone do not start it again"
note "The agreement names the seats. Each has a certificate of its own, which both gateways pin."
run "jq -c '.council | {seats: [.seats[].id], threshold, must_include}' pnr.json"
run "printf 'An audit of the purpose is under way (made up).' >why.txt"
for seat in seat-north-agency seat-south-agency seat-north-privacy seat-ombudsperson; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$seat" -keyout $seat.key -out $seat.pem \
		-addext "subjectAltName=URI:spiffe://council.example/$seat" -addext extendedKeyUsage=emailProtection 2>/dev/null
	for a in north south; do gatewayctl -c $a/gatewayd.json partner add --role council --id $seat --agency of-$seat $seat.pem >/dev/null; done
done
run "gatewayctl -c north/gatewayd.json reload; gatewayctl -c south/gatewayd.json reload"
sign() { run "gatewayctl council sign --yes --cert $1.pem --key $1.key $2 $2-$1 >/dev/null"; }
act() { run "gatewayctl -c north/gatewayd.json council propose --agreement-file pnr.json --ground why.txt $1 $2"; }
act veto veto.json
run "gatewayctl -c north/gatewayd.json council show --agreement-file pnr.json veto.json | sed -n 1,12p"
sign seat-north-privacy veto.json
note "South takes nothing for a moment, so that a record waits at north; meanwhile one seat vetoes."
run "gatewayctl -c south/gatewayd.json drain"
run "curl -K north.curl $json -H 'Idempotency-Key: demo-veto' --data-binary @good.json $records | jq -c '{exchange, outcome}'"
run "gatewayctl -c north/gatewayd.json council submit veto.json veto.json-seat-north-privacy"
run "gatewayctl -c south/gatewayd.json drain off; sleep 1"
run "gatewayctl -c north/gatewayd.json -o json outbox | jq -c '.[] | {exchange, last_error}'"
must 0 "gatewayctl -c north/gatewayd.json -o json outbox | jq -e 'length == 1 and .[0].last_error == \"council-veto\"'"
run "curl -K north.curl $json --data-binary @good.json $records | jq -c '{type, status}'"
note "Nobody confirms it. Two agencies and the ombudsperson are three seats, and not enough: a privacy seat must be among them."
act "--lifts $(sha256sum <veto.json | cut -c1-64) lift" lift.json
for seat in seat-north-agency seat-south-agency seat-ombudsperson; do sign $seat lift.json; done
run "gatewayctl -c north/gatewayd.json council submit lift.json lift.json-*"
must 0 "gatewayctl -c north/gatewayd.json -o json outbox | jq -e 'length == 1'"
sign seat-north-privacy lift.json
run "gatewayctl -c south/gatewayd.json council submit lift.json lift.json-seat-north-privacy"
until_ok "curl -K south.curl $inbox | jq -e '[.items[] | select(.kind == \"record\")] | length > 0'"
run "gatewayctl -c north/gatewayd.json council list --all"
run "curl -K south.curl $json -d '{}' $inbox/\$(curl -K south.curl $inbox | jq '.items[0].id')/ack; echo"

title "Retention: a record that nobody fetches is erased when its time is over"
run "curl -K north.curl $json --data-binary @good.json $records | jq -c '{exchange, outcome}'"
until_ok "gatewayctl -c south/gatewayd.json -o json retention due | jq -e 'length > 0'"
run "gatewayctl -c south/gatewayd.json retention due"
until_ok "gatewayctl -c south/gatewayd.json -o json status | jq -e '.since_start.timers_fired > 0'"
run "tail -n 1 south/log/audit.jsonl | jq -c '{index, operation, exchange, note}'"
run "curl -K south.curl $inbox | jq -c .items"

title "Both logs verify, by keys that were handed over before"
run "gatewayctl audit verify --key \$(cat north/audit.vkey) north/store/gatewayd.db"
run "gatewayctl audit verify --key \$(cat south/audit.vkey) south/store/gatewayd.db"

title "A receipt verifies offline, anywhere"
run "jq -j .receipt answer.json >receipt"
run "gatewayctl audit verify-receipt --key \$(cat north/audit.vkey) receipt"

title "One altered byte of the log is found"
run "gatewayctl -c north/gatewayd.json audit export --from north/store/gatewayd.db published >/dev/null"
bundle=$(find published/tile/entries -type f | sort -V | tail -n 1)
run "cp $bundle kept; printf X | dd of=$bundle bs=1 seek=300 conv=notrunc status=none"
must 4 "gatewayctl audit verify --key \$(cat north/audit.vkey) published"
run "cp kept $bundle"
must 0 "gatewayctl audit verify --key \$(cat north/audit.vkey) published"

title "Done"
if [ "$once" = --once ]; then
	note "Everything went as it should; cleaning up."
	exit 0
fi
cat <<END
Both gateways are still up. In another terminal:

  cd $work; export PATH=$PATH
  tail -f north/log/audit.jsonl | jq -c '{index, operation, outcome, reason}'
  curl -K north.curl -H 'Content-Type: application/json' --data-binary @good.json $records | jq
  curl -K south.curl $inbox | jq
  gatewayctl -c north/gatewayd.json status

Ctrl-C stops them and removes $work.
END
wait
