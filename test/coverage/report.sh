#!/bin/sh
# Prints what the tests under build/coverage reached: of a folder of lib the branches, a line a file and a sum; of
# gatewayd/core the lines, a line a room. With BRANCHES=FILE the lines of one file that have a branch which was never
# taken, with LINES_OF=FOLDER a line a file with the lines that were never reached.
set -eu
# Not counted are the branches of two kinds of macros: those of uthash, which grow and mend a table within each call, and
# assertions, whose other way is a fault of the program.
uncounted='.*(HASH_[A-Z_]+|[^_]assert)\(.*'
report() {
	gcovr --exclude-branches-by-pattern "$uncounted" --root . --object-directory build/coverage --branches --filter "$1" "build/coverage/$2"
}
# file, lines, lines covered, and the lines that are missing: lines of code that no function of a header repeats.
lines() {
	gcovr --exclude-branches-by-pattern "$uncounted" --root . --object-directory build/coverage --filter "$1/.*[.]c" --json - "build/coverage/$1" |
		jq -r '.files[] | [.lines[] | select(."gcovr/noncode" | not)] as $code
			| [.file, ($code | length), ([$code[] | select(.count > 0)] | length),
			   ([$code[] | select(.count == 0) | .line_number | tostring] | join(","))] | @tsv'
}
# All of the source: lines of code, and branches.
if [ "${1:-}" = --all ]; then
	gcovr --exclude-branches-by-pattern "$uncounted" --root . --object-directory build/coverage --filter 'lib/.*[.]c' --filter 'gatewayd/.*[.]c' --json-summary - build/coverage |
		jq -r '"all: lines \(.line_percent) %, branches \(.branch_percent) % (\(.line_covered) of \(.line_total), \(.branch_covered) of \(.branch_total))"'
	exit 0
fi
if [ -n "${BRANCHES:-}" ]; then
	echo "$BRANCHES: $(report "$BRANCHES" "${BRANCHES%/*}" | sed -n 's/^TOTAL *//p')"
	gcovr --exclude-branches-by-pattern "$uncounted" --root . --object-directory build/coverage --filter "$BRANCHES" --json - "build/coverage/${BRANCHES%/*}" |
		jq -r '.files[].lines[] | select(.branches | any(.count == 0)) | "\(.line_number)\t\([.branches[].count] | join(" "))"' |
		while IFS="$(printf '\t')" read -r line counts; do
			printf '%4d  %-24s %s\n' "$line" "$counts" "$(sed -n "${line}p" "$BRANCHES" | tr -d '\t')"
		done
	exit 0
fi
if [ -n "${LINES_OF:-}" ]; then
	lines "$LINES_OF" | awk '{ printf "%-44s %5d lines %5d covered  %5.1f %%  %s\n", $1, $2, $3, 100 * $3 / $2, $4 }'
	exit 0
fi
for room in "$@"; do
	case $room in lib/*|gatewayd/edge) ;; *) continue ;; esac
	report "$room/" "$room" | awk -v room="$room" '
		/^(lib|gatewayd)\// { printf "%-32s %6d branches %6d taken %5s\n", $1, $2, $3, $4 }
		/^TOTAL/ { printf "%-32s %6d branches %6d taken  %.1f %%\n\n", room, $2, $3, 100 * $3 / $2 }'
done
for folder in "$@"; do
	case $folder in lib/*|gatewayd/edge) continue ;; esac
	lines "$folder" | awk -F'\t' -v folder="$folder" '
		{ room = substr($1, length(folder) + 2); if (!sub("/.*", "", room)) room = "."
		  lines[room] += $2; covered[room] += $3 }
		END { for (r in lines) printf "%-32s %6d lines %8d covered %5.1f %%\n",
		      r == "." ? folder : folder "/" r, lines[r], covered[r], 100 * covered[r] / lines[r] }' | sort
done
