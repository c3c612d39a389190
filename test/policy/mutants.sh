#!/bin/sh
# Takes one refusal at a time out of the decision, builds and runs the tests: each time at least one must fail.
# Works on a copy; slow, so it is no part of `make check`. Usage: mutants.sh [FILE…]
set -eu
files=${*:-lib/policy/decision.c lib/policy/conclude.c lib/policy/approval.c}
copy=$(mktemp -d)
trap 'rm -r "$copy"' EXIT
cp -r Makefile lib test schema conf "$copy"
cd "$copy"
make B=build/mutant build/mutant/check-policy >/dev/null
build/mutant/check-policy >/dev/null
caught=0 missed=0
for f in $files; do
	cp "$f" original
	for line in $(grep -nE '^[[:space:]]+(decision_fail|fail_leaf)\(' "$f" | cut -d: -f1); do
		{
			echo '#define without_decision_fail(...) ((void)(0 && (decision_fail(__VA_ARGS__), 0)))'
			echo '#define without_fail_leaf(...) ((void)(0 && (fail_leaf(__VA_ARGS__), 0)))'
			sed "${line}s/\(decision_fail\|fail_leaf\)(/without_&/" original
		} >"$f"
		if make B=build/mutant build/mutant/check-policy >build.log 2>&1 && build/mutant/check-policy >run.log 2>&1; then
			missed=$((missed + 1))
			echo "no test misses $f:$line: $(sed -n "${line}p" original | tr -d '\t')"
		else
			grep -q 'error:' build.log && { cat build.log; exit 1; }
			caught=$((caught + 1))
		fi
	done
	cp original "$f"
done
echo "$caught checks are missed by a test when they are gone, $missed are not"
[ "$missed" = 0 ]
