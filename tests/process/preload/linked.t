#!/bin/bash
# linked.t: the static library in a program: the same heap, with its options and its handlers of fork.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

archive=${lib%.so}.a

link() { # NAME: the program of this folder, with the library in it
	"${CC:-cc}" -std=gnu11 -O1 -g -fno-builtin -I"$tests" -pthread -o "$scratch/$1" "$here/$1.c" "$archive" -ldl
}

if ! have "${CC:-cc}"; then
	skip "linked in" "no C compiler"
elif [ ! -f "$archive" ]; then
	skip "linked in" "no $archive"
elif ! link fork || ! link small; then
	ok 1 "programs are linked with $archive"
else
	fold "fork, linked in" plain "$scratch/fork"
	fold "small, linked in" plain "$scratch/small"
	BUDDYMALLOC_CONF=stats:1 plain "$scratch/small" 2>&1 >/dev/null </dev/null | grep -q '^libbuddymalloc: account of small'
	ok $? "BUDDYMALLOC_CONF is read, linked in"
fi
done_testing
