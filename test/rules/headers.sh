#!/bin/sh
# Every header compiles alone, with both compilers' warnings as errors. CC and FLAGS come from make.
set -eu
cd "$(dirname "$0")/../.."
n=0
for header in $(find lib gatewayd -name '*.h' | sort); do
	# shellcheck disable=SC2086
	echo "#include \"$header\"" | ${CC:-cc} $FLAGS -fsyntax-only -x c -
	n=$((n + 1))
done
echo "headers that compile alone: $n"
