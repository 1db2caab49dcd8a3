#!/bin/bash
# overcommit.t: vm.overcommit_memory=2, under which every writable mapping counts at once.
# It is the whole system's setting: set for the second this takes, only with room to spare, and set back. Two runs of this
# test take turns, for the second would set back what the first one set.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

setting=/proc/sys/vm/overcommit_memory
exec 9<$setting && flock 9
before=$(cat $setting 2>/dev/null)
kb() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo; }
spare=$(($(kb CommitLimit) - $(kb Committed_AS)))
restore() { echo "$before" >$setting; }

if [ "$(id -u)" -ne 0 ] || [ ! -w $setting ]; then
	skip "vm.overcommit_memory=2" "only root may set it"
elif [ $spare -lt 4000000 ]; then
	skip "vm.overcommit_memory=2" "too little memory to commit on this system"
else
	trap 'restore; rm -rf "$scratch"' EXIT
	trap 'exit 1' INT TERM HUP
	if { echo 2 >$setting; } 2>/dev/null && [ "$(cat $setting)" = 2 ]; then
		fold "vm.overcommit_memory=2: small" limited "$built/small"
		fold "vm.overcommit_memory=2: phases" limited "$built/phases"
		fold "vm.overcommit_memory=2: zero" limited "$built/zero"
		fold "vm.overcommit_memory=2: realloc" limited "$built/realloc"
		restore
	else
		skip "vm.overcommit_memory=2" "the system refuses it"
	fi
fi
done_testing
