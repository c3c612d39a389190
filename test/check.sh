#!/bin/bash
# Everything that a change must pass, part by part; the first line of each says what it is, the last line of all
# counts. What is compiled once more and what needs no gateway runs beside the end-to-end tests, which wait a lot; its
# output comes whole behind theirs. Called by `make check`, which hands over MAKE, CC, B, SANITIZE, FLAGS, AREAS,
# PACKAGES (what the parts need but the build does not) and STARTED (seconds since the epoch).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/broken"

# Sets `used`: seconds of processor time of all that has ended below this shell (`times` in a pipe would ask another).
use() {
	local file=$work/times-$BASHPID
	times >"$file"
	used=$(awk 'NR == 2 { split($1 " " $2, t, /[ms ]+/); printf "%d\n", t[1] * 60 + t[2] + t[3] * 60 + t[4] }' "$file")
}

part() {
	local name=$1 start=$SECONDS used before
	shift
	use
	before=$used
	printf '\n== %s ==\n' "$name"
	if ! "$@" 2>&1; then
		echo "$name" >>"$work/broken"
		printf '== %s FAILED ==\n' "$name"
	fi
	use
	printf '(%d s, of a processor %d s)\n' $((SECONDS - start)) $((used - before))
}

build() { "$MAKE" --no-print-directory CC="$CC" B="$B" SANITIZE="$SANITIZE" "$@"; }

# Check writes how long each test took where this variable says.
unit() { CK_XML_LOG_FILE_NAME="$work/unit-${1//\//-}.xml" build ATTACKS= "check-$1"; }

end_to_end() { BUILD=$(realpath "$B") python3 test/e2e/run.py; }

beside() {
	# What the end-to-end tests leave of the processors.
	renice -n 10 $BASHPID >/dev/null
	part "house style" test/rules/format.sh
	part "walls between rooms" build check-rooms
	[ -n "$SANITIZE" ] || part "code that no program reaches" build check-sections
	part "tests that the threat model names" build check-threats
	part "that the rules can fail" python3 test/rules/check_rules.py
	part "libraries where they belong" test/rules/includes.sh
	export CC FLAGS
	part "headers compile alone" test/rules/headers.sh
	for area in $AREAS; do
		part "$area" unit "$area"
	done
	part "commands about agreements" build check-policy-commands
	part "the first hour, as README has it" build check-first-hour
	part "documents, and every command of the handbook" build check-doc
	part "what agreements mean, said twice" build check-meaning
	part "corpora of the fuzzers" build -j2 check-fuzz
	if [ -z "$SANITIZE" ]; then
		part "faults at writes, syncs and the engine" build check-faults
	else
		part "faults at writes, syncs and the engine" echo "SKIP faults: the sanitizer's own start does not bear failing writes"
	fi
	case "$CC$SANITIZE" in
	cc | gcc) part "instructions of fixed scenarios" build bench-check ;;
	*) part "instructions of fixed scenarios" echo "SKIP instructions: they are recorded for gcc, without sanitizers" ;;
	esac
	part "verifiers that others wrote" build check-verifier
	part "the interface, read by tools that others wrote" build check-openapi
	part "pages for people, in a browser" build check-pages
	if [ -z "$SANITIZE" ]; then
		part "clang, warnings as errors" env CFLAGS=-O0 "$MAKE" --no-print-directory -j2 CC=clang B=build/clang SANITIZE= all tests
	fi
}

parts() {
	trap 'kill $(jobs -p) 2>/dev/null' EXIT
	# shellcheck disable=SC2086
	test/install.sh $PACKAGES >"$work/install" 2>&1 &
	local packages=$!
	part "build, warnings as errors" build -j2 all tests
	part "packages" eval "wait $packages; status=\$?; cat '$work/install'; (exit \$status)"
	beside >"$work/beside" 2>&1 &
	local rest=$!
	part "two gateways, end to end" end_to_end
	wait "$rest"
	cat "$work/beside"
}

parts | tee "$work/log"

printf '\nThe 10 slowest tests:\n'
{
	grep -E '^ *[0-9]+\.[0-9] s  ' "$work/log"
	cat "$work"/unit-*.xml 2>/dev/null | awk -F '[<>]' '
		$2 == "fn" { where = $3 }
		$2 == "id" { id = $3 }
		$2 == "duration" { printf "%7.1f s  %s: %s\n", $3, where, id }'
} | sort -rn | head -n 10
took=$(($(date +%s) - STARTED))
printf '\nmake check took %d min %d s\n' $((took / 60)) $((took % 60))

# Check's summary lines, and those of the form `N passed, N failed`.
awk -v broken="$(wc -l <"$work/broken")" '
	match($0, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
		split(substr($0, RSTART), n, /[^0-9]+/); passed += n[2] - n[3] - n[4]; failed += n[3] + n[4]
	}
	/^[0-9]+ passed, [0-9]+ failed/ { split($0, n, /[^0-9]+/); passed += n[1]; failed += n[2] }
	/^SKIP/ { skipped++ }
	END {
		if (failed == 0) failed = broken
		printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
	}' "$work/log"
if [ -s "$work/broken" ]; then
	printf 'failed: %s\n' "$(paste -sd ' ' "$work/broken")" >&2
	exit 1
fi
