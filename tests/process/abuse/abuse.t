#!/bin/bash
# abuse.t: one misuse per run of misuse: it must end by SIGABRT, with exactly the right sentence on stderr.
# Beside each, the same steps with the right pointer must end well and in silence.
. "$(dirname "$0")/../../lib.sh"

program=${BM_BUILD:-$root/build}/tests/process/abuse/misuse
foreign='not a block of this heap: foreign, or freed and returned to the system'
wrong_size='freed as OFFSET bytes, but it has SIZE: a wrong size given to operator delete'
small='48 1000 20480' middle=102400 large='3145728 67108864'

run() { # wrong|right ARGUMENT...: its output in FILE out and err
	{ timeout -k 5 60 env LD_PRELOAD="$lib" "$program" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null; } 2>/dev/null
}

control() { # ARGUMENT...
	run right "$@"
	local status=$?
	[ $status -eq 0 ] && [ "$(tail -n 1 "$scratch/out")" = survived ] && [ ! -s "$scratch/err" ]
	ok $? "right: $*"
	[ $status -eq 0 ] && [ ! -s "$scratch/err" ] || echo "#   status $status: $(head -n 1 "$scratch/err")"
}

# The sentences may name the block's usable size and the pointer's offset as the program tells them: SIZE, OFFSET.
misuse() { # NAME-IN-MESSAGE SENTENCES(one per line) ARGUMENT...
	local name=$1 sentences=$2 status pointer usable distance sentence expected got matched=1
	shift 2
	run wrong "$@"
	status=$?
	read -r pointer usable distance <"$scratch/out"
	got=$(cat "$scratch/err")
	while read -r sentence; do
		sentence=${sentence/SIZE/$usable}
		expected="libbuddymalloc: $name($pointer): ${sentence/OFFSET/$distance}"
		[ "$got" = "$expected" ] && matched=0
	done <<<"$sentences"
	[ $status -eq 134 ] && [ $matched -eq 0 ]
	ok $? "wrong: $*: SIGABRT, $(head -n 1 <<<"$sentences")"
	[ $status -eq 134 ] && [ $matched -eq 0 ] || printf '#   %s\n' "expected: $expected" "got, status $status: $got"
	control "$@"
}

inside() { # SIZE: the sentence about an interior pointer
	case " $small " in *" $1 "*) echo 'inside a slot of SIZE bytes, OFFSET bytes after its start' && return ;; esac
	if [ "$1" = $middle ]; then
		echo 'inside a block of SIZE bytes, OFFSET bytes after its start'
	else
		echo 'inside a large block of SIZE bytes, OFFSET bytes after its start'
	fi
}

freed() { # SIZE: the sentences about a freed block; a large one may lie in the pool, alone or joined to another, or be unmapped
	case " $small " in *" $1 "*) echo 'already free: a slot of SIZE bytes' && return ;; esac
	if [ "$1" = $middle ]; then
		echo 'already free: a page of the heap'
	else
		printf '%s\n' 'already free: a large block' 'already free: a page of the heap' "$foreign"
	fi
}

for call in free realloc malloc_usable_size; do
	for place in stack static literal code mmap tiny one noncanonical top; do
		misuse $call "$foreign" $call $place
	done
	for size in $small $middle $large; do
		for offset in 16 1 $((size / 2)); do
			misuse $call "$(inside "$size")" $call interior "$size" $offset
		done
		misuse $call "$(freed "$size")" $call freed "$size"
	done
done

for call in free realloc malloc_usable_size; do
	misuse $call 'past the last slot of a slab of SIZE-byte slots' $call tail 144
done

# A slot that a thread freed is found when both copies have come back, by when its slab may have gone.
for size in $small $middle $large; do
	for place in freed-before freed-by-thread freed-beside freed-before-fork; do
		sentences=$(freed "$size")
		case $place in freed-by-thread | freed-beside) sentences+=$'\n''already free: a page of the heap' ;; esac
		misuse free "$sentences" free $place "$size"
	done
done
for call in realloc malloc_usable_size; do
	misuse $call "$(freed $middle)" $call freed-by-thread $middle
	misuse $call "$(freed $middle)" $call freed-before-fork $middle
done

for call in cfree free_sized free_aligned_sized delete 'delete[]' delete-sized; do
	misuse free "$foreign" "$call" stack
	misuse free "$(inside $middle)" "$call" interior $middle 16
	misuse free "$(freed 48)" "$call" freed 48
done
for size in 48 1000; do
	misuse free "$wrong_size" delete-sized larger-size $size
done
for size in $middle $large; do
	misuse free "$wrong_size" delete-sized small-size $size
done
misuse realloc "$foreign" reallocarray stack
misuse realloc "$(inside 48)" reallocarray interior 48 16
misuse realloc "$(freed $middle)" reallocarray freed $middle
done_testing
