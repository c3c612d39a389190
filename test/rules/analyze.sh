#!/bin/bash
# Two analysers that follow paths through functions: gcc's (-fanalyzer) and clang's (the one that scan-build runs), over
# the source of lib and gatewayd. What they find and is no fault stands in analyze.txt, with its reason; anything else
# fails, and so does a line there that nothing finds any more. FILES="a.c b.c": these only, and what is left over there
# is no fault then.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
table=test/rules/analyze.txt
# builtin.c includes what the build makes.
files=${FILES:-$(git ls-files 'lib/*.c' 'gatewayd/*.c' | grep -v '^lib/schema/builtin\.c$')}
flags="-I. -D_GNU_SOURCE -DGATEWAY_BUILD=__FILE__ -include lib/base/banned.h -std=c17 -fPIE"

export flags work
one() {
	local name=${1//\//_}
	echo "$1" >"$work/$name.name"
	# It defines what that header stands for.
	[ "$1" = lib/base/error.c ] || flags="$flags -include test/rules/analyze.h"
	# shellcheck disable=SC2086
	gcc $flags -O1 -w -fanalyzer -fdiagnostics-plain-output -fdiagnostics-path-format=none -c -o /dev/null "$1" >"$work/$name.gcc" 2>&1 ||
		echo "$1:0: gcc failed" >>"$work/failed"
	# shellcheck disable=SC2086
	clang $flags --analyze --analyzer-output text -o /dev/null "$1" >"$work/$name.clang" 2>&1 ||
		echo "$1:0: clang failed" >>"$work/failed"
}
export -f one
# shellcheck disable=SC2086
printf '%s\n' $files | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'one {}'
touch "$work/failed"
# file line checker text; what is found in a header is named with the file that includes it: header.h@file.c
for out in "$work"/*.gcc "$work"/*.clang; do
	source=$(cat "${out%.*}.name")
	sed -n 's/^\(\.\/\)\{0,1\}\([a-z][^: ]*\):\([0-9]*\):[0-9]*: warning: \(.*\) \[\(-Wanalyzer-[a-z-]*\|[a-zA-Z]*\.[a-zA-Z.]*\)\].*$/\2 \3 \5 \4/p' "$out" |
		awk -v source="$source" '{ if ($1 != source) $1 = $1 "@" source; print }'
done | sort -u >"$work/found"
awk -v whole="${FILES:+no}" '
	FILENAME == ARGV[1] { if ($0 !~ /^(#|$)/) reason[$1 " " $2 " " $3] = $0; next }
	{
		# Of which function: lines move, functions stay.
		where = "?"; n = 0
		file = $1; sub(/@.*/, "", file)
		while ((getline text < file) > 0 && ++n <= $2)
			if (match(text, /^[a-z].*[ *]([a-zA-Z0-9_]+)\(/) && text !~ /;$/) {
				where = text; sub(/\(.*/, "", where); sub(/.*[ *]/, "", where)
			}
		close(file)
		key = $1 " " where " " $3
		if (key in reason) { explained++; seen[key] = 1 } else {
			bad++
			text = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", text)
			print key, "line", $2 ":", text
		}
	}
	END {
		for (key in reason)
			if (!(key in seen) && whole != "no") { bad++; print "nothing finds any more: " key }
		printf "%d findings, %d explained in test/rules/analyze.txt, %d not\n", explained + bad, explained, bad
		exit bad > 0
	}' $table "$work/found"
status=$?
cat "$work/failed"
echo "gcc -fanalyzer and clang --analyze: $(echo "$files" | wc -w) files"
[ ! -s "$work/failed" ] && exit $status
