#!/bin/sh
# Which libraries may appear where, what the edge may know of the rest, that one function changes an exchange's state, and
# that lib is pure, checked from the text.
# Which room may use which says rooms.py. Prints each breach; ends with a count.
set -eu
cd "$(dirname "$0")/../.."
breaches=0
checked=0

breach() {
	echo "$1:$2: $3"
	breaches=$((breaches + 1))
}

for file in $(find lib gatewayd -name '*.[ch]' | sort); do
	checked=$((checked + 1))
	for header in $(sed -n 's/^#[[:space:]]*include[[:space:]]*<\(.*\)>$/\1/p' "$file"); do
		case $header in
		openssl/*) case $file in lib/crypto/* | gatewayd/edge/tls*.c) ;; *) breach "$file" 1 "<$header> belongs to lib/crypto and edge/tls" ;; esac ;;
		sqlite3.h) case $file in gatewayd/core/store/sqlite/*.[ch]) ;; *) breach "$file" 1 "<$header> belongs to core/store/sqlite" ;; esac ;;
		curl/*) case $file in gatewayd/ctl/https.c) ;; *) breach "$file" 1 "<$header> belongs to ctl/https.c" ;; esac ;;
		event2/*) case $file in gatewayd/*) ;; *) breach "$file" 1 "<$header> belongs to gatewayd" ;; esac ;;
		jansson.h) case $file in lib/json/* | lib/base/* | lib/crypto/* | lib/tlog/* | gatewayd/edge/*) breach "$file" 1 "records do not pass through jansson" ;; esac ;;
		esac
	done
	case $file in
	gatewayd/core/store/sqlite/*) ;;
	*) for line in $(grep -nE '\bsqlite3(_|\b)' "$file" | grep -vE '<sqlite3\.h>' | cut -d: -f1); do
		breach "$file" "$line" "only core/store/sqlite calls SQLite"
	done ;;
	esac
	case $file in
	gatewayd/core/store/* | gatewayd/core/copy/state.c) ;;
	gatewayd/*) for line in $(grep -nE '\bstore_set_states?\(' "$file" | cut -d: -f1); do
		breach "$file" "$line" "an exchange's state changes by exchange_become() alone"
	done ;;
	esac
	case $file in
	gatewayd/edge/*)
		for header in $(sed -n 's/^#[[:space:]]*include[[:space:]]*"\(gatewayd\/[^/]*\)"$/\1/p' "$file"); do
			case $header in
			gatewayd/channel.h | gatewayd/edge_config.h | gatewayd/edge_counts.h | gatewayd/confine.h | gatewayd/heap.h | gatewayd/journal.h) ;;
			*) breach "$file" 1 "the edge may not include $header" ;;
			esac
		done
		;;
	lib/*)
		if grep -nE '\b(fopen|open|socket|printf|fprintf|time|clock_gettime|gettimeofday|getenv)\(' "$file" | grep -vE '^[0-9]+:[[:space:]]*(/?\*|//)' >/tmp/impure.$$; then
			while IFS=: read -r line text; do
				breach "$file" "$line" "lib is pure: ${text}"
			done </tmp/impure.$$
		fi
		rm -f /tmp/impure.$$
		;;
	esac
done
echo "libraries: $checked files, $breaches breaches"
[ "$breaches" -eq 0 ]
