#!/bin/sh
# A client of a gateway in small, to start from, with curl and jq; doc/senders.md says why it does what it does.
#
#     gateway.sh send AGREEMENT ENVELOPE.json      one record: keeps key, answer and receipt beside the file
#     gateway.sh batch AGREEMENT ENVELOPES.ndjson  an envelope a line: keeps keys and results beside the file
#     gateway.sh inbox FOLDER                      fetches what waits, keeps it, acknowledges it
#
# GATEWAY_URL, GATEWAY_CERTIFICATE, GATEWAY_KEY, GATEWAY_AUTHORITY and, where DNS does not say it, GATEWAY_RESOLVE
# (HOST:PORT:ADDRESS) say where the gateway is. Exit 0: all is released or held; 3: something was refused. It may be
# killed and run again at any time: what was decided is not decided twice.
set -eu
umask 077
portion=100 # lines of a batch at a time

# ask ANSWER METHOD PATH [curl's options]: sets `status`, once the gateway has decided. A broken connection says
# nothing about the record. 408, 429 and 503, which curl would repeat by itself, are waited for as 409 key-in-use is.
ask() {
	answer=$1 method=$2 path=$3 pause=1
	shift 3
	while :; do
		status=$(curl --silent --show-error --tlsv1.3 --cert "$GATEWAY_CERTIFICATE" --key "$GATEWAY_KEY" \
			--cacert "$GATEWAY_AUTHORITY" ${GATEWAY_RESOLVE:+--resolve "$GATEWAY_RESOLVE"} --max-time 600 \
			--request "$method" --output "$answer.new" --dump-header "$answer.head" --write-out '%{http_code}' "$@" \
			"$GATEWAY_URL$path") || status=000
		case $status in
		000 | 408 | 429 | 5*) ;;
		409) grep -q /problems/key-in-use "$answer.new" || break ;;
		*) break ;;
		esac
		wait=$([ "$status" = 000 ] || sed -n 's/^retry-after: *\([0-9]*\).*/\1/p' "$answer.head")
		pause=$((pause < 30 ? 2 * pause : 60))
		echo "not now, again in ${wait:-$pause} s: $status" >&2
		sleep "${wait:-$pause}"
	done
	rm -f "$answer.head"
	sync "$answer.new"
	mv "$answer.new" "$answer"
}

# What was refused, where, and what may stand there.
explain() {
	jq -r '"\(.status) \(.title) \(.detail // "")", (.errors // [] | .[] | "  \(.pointer): \(.code) \(.allowed // [] | join(" "))")' "$@" >&2
}

send() {
	[ -s "$2.key" ] || { cat /proc/sys/kernel/random/uuid >"$2.key.new" && sync "$2.key.new" && mv "$2.key.new" "$2.key"; }
	ask "$2.answer" POST "/v1/agreements/$1/records" --header 'Content-Type: application/json' \
		--header "Idempotency-Key: $(cat "$2.key")" --data-binary "@$2"
	jq -j '.receipt // empty' "$2.answer" >"$2.receipt"
	case $status in
	201 | 202) jq -r '"\(.outcome) \(.exchange)"' "$2.answer" ;;
	*) explain "$2.answer" && return 3 ;;
	esac
}

batch() {
	# A key for each line. The bytes of the record stay as they are.
	if [ ! -s "$2.keyed" ]; then
		run=$(cat /proc/sys/kernel/random/uuid)
		awk -v run="$run" 'NF { n++; sub(/{/, "{\"key\":\"" run "-" n "\","); print }' "$2" >"$2.keyed.new"
		sync "$2.keyed.new" && mv "$2.keyed.new" "$2.keyed"
	fi
	: >"$2.results"
	lines=$(wc -l <"$2.keyed")
	while done=$(wc -l <"$2.results") && [ "$done" -lt "$lines" ]; do
		tail -n "+$((done + 1))" "$2.keyed" | head -n "$portion" >"$2.portion"
		ask "$2.answers" POST "/v1/agreements/$1/records" --header 'Content-Type: application/x-ndjson' --data-binary "@$2.portion"
		[ "$status" = 200 ] || { explain "$2.answers" && return 3; }
		# Up to a line that was not taken, nor were those behind it: on from there.
		taken=$(jq -s 'map(has("audit_index") or ([.status] | inside([408, 409, 429, 500, 502, 503, 504]) | not)) | index(false) // length' "$2.answers")
		head -n "$taken" "$2.answers" >>"$2.results"
		[ "$taken" -eq "$(wc -l <"$2.portion")" ] || sleep 1
	done
	rm -f "$2.portion" "$2.answers"
	jq -c 'select(.status >= 400)' "$2.results" >"$2.refused"
	explain "$2.refused"
	refused=$(wc -l <"$2.refused")
	echo "$((lines - refused)) released or held, $refused refused"
	[ "$refused" -eq 0 ] || return 3
}

inbox() {
	mkdir -p "$1"
	after=0 fetched=0
	while :; do
		ask "$1/page" GET "/v1/inbox?after=$after"
		for id in $(jq '.items[].id' "$1/page"); do
			item=$(jq -c --argjson id "$id" '.items[] | select(.id == $id) | if .record then .record = true else . end' "$1/page")
			exchange=$(printf %s "$item" | jq -r .exchange)
			if ! printf %s "$item" | jq -e '.record and (.kind | IN("record", "correction", "returned"))' >/dev/null; then
				echo "item $id, $(printf %s "$item" | jq -r .kind): for a system that carries duties out; doc/recipients.md" >&2
				continue
			fi
			# The bytes as they stand: what a JSON reader makes of them may be other numbers.
			ask "$1/record" GET "/v1/exchanges/$exchange/record"
			[ "$status" = 200 ] || continue
			mv "$1/record" "$1/$exchange.json"
			printf %s "$item" | jq -c 'del(.record)' >"$1/$exchange.item"
			sync "$1/$exchange.item" "$1"
			# Only what is kept is acknowledged: the gateway erases it then.
			ask "$1/ack" POST "/v1/inbox/$id/ack" --header 'Content-Type: application/json' --data "{\"reference\":\"$exchange\"}"
			fetched=$((fetched + 1))
		done
		next=$(jq .next "$1/page") unproved=$(jq '.unproved == true' "$1/page")
		[ "$next" -ne "$after" ] || [ "$unproved" = true ] || break
		[ "$next" -ne "$after" ] || sleep 1 # the next record is handed out once its sender's log is proved
		after=$next
	done
	rm -f "$1/page" "$1/ack" "$1/record"
	echo "$fetched fetched"
}

case "${1:-} $#" in
"send 3") send "$2" "$3" ;;
"batch 3") batch "$2" "$3" ;;
"inbox 2") inbox "$2" ;;
*) echo "usage: gateway.sh send AGREEMENT ENVELOPE.json | batch AGREEMENT ENVELOPES.ndjson | inbox FOLDER" >&2 && exit 2 ;;
esac
