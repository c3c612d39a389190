#!/bin/bash
# Everything that a change must pass, part by part; the first line of each says what it is, the last line of all
# counts. Called by `make check`, which hands over MAKE, CC, B, SANITIZE and FLAGS.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
broken=()

part() {
	local name=$1
	shift
	printf '\n== %s ==\n' "$name"
	local start=$SECONDS
	"$@" 2>&1 | tee -a "$log"
	if [ "${PIPESTATUS[0]}" -ne 0 ]; then
		broken+=("$name")
		printf '== %s FAILED ==\n' "$name"
	fi
	printf '(%d s)\n' $((SECONDS - start))
}

build() { "$MAKE" --no-print-directory CC="$CC" B="$B" SANITIZE="$SANITIZE" "$@"; }

part "build, warnings as errors" build -j2 all tests
part "house style" test/rules/format.sh
part "include rules" test/rules/includes.sh
export CC FLAGS
part "headers compile alone" test/rules/headers.sh
for area in base json crypto schema tlog transform policy edge core ctl; do
	part "$area" build "check-$area"
done
part "commands about agreements" build check-policy-commands
part "what agreements mean, said twice" build check-meaning
part "corpora of the fuzzers" build -j2 check-fuzz
if [ -z "$SANITIZE" ]; then
	part "faults at writes, syncs and the engine" build check-faults
else
	part "faults at writes, syncs and the engine" echo "SKIP faults: the sanitizer's own start does not bear failing writes"
fi
part "verifiers that others wrote" build check-verifier
part "two gateways, end to end" build check-e2e
if [ -z "$SANITIZE" ]; then
	part "clang, warnings as errors" "$MAKE" --no-print-directory -j2 CC=clang B=build/clang SANITIZE= all tests
	for page in doc/gatewayd.8.scd doc/gatewayctl.1.scd; do
		part "manual page $page" sh -c "scdoc <$page >/dev/null"
	done
fi

# Check's summary lines, and those of the form `N passed, N failed`.
awk -v broken="${#broken[@]}" '
	match($0, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
		split(substr($0, RSTART), n, /[^0-9]+/); passed += n[2] - n[3] - n[4]; failed += n[3] + n[4]
	}
	/^[0-9]+ passed, [0-9]+ failed/ { split($0, n, /[^0-9]+/); passed += n[1]; failed += n[2] }
	/^SKIP/ { skipped++ }
	END {
		if (failed == 0) failed = broken
		printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
	}' "$log"
if [ "${#broken[@]}" -gt 0 ]; then
	printf 'failed: %s\n' "${broken[*]}" >&2
	exit 1
fi
