#!/bin/bash
# init.sh: process 1 of the namespaces that one phase of a step runs in; started by enter() of folder.sh.
# usage: init.sh ROOT CACHE RECORD COMMAND...
# Mounts what a system needs, counts every process that ends (RECORD.acct), looks at the memory maps of those that run
# (RECORD.seen), runs COMMAND in ROOT and ends with its status. With this process the kernel ends all that are left and
# drops the mounts: nothing is to be undone.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$1 cache=$2 record=$3
shift 3
limit=${SYSTEM_LIMIT:-2400} # seconds

fail() {
	echo "init.sh: $1" >&2
	exit 125
}

mount_devices() {
	local device
	mount -t tmpfs -o mode=755 dev "$root/dev" || return
	for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
		IFS=: read -r name major minor <<<"$device"
		mknod -m 666 "$root/dev/$name" c "$major" "$minor" || return
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666,gid=5,mode=620 devpts "$root/dev/pts" &&
		mount -t tmpfs -o mode=1777 shm "$root/dev/shm" &&
		ln -s pts/ptmx "$root/dev/ptmx" && ln -s /proc/self/fd "$root/dev/fd" &&
		ln -s fd/0 "$root/dev/stdin" && ln -s fd/1 "$root/dev/stdout" && ln -s fd/2 "$root/dev/stderr"
}

mount_all() {
	mount --make-rprivate / &&
		mount -t proc proc "$root/proc" &&
		mount -t sysfs -o ro sysfs "$root/sys" &&
		mount_devices &&
		mkdir -p "$root/system" "$root/trial" "$root/var/cache/apt/archives" &&
		mount --bind "$here" "$root/system" && mount -o remount,bind,ro "$root/system" &&
		mount --bind "$cache" "$root/var/cache/apt/archives"
}

variables() { # the environment inside: the same for both sides
	echo HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TZ=UTC LC_ALL=C.UTF-8 TERM=dumb \
		DEBIAN_FRONTEND=noninteractive
	env | grep -iE '^(http|https|no)_proxy='
}

mount_all || fail "cannot mount what $root needs"
hostname system
ip link set lo up || fail "no loopback interface"
: >"$record.acct"
perl "$here/accounting.pl" on "$record.acct" || echo "init.sh: this kernel does not count processes" >&2
perl "$here/witness.pl" "$root" "$record.seen" &
witness=$!

cd "$root" || exit
mapfile -t environment < <(variables | tr ' ' '\n')
timeout --foreground -k 10 "$limit" env -i "${environment[@]}" chroot "$root" "$@"
status=$?
perl "$here/accounting.pl" off
kill "$witness"
wait "$witness"
exit "$status"
