#!/bin/bash
# own_malloc.t: programs that bring a malloc of their own must not be given blocks of two heaps.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

build() { cc -O1 -fno-builtin -pthread "$here/own_malloc.c" -o "$scratch/own_malloc" >&2; }
need 'own malloc: one without reallocarray' cc && build && same 'own malloc: one without reallocarray' "$scratch/own_malloc"

done_testing
