#!/bin/bash
# One analyser over one file: `analyze_one.sh gcc|clang FILE.c OUT`. OUT has what it says, and last of all how the run ended:
# `whole`; `less`, which is gcc with fewer paths, where all of them took longer than LIMIT seconds of processor; `unseen`, where
# that did too; or `failed`. It is there only when the run has ended, so that make goes on where it was stopped.
set -uo pipefail
analyser=$1 file=$2 out=$3
flags="-I. -D_GNU_SOURCE -DGATEWAY_BUILD=__FILE__ -DGATEWAY_SHARE=__FILE__ -include lib/base/banned.h -std=c17 -fPIE"
# It defines what that header stands for.
[ "$file" = lib/base/error.c ] || flags="$flags -include test/rules/analyze.h"

# Fewer states of each block of a function (gcc's own: 5), and shorter terms for a value (12).
LESS="--param analyzer-bb-explosion-factor=1 --param analyzer-max-svalue-depth=4"

run() {
	(
		ulimit -t "${LIMIT:-20}"
		# shellcheck disable=SC2086
		case $analyser in
		# No -w: it takes the analyser's warnings too. The compiler's own are make's matter.
		gcc) gcc $flags -O1 -fanalyzer -Wanalyzer-too-complex -fdiagnostics-plain-output -fdiagnostics-path-format=none "$@" \
			-MMD -MP -MF "${out%.*}.d" -MT "${out%.*}.gcc ${out%.*}.clang" -c -o /dev/null "$file" ;;
		clang) clang $flags --analyze --analyzer-output text -o /dev/null "$file" ;;
		esac
	) >"$out.part" 2>&1
}
ended() { mv "$out.part" "$out" && echo "$1" >>"$out" && exit 0; }

run && ended whole
limited='CPU time limit exceeded|Killed|SIGXCPU|signal 24|signal 9'
grep -Eq "$limited" "$out.part" || ended failed
# shellcheck disable=SC2086
[ "$analyser" = gcc ] && run $LESS && ended less
ended unseen
