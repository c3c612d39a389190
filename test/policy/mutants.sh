#!/bin/bash
# Takes one check at a time out of a room, builds and runs its tests: each time at least one must fail.
# Works on a copy; slow, so it is no part of `make check`. Usage: mutants.sh [policy | transform [FILE…]]
#
# policy: each refusal of the decision, each fault of loading, each finding of lint, and each line of a condition that
# ends in `&&`, taken for true; a lack of memory is for check_memory.c, and REASON_INTERNAL says that nothing gets there.
# transform: each check of parameters, values and forms; where it is a statement
# of its own it goes, where it stands in an expression it is taken for passed. A test that never ends counts as failed.
set -eu
area=${1:-policy}
[ $# -eq 0 ] || shift
case $area in
policy)
	files=${*:-$(echo lib/policy/*.c)}
	calls='decision_fail|fail_leaf|find|load_fault|overlay_fault|fault_of_rule|slip|signed_document_fault|error_list_addf|refuse|at_most|in_order|unique_ids'
	lines="^[[:space:]].*[^[:alnum:]_>](${calls//find|/}|find\(l, LINT_.*)(\(|$)|^[[:space:]].* &&\$"
	;;
transform)
	files=${*:-$(echo lib/transform/*.c)}
	calls='bad|contradict|rule_fail|unlisted|error_at|error_set|error_list_addf'
	lines="^[[:space:]]+(bad|contradict|error_set|error_list_addf)\(|([^_]|^)(rule_fail|unlisted|error_at|error_set|error_list_addf)\(.*|^[[:space:]]+return (false|\"|wrong;|RULES_CONTRADICT;)"
	;;
*)
	echo "usage: mutants.sh [policy | transform [FILE…]]" >&2
	exit 2
	;;
esac
copy=$(mktemp -d)
trap 'rm -r "$copy"' EXIT
cp -r Makefile lib test schema conf "$copy"
cd "$copy"
make B=build/mutant "build/mutant/check-$area" >/dev/null
"build/mutant/check-$area" >/dev/null

# The file with the reporting call on one line made to say that all is well.
without() {
	echo '#define without_void(...) ((void)(0 && (__VA_ARGS__, 0)))'
	for call in decision_fail fail_leaf find bad contradict; do
		echo "#define without_$call(...) without_void($call(__VA_ARGS__))"
	done
	for call in rule_fail unlisted error_at error_set error_list_addf load_fault overlay_fault fault_of_rule slip signed_document_fault refuse at_most in_order unique_ids; do
		echo "#define without_$call(...) (0 ? $call(__VA_ARGS__) : true)"
	done
	sed -E "${line}s/($calls)\(/without_&/" original
}

# Prints the file with the check on one line taken away.
mutate() {
	local line=$1 text after
	text=$(sed -n "${line}p" original)
	after=$(sed -n "$((line + 1))p" original)
	case $text in
	*NO_MEMORY* | *REASON_INTERNAL* | *"no memory"*)
		return 1
		;;
	*" &&")
		# One whole part of a condition; its opening stays.
		[ "$area" = policy ] || return 1
		local part=${text% &&} opening=
		part=${part#"${part%%[![:space:]]*}"}
		case $part in
		"if ("*) opening='if (' ;;
		return\ *) opening='return ' ;;
		esac
		part=${part#"$opening"}
		local opened=${part//[^(]/} closed=${part//[^)]/}
		case $part in
		*" || "* | *" = "*) return 1 ;;
		esac
		[ ${#opened} = ${#closed} ] || return 1
		sed "${line}s/.*/${opening}true \&\&/" original
		;;
	*_fault\(* | *fault_of_rule\(* | *slip\(* | *refuse\(* | *in_order\(*)
		[ "$area" = policy ] && without
		;;
	*[[:space:]]return\ *\"* | *[[:space:]]return\ false\;* | *[[:space:]]return\ wrong\;* | *[[:space:]]return\ RULES* | \
		*[[:space:]]return\ rule_fail\(* | *[[:space:]]return\ error_* | *[[:space:]]return\ unlisted\(*)
		# The last statement of a function is its answer, no check.
		[ "$after" != '}' ] || return 1
		sed "${line}s/return/while (0) return/" original
		;;
	*)
		without
		;;
	esac
}

# Quick tests first: most of what is gone they miss.
quick=$(sed 's/C(\(.*\))/\1/' "build/mutant/test/$area/cases.h" | grep -vxE 'matrix|memory')
tests() {
	for c in $quick; do
		CK_RUN_CASE=$c timeout 120 "build/mutant/check-$area" || return 1
	done
	timeout 120 "build/mutant/check-$area"
}

caught=0 missed=0
for f in $files; do
	cp "$f" original
	for line in $(grep -nE "$lines" "$f" | grep -vE '^[0-9]+:[a-z]' | cut -d: -f1); do
		mutate "$line" >"$f" || continue
		if make CFLAGS="-std=c17 -g -O1" B=build/mutant "build/mutant/check-$area" >build.log 2>&1 &&
			tests >run.log 2>&1; then
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
