#!/bin/bash
# Runs end-to-end tests (named as arguments) and two gateways under load with programs that ThreadSanitizer watches, in
# BUILD, and counts what it reports in the daemons' logs. Called by `make check-tsan`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
# Tests start programs as other accounts.
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
table=test/tsan/explained.txt
# Reports go to the daemons' logs, which KEEP leaves where TMPDIR says.
export TSAN_OPTIONS="exitcode=0 history_size=5 second_deadlock_stack=1" TMPDIR=$work KEEP=1
failed=0

mkdir "$work/self"
"$BUILD/race" 2>"$work/self/log"
if ! grep -q '^SUMMARY: ThreadSanitizer: data race' "$work/self/log"; then
	echo "ThreadSanitizer does not find the race of test/tsan/race.c"
	exit 1
fi
rm -r "$work/self"

# Slow programs, one test at a time: deadlines of tests are those of quick ones.
python3 test/e2e/run.py -j1 "$@" >"$work/tests" 2>&1 || failed=1
tail -n 1 "$work/tests"
[ $failed -eq 0 ] || grep -E -A12 '^(FAIL|ERROR)' "$work/tests"
python3 test/tsan/load.py || failed=1

find "$work" -name '*.log' -exec cat {} + | grep -a '^SUMMARY: ThreadSanitizer' | sort | uniq -c >"$work/reports"
awk -F '\t' '
	FILENAME == ARGV[1] { if ($0 !~ /^(#|$)/) reason[$1] = $2; next }
	{
		why = ""
		for (part in reason) if (index($0, part)) why = reason[part]
		if (why == "") { bad++; print } else explained++
	}
	END { printf "%d kinds of reports, %d explained in test/tsan/explained.txt, %d not\n", bad + explained, explained, bad; exit bad > 0 }
' $table "$work/reports" || {
	failed=1
	echo "The first of them:"
	find "$work" -name '*.log' -exec cat {} + | grep -a -m 1 -A 60 '^WARNING: ThreadSanitizer'
}
exit $failed
