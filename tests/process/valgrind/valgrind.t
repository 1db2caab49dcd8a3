#!/bin/bash
# valgrind.t: programs on our heap under Valgrind. "own": with --soname-synonyms=somalloc=nouserintercepts, so that malloc is
# ours and tells memcheck of its blocks; "plain": without, so that malloc is Valgrind's, and our library only loaded.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"

built=${BM_BUILD:-$root/build}/tests/process/valgrind
have valgrind || { skip "Valgrind" "no valgrind" && done_testing; }
unset BUDDYMALLOC_CONF

under_valgrind() { # own|plain ARGUMENT...: its report in FILE report, what the program says in FILE out
	local intercepts=(--soname-synonyms=somalloc=nouserintercepts)
	[ "$1" = own ] || intercepts=()
	LD_PRELOAD=$lib timeout -k 5 120 valgrind "${intercepts[@]}" --log-file="$scratch/report" "${@:2}" \
		>"$scratch/out" 2>"$scratch/err" </dev/null
}

strict=(-q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite)

lacking() { # LINE...: the patterns that the report does not have
	local line
	for line in "$@"; do grep -qE -- "$line" "$scratch/report" || echo ", lacks \"$line\""; done
}

# A block of 3 MB is "possibly lost" when a number in memory happens to be an address in it: a leak is tried again, when
# everything lies elsewhere.
reports() { # own|plain LINE... -- KIND SIZE: each pattern is in the report, and no error besides is
	local mode=$1 lines=() missing status tries=1
	shift
	while [ "$1" != -- ]; do lines+=("$1") && shift; done
	shift
	if [ "$1" = leak ]; then tries=3; fi
	for ((; tries > 0; tries--)); do
		under_valgrind "$mode" "${strict[@]}" "$built/wrong" "$@"
		status=$?
		missing=$(lacking "${lines[@]}")
		if [ $status -eq 9 ] && [ -z "$missing" ]; then break; fi
	done
	[ $tries -gt 0 ]
	ok $? "$mode: $*: ${lines[0]}"
	[ $tries -gt 0 ] || { echo "#   status $status$missing" && head -12 "$scratch/report" | sed 's/^/#   /'; }
}

quiet() { # own|plain PROGRAM...: exits with 0 and has no error
	under_valgrind "$1" "${strict[@]}" "${@:2}"
	local status=$?
	[ $status -eq 0 ] && [ ! -s "$scratch/report" ]
	ok $? "$1: nothing to report of $(basename "$2") ${*:3}"
	[ $status -eq 0 ] && [ ! -s "$scratch/report" ] ||
		{ echo "#   status $status" && head -20 "$scratch/report" "$scratch/err" | sed 's/^/#   /'; }
}

# ---- mistakes ----

for size in 40 100000 3000000; do
	allocated="block of size $(sed ':a;s/\B[0-9]\{3\}\>/,&/;ta' <<<$size) alloc'd"
	reports own 'Invalid write of size 1' "0 bytes after a $allocated" 'by 0x[0-9A-F]*: take_it' -- overrun $size
	reports own 'Invalid write of size 1' "1 bytes before a $allocated" -- underrun $size
	reports own 'Invalid read of size 1' "0 bytes after a $allocated" -- read-past $size
	reports own 'Invalid write of size 1' "inside a ${allocated/alloc/free}" 'by 0x[0-9A-F]*: give_it' -- write-freed $size
	reports own 'Invalid read of size 1' "inside a ${allocated/alloc/free}" 'by 0x[0-9A-F]*: give_it' -- read-freed $size
	reports own 'depends on uninitialised' 'by 0x[0-9A-F]*: uninitialised' -- uninitialised $size
	reports own "${allocated:14:-8} bytes in 1 blocks are definitely lost" 'by 0x[0-9A-F]*: take_it' -- leak $size
	reports own 'Invalid free' "0 bytes inside a ${allocated/alloc/free}" 'by 0x[0-9A-F]*: double_free' -- double-free $size
	reports own 'Invalid free' "16 bytes inside a $allocated" 'by 0x[0-9A-F]*: free_middle' -- free-middle $size
	reports own 'Invalid write of size 1' "0 bytes after a $allocated" 'aligned_overrun' -- aligned-overrun $size
done
reports own 'depends on uninitialised' 'by 0x[0-9A-F]*: resized_undefined' -- resized-undefined 40
[ "$(grep -c 'depends on uninitialised' "$scratch/report")" = 1 ]
ok $? "and the byte that was written before realloc is defined"
reports own 'depends on uninitialised' 'by 0x[0-9A-F]*: resized_tail' -- resized-tail 40
[ "$(grep -c 'depends on uninitialised' "$scratch/report")" = 1 ]
ok $? "and only what realloc added is undefined"
under_valgrind own -q "$built/wrong" mismatch
said=$(tr '\n' ' ' <"$scratch/report")
[[ $said == *'libbuddymalloc: freed by another family of functions than it was made by (0x'*'mismatch (wrong.c'* ]]
ok $? "own: a block of malloc that operator delete frees is told, with the stack"
[[ $said == *'libbuddymalloc: freed by another'* ]] || echo "#   got: $said"
reports plain 'Invalid write of size 1' "0 bytes after a block of size 40 alloc'd" -- overrun 40
reports plain 'definitely lost' -- leak 40

# ---- correct programs ----

quiet own "$built/right" own fork
quiet plain "$built/right" plain fork
real() { # PROGRAM...: as it is without Valgrind
	have "$1" || { skip "own: $1" "no $1" && return; }
	LC_ALL=C "$@" >"$scratch/expected" 2>/dev/null </dev/null
	under_valgrind own -q --error-exitcode=9 "$@"
	local status=$?
	[ $status -eq 0 ] && cmp -s "$scratch/out" "$scratch/expected"
	ok $? "own: $*: no error, the same output"
	[ $status -eq 0 ] || { echo "#   status $status" && head -12 "$scratch/report" | sed 's/^/#   /'; }
}
export PYTHONMALLOC=malloc
real /usr/bin/python3 -S -c 'print(sum(len(str(i)) for i in range(2000)))'
unset PYTHONMALLOC
real perl -e 'my %h = map { $_ => "x" x $_ } 1..500; print scalar(keys %h), "\n"'
real sqlite3 :memory: 'create table t(a); insert into t values(1),(2); select sum(a) from t'
real git --no-pager -C "$root" --version

# ---- totals ----

summary() { # own|plain|libc [ARGUMENT]: the leak summary, a line
	if [ "$1" = libc ]; then
		valgrind --log-file="$scratch/report" --leak-check=full --show-leak-kinds=all "$built/leaks" "${@:2}"
	else
		under_valgrind "$1" --leak-check=full --show-leak-kinds=all "$built/leaks" "${@:2}"
	fi
	sed -n '/LEAK SUMMARY/,/suppressed/s/^==[0-9]*== *//p' "$scratch/report" | paste -sd' '
}

# Under Valgrind mappings have low addresses. So a number that lies in memory, of nanoseconds for instance, is one inside
# the block of 3 MB once in 300 runs, on either heap; that block is then "possibly lost". It is not twice.
same_summary() { # NAME BLOCKS own|plain [ARGUMENT]: that of libc's heap, with BLOCKS; if not, both go to stderr, as prove hides the rest
	local name=$1 blocks=$2 got wanted
	shift 2
	for _ in 1 2 3; do
		wanted=$(summary libc "${@:2}") got=$(summary "$@")
		if [ "$got" = "$wanted" ] && [[ $got == *$blocks* ]]; then
			ok 0 "$name"
			return
		fi
		printf '#   %s\n' "$1: $got" "libc: $wanted" >&2
	done
	ok 1 "$name"
}

same_summary "own: the leak summary is that of the same program on libc's heap" '3,341,025 bytes in 7 blocks' own
same_summary "and it has the blocks that the program keeps" '500,787 bytes in 4 blocks' own
same_summary "plain: so it is, with blocks that are lost indirectly" '' plain list

# ---- the other tools ----

peak() { # FILE of massif
	sed -n 's/^mem_heap_B=//p' "$1" | sort -n | tail -n 1
}
under_valgrind plain --tool=massif --massif-out-file="$scratch/massif" "$built/leaks"
[ "$(peak "$scratch/massif")" = 3841812 ] # the sum of the sizes; realloc of 5 bytes takes no part in the peak
ok $? "plain: massif sees the blocks: a peak of $(peak "$scratch/massif") bytes"
under_valgrind own --tool=massif --pages-as-heap=yes --massif-out-file="$scratch/massif" "$built/leaks"
[ "$(peak "$scratch/massif")" -gt 3841812 ]
ok $? "own: massif --pages-as-heap=yes sees our mappings"
under_valgrind plain --tool=dhat --dhat-out-file="$scratch/dhat" "$built/leaks"
grep -q 'Total: *3,841,818 bytes in 12 blocks' "$scratch/report"
ok $? "plain: dhat sees the blocks: $(grep -o 'Total:.*' "$scratch/report")"
for tool in helgrind drd; do
	under_valgrind plain --tool=$tool --error-exitcode=9 "$built/right" plain
	status=$?
	[ $status -eq 0 ]
	ok $? "plain: $tool has nothing to say of a correct threaded program"
	[ $status -eq 0 ] || head -20 "$scratch/report" | sed 's/^/#   /'
done
done_testing
