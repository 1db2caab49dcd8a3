#!/bin/bash
# stress.t: stress-ng's stressors of user memory on our heap, each verifying its own results, each for a second.
# Only the run on our heap counts here: a stressor prints nothing that could be compared.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

limit=40
set_mode preload
space=6000000 # kB of addresses a process may have, as some stressors grow until something stops them

stress() { # NAME OPTIONS...: two instances of one stressor, or as many as its options say
	local log=$scratch/log name="stress-ng $1${2:+ $2}" status wrong
	mkdir -p "$scratch/work"
	# A child that dies is restarted by stress-ng unless told otherwise; then only the verbose log tells of it.
	(
		ulimit -v "$space"
		cd "$scratch/work" && run stress-ng "--$1" 2 --verify --oomable -v --timeout 1 --no-rand-seed ${2:-}
	) </dev/null >"$log" 2>&1
	status=$?
	if [ "$status" -eq 3 ] || [ "$status" -eq 4 ] || grep -qE 'unrecognized option|No stress workers invoked' "$log"; then
		skip "$name" "$(grep -oE 'unrecognized option|must not run as root' "$log" || echo "status $status")"
		return
	fi
	wrong=$(grep -E '^libbuddymalloc:|killed by|child died|SIGSEGV|SIGABRT|SIGBUS|: fail:|: error:|corrupt' "$log" | head -n 8)
	[ "$status" -eq 0 ] && [ -z "$wrong" ]
	ok $? "$name"
	[ "$status" -eq 0 ] && [ -z "$wrong" ] || printf 'status %s\n%s\n' "$status" "$wrong" | note
}

all() {
	local name
	stress malloc
	stress malloc '--malloc-pthreads 4 --malloc-bytes 200K --malloc-max 4000'
	stress malloc '--malloc-pthreads 2 --malloc-bytes 8M --malloc-max 64 --malloc-touch --malloc-zerofree'
	stress bigheap '--bigheap-growth 1M --bigheap-ops 800'
	stress fork '--fork-max 8'
	stress fork --fork-vm
	stress forkheavy '--forkheavy-procs 32 --forkheavy-allocs 64'
	stress pthread '--pthread-max 64'
	stress vm '--vm-bytes 64M'
	stress mmap '--mmap-bytes 64M'
	stress vm-rw '--vm-rw-bytes 16M'
	stress memcpy
	# Its touch reaches the page before the first break: that one exists only under a malloc that lives on brk.
	stress brk --brk-notouch
	for name in mremap stackmmap stack munmap env madvise mmapfork bsearch qsort heapsort mergesort radixsort \
		hsearch lsearch tsearch tree hash list skiplist judy matrix sparsematrix str wcs zlib vforkmany exec; do
		stress "$name"
	done
}
need 'stress-ng: stressors of user memory' stress-ng && all

done_testing
