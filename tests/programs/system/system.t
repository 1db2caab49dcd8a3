#!/bin/bash
# system.t: two Debians in folders, one of them with libbuddymalloc.so in its /etc/ld.so.preload, so that every program in it
# runs on our heap; both do the same work, and what comes of it is compared. README.md says more. From the environment:
#	ONLY          the steps to run, of those in steps/ (default: all, in new copies of the base)
#	SYSTEM_DIR    the folder for it all (default: build/system)
#	SECOND        ours, or again: a second plain one, to see what differs without the library
. "$(dirname "$0")/../../lib.sh"

system=$tests/programs/system
dir=$(realpath -m "${SYSTEM_DIR:-$root/build/system}")
second=${SECOND:-ours}
release=${SYSTEM_RELEASE:-bookworm}
all=(loaded install build perl python database web office browser)
read -ra steps <<<"${ONLY:-${all[*]}}"
. "$system/folder.sh"
. "$system/compare.sh"

note() { sed 's/^/# /'; }

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

check_needs() {
	local command step
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	for command in debootstrap unshare apt-get chroot ip perl; do have "$command" || skip_all "no $command"; done
	unshare --mount --pid --net --fork true || skip_all "no namespaces"
	for step in "${steps[@]}"; do
		[ -f "$system/steps/$step.sh" ] || { echo "Bail out! no step $step: there are ${all[*]}"; exit 1; }
	done
}

usable() { # the sides are there, and a part of the steps may go on in them
	[ -n "${ONLY:-}" ] && [[ " $ONLY " != *" install "* ]] && [ -d "$dir/plain" ] && [ -d "$dir/$second" ]
}

make_folders() { # the base if there is none; new copies for a whole run, so that apt has all to install
	mkdir -p "$dir/archives" "$dir/results/plain" "$dir/results/$second"
	exec 9>"$dir/lock" # left to the children, so that it is held until the last is gone
	flock -n 9 || { echo "$dir is in use"; return 1; }
	[ -d "$dir/base" ] || debootstrap_base || return
	usable || { update_base && make_side plain && make_side "$second"; } || return
	[ "$second" != ours ] || put_library
}

phase() { # SIDE STEP PHASE NETWORK
	local record
	record=$(result "$1" "$2.$3")
	rm -f "$record".*
	enter "$1" "$4" "$record" "/system/steps/$2.sh" "$3" </dev/null >"$record.out" 2>"$record.err"
	echo $? >"$record.status"
}

both() { # STEP PHASE NETWORK: on both sides at a time
	phase plain "$@" &
	phase "$second" "$@"
	wait
}

clear_work() { rm -rf "$dir/plain/trial" "$dir/$second/trial"; }

run_step() { # STEP: one TAP line, and what is wrong
	local wrong
	clear_work
	rm -f "$(result plain "$1")".* "$(result "$second" "$1")".*
	phase plain "$1" fetch yes
	both "$1" prepare yes
	both "$1" session no
	clear_work
	wrong=$(judge "$1")
	[ -z "$wrong" ]
	ok $? "$1: $(wc -l <"$scratch/plain") lines compared, $(total "$1") processes, $(looked_at "$1") seen with the library"
	[ -z "$wrong" ] || note <<<"$wrong"
}

check_needs
make_folders >"$scratch/folders" 2>&1
ok $? "two folders with Debian $release"
[ "$failed" -eq 0 ] || { tail -n 5 "$scratch/folders" | note; done_testing; }
for step in "${steps[@]}"; do run_step "$step"; done
done_testing
