#!/bin/bash
# security.t: every kind of misuse ends as outcomes.txt says, in normal mode, in mode:hardened, in the hardened library,
# and with debug:1.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$tests/process/security/outcome.sh"
hardened_lib=$(dirname "$lib")/libbuddymalloc-hardened.so

expect() { # MODE OUTCOMES KIND [SIZE]: each as OUTCOME or OUTCOME…
	local mode=$1 wanted=$2 library=$lib got
	shift 2
	case $mode in
	normal) export BUDDYMALLOC_CONF='' ;;
	hardened) export BUDDYMALLOC_CONF=mode:hardened ;;
	debug) export BUDDYMALLOC_CONF=debug:1 ;;
	'hardened library') export BUDDYMALLOC_CONF='' library=$hardened_lib ;;
	'hardened library, mode:normal') export BUDDYMALLOC_CONF=mode:normal library=$hardened_lib ;;
	esac
	got=$(outcome "$library" "$@")
	[[ " or $wanted or " == *" or $got or "* ]]
	ok $? "$*: $mode: $wanted"
	[[ " or $wanted or " == *" or $got or "* ]] || echo "#   got: $got"
	unset BUDDYMALLOC_CONF
}

kind=()
while read -r who what; do
	case $who in
	'#' | '') ;;
	all | guarded | normal | hardened | debug)
		case $who in all | normal) expect normal "$what" "${kind[@]}" ;; esac
		case $who in all | guarded | hardened)
			expect hardened "$what" "${kind[@]}"
			expect 'hardened library' "$what" "${kind[@]}"
			;;
		esac
		case $who in all | guarded | debug) expect debug "$what" "${kind[@]}" ;; esac
		;;
	*) read -r -a kind <<<"$who $what" ;;
	esac
done <"$tests/process/security/outcomes.txt"
expect 'hardened library, mode:normal' unnoticed overflow-1 48
expect 'hardened library, mode:normal' unnoticed write-after-free-near 100000

# ---- the stacks of debug:1 ----

told() { # HEADING FUNCTION: whether that stack, up to the next heading, has the function
	sed -n "/^libbuddymalloc: $1:\$/,/^libbuddymalloc:/p" "$scratch/stacks" | sed '1d' | grep -q "($2+"
}

cat >"$scratch/stacks.c" <<'END'
#include <stdlib.h>
void *volatile block;
__attribute__((noinline)) void take(void) { block = malloc(10); __asm__(""); }
__attribute__((noinline)) void give(void) { free(block); __asm__(""); }
__attribute__((noinline)) void give_again(void) { free(block); __asm__(""); }
int main(void) { take(); give(); give_again(); return 0; }
END
if have "${CC:-cc}"; then
	"${CC:-cc}" -O1 -fno-builtin -rdynamic -o "$scratch/stacks-program" "$scratch/stacks.c"
	{ BUDDYMALLOC_CONF=debug:1 LD_PRELOAD=$lib "$scratch/stacks-program" 2>"$scratch/stacks"; } 2>/dev/null
	told 'this call' give_again
	ok $? "debug:1: the stack of the wrong call"
	told 'the block was taken by' take
	ok $? "of the allocation"
	told 'and freed by' give
	ok $? "and of the free"
	! grep -q libbuddymalloc.so "$scratch/stacks"
	ok $? "none of them shows the library's own calls"
else
	skip "debug:1: the stacks" "no C compiler"
fi
done_testing
