#!/bin/sh
# Prints the branches that the tests under build/coverage took: a line a file, a sum a folder. With BRANCHES=FILE
# the lines of one file that have a branch which was never taken.
set -eu
report() {
	gcovr --root . --object-directory build/coverage --branches --filter "$1" "build/coverage/$2"
}
if [ -n "${BRANCHES:-}" ]; then
	echo "$BRANCHES: $(report "$BRANCHES" "${BRANCHES%/*}" | sed -n 's/^TOTAL *//p')"
	gcovr --root . --object-directory build/coverage --filter "$BRANCHES" --json - "build/coverage/${BRANCHES%/*}" |
		jq -r '.files[].lines[] | select(.branches | any(.count == 0)) | "\(.line_number)\t\([.branches[].count] | join(" "))"' |
		while IFS="$(printf '\t')" read -r line counts; do
			printf '%4d  %-24s %s\n' "$line" "$counts" "$(sed -n "${line}p" "$BRANCHES" | tr -d '\t')"
		done
	exit 0
fi
for room in "$@"; do
	report "$room/" "$room" | awk -v room="$room" '
		/^lib\// { printf "%-32s %6d branches %6d taken %5s\n", $1, $2, $3, $4 }
		/^TOTAL/ { printf "%-32s %6d branches %6d taken  %.1f %%\n\n", room, $2, $3, 100 * $3 / $2 }'
done
