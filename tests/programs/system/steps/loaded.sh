#!/bin/bash
# loaded.sh: the library is in a shell, after a fork, under another user and in a set-user-ID program of the side that
# /etc/ld.so.preload names it in, and in none of the other.
. "$(dirname "$0")/../inside.sh"

packages=(procps)
expected=$([ -e /etc/ld.so.preload ] && echo 1 || echo 0)

tell() { # WHAT COUNT: the lines of its memory map that name the library, at most one
	if [ "$2" = "$expected" ]; then echo "$1: as it should be"; else echo "$1: $2, expected $expected"; fi
}

lines_in() { grep -c -m 1 /libbuddymalloc.so "$1" || true; } # FILE

session() {
	tell shell "$(lines_in "/proc/$$/maps")"
	(tell subshell "$(lines_in "/proc/$BASHPID/maps")")
	tell 'another user' "$(as_user grep -c -m 1 /libbuddymalloc.so /proc/self/maps || true)"
	as_user bash -c 'sleep 5 | su -c true root' >&2 &
	wait_for 5 pgrep -x su
	tell set-user-ID "$(lines_in "/proc/$(pgrep -x su | head -n 1)/maps")"
	pkill -x su
	wait
}

main "$@"
