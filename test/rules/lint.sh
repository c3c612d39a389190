#!/bin/sh
# clang-tidy (.clang-tidy has the checks, and why some are left out) and cppcheck over the source; any finding fails.
set -eu
cd "$(dirname "$0")/../.."
flags="-I. -D_GNU_SOURCE -DGATEWAY_BUILD=__FILE__ -DGATEWAY_SHARE=__FILE__ -include lib/base/banned.h -std=c17"
# builtin.c includes what the build makes.
files=$(git ls-files 'lib/*.c' 'gatewayd/*.c' | grep -v '^lib/schema/builtin\.c$')
# shellcheck disable=SC2086
echo $files | xargs -P "$(nproc)" -n 16 sh -c "clang-tidy --quiet \"\$@\" -- $flags 2>/dev/null" tidy
echo "clang-tidy: $(echo "$files" | wc -l) files"
# shellcheck disable=SC2086
cppcheck -j "$(nproc)" --enable=warning,portability,performance --inline-suppr --std=c11 -I. -D_GNU_SOURCE --quiet \
	--error-exitcode=1 --suppress=missingIncludeSystem --include=/usr/include/uthash.h --include=/usr/include/utlist.h --include=/usr/include/$(uname -m)-linux-gnu/sys/queue.h \
	--include=test/rules/cppcheck.h --suppressions-list=test/rules/cppcheck.txt $files
echo "cppcheck: $(echo "$files" | wc -l) files"
