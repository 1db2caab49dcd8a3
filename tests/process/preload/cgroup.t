#!/bin/bash
# cgroup.t: a program whose live memory stays small is not killed in a group limited to 64 MB.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

name=bm-test-$$ group=
if [ -d /sys/fs/cgroup/memory ]; then
	group=/sys/fs/cgroup/memory/$name
	file=memory.limit_in_bytes
elif grep -qw memory /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
	group=/sys/fs/cgroup/$name
	file=memory.max
fi
in_group() { # COMMAND...
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		exec "$@"
	)
}

if [ -z "$group" ]; then
	skip "64 MB memory group" "no memory controller here"
elif ! mkdir "$group" 2>/dev/null; then
	skip "64 MB memory group" "not allowed to make one"
else
	trap 'rmdir "$group"; rm -rf "$scratch"' EXIT
	if { echo $((64 << 20)) >"$group/$file"; } 2>/dev/null && in_group true 2>/dev/null; then
		fold "phases in a 64 MB memory group" in_group timeout 60 env LD_PRELOAD="$lib" "$built/phases"
		# The limit is felt.
		if [ "$(awk '/^SwapTotal:/ { print $2 }' /proc/meminfo)" -ne 0 ]; then
			skip "killed when the phases are of 80 MB" "there is swap"
		else
			{ in_group timeout 60 env BUDDYMALLOC_CONF=hold:1000 LD_PRELOAD="$lib" "$built/phases" 80 >"$scratch/held"; } 2>/dev/null
			[ $? -eq 137 ]
			ok $? "killed when the phases are of 80 MB"
		fi
	else
		skip "64 MB memory group" "the group cannot be limited or entered"
	fi
fi
done_testing
