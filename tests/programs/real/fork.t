#!/bin/bash
# fork.t: 2,000 forks of a process whose six other threads are inside malloc and free: no child may hang or fail.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

name='fork: 2,000 children of a process with six busy threads'
build() { cc -O1 -pthread "$here/fork_stress.c" -o "$scratch/fork_stress" >&2; }

fork_many() { # only on our heap: what is expected is known, and other heaps may take their time
	once preload run "$scratch/fork_stress" 2000
	wrong=$(echo '2000 children ended well, 0 failed, 0 hung' | diff - "$scratch/preload.out")$(head -n 5 "$scratch/preload.err")
	[ -z "$wrong" ]
	ok $? "$name"
	[ -z "$wrong" ] || note <<<"$wrong"
}
need "$name" cc && build && fork_many

done_testing
