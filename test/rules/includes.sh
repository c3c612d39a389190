#!/bin/sh
# The layers of the source, checked from its #include lines: which room may include which, and which libraries
# may appear where. Prints each breach; ends with a count.
set -eu
cd "$(dirname "$0")/../.."
breaches=0
checked=0

breach() {
	echo "$1:$2: $3"
	breaches=$((breaches + 1))
}

# Rooms that a file of this room may include, beside its own.
below() {
	case $1 in
	lib/base) echo "" ;;
	lib/json | lib/crypto) echo "lib/base" ;;
	lib/schema | lib/tlog) echo "lib/base lib/json lib/crypto" ;;
	lib/transform) echo "lib/base lib/json lib/crypto lib/schema lib/tlog" ;;
	lib/policy) echo "lib/base lib/json lib/crypto lib/schema lib/tlog lib/transform" ;;
	gatewayd/edge) echo "lib/base gatewayd" ;;
	gatewayd/os) echo "lib/base" ;;
	gatewayd/core) echo "lib/base lib/json lib/crypto lib/schema lib/tlog lib/transform lib/policy gatewayd gatewayd/os" ;;
	gatewayd/ctl) echo "lib/base lib/json lib/crypto lib/schema lib/tlog lib/transform lib/policy gatewayd gatewayd/os gatewayd/core" ;;
	gatewayd) echo "lib/base gatewayd/os gatewayd/core gatewayd/edge" ;;
	*) echo "?" ;;
	esac
}

room_of() {
	case $1 in gatewayd/core/*) echo gatewayd/core ;; *) echo "$1" ;; esac
}

for file in $(find lib gatewayd -name '*.[ch]' | sort); do
	room=$(room_of "$(dirname "$file")")
	allowed=" $room $(below "$room") "
	checked=$((checked + 1))
	for other in $(sed -n 's/^#[[:space:]]*include[[:space:]]*"\(.*\)\/[^/]*"$/\1/p' "$file" | sort -u); do
		other=$(room_of "$other")
		case $allowed in
		*" $other "*) ;;
		*) breach "$file" 1 "may not include from $other" ;;
		esac
	done
	for header in $(sed -n 's/^#[[:space:]]*include[[:space:]]*<\(.*\)>$/\1/p' "$file"); do
		case $header in
		openssl/*) case $file in lib/crypto/* | gatewayd/edge/tls*.c) ;; *) breach "$file" 1 "<$header> belongs to lib/crypto and edge/tls" ;; esac ;;
		sqlite3.h) case $file in gatewayd/core/store/*.[ch]) ;; *) breach "$file" 1 "<$header> belongs to core/store" ;; esac ;;
		curl/*) case $file in gatewayd/ctl/https.c) ;; *) breach "$file" 1 "<$header> belongs to ctl/https.c" ;; esac ;;
		event2/*) case $file in gatewayd/*) ;; *) breach "$file" 1 "<$header> belongs to gatewayd" ;; esac ;;
		jansson.h) case $file in lib/json/* | lib/base/* | lib/crypto/* | lib/tlog/* | gatewayd/edge/*) breach "$file" 1 "records do not pass through jansson" ;; esac ;;
		esac
	done
	case $file in
	gatewayd/edge/*)
		for header in $(sed -n 's/^#[[:space:]]*include[[:space:]]*"\(gatewayd\/[^/]*\)"$/\1/p' "$file"); do
			case $header in
			gatewayd/channel.h | gatewayd/edge_config.h | gatewayd/confine.h) ;;
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
echo "include rules: $checked files, $breaches breaches"
[ "$breaches" -eq 0 ]
