#!/bin/sh
# run.sh: builds the library, runs $CMD under it, and prints the account of its heap. `make run` calls it.
# What is lacking (a compiler, the program itself) is installed from Debian, as root or through sudo.
set -eu
cd "$(dirname "$0")/.."

default='perl -e '\''my %h; $h{$_} = "value $_" for 1 .. 500_000; delete @h{grep { $_ % 3 } keys %h}; print scalar(keys %h), " keys\n"'\'
command=${CMD:-$default}

# The Debian package of a command, where the two differ.
package_of() {
	case $1 in
	redis-cli | redis-benchmark) echo redis-tools ;;
	gs) echo ghostscript ;;
	convert) echo imagemagick ;;
	lua) echo lua5.4 ;;
	node) echo nodejs ;;
	cc) echo gcc libc6-dev ;;
	*) echo "$1" ;;
	esac
}

need() {
	command -v "$1" >/dev/null && return
	if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo='sudo -n'; fi
	echo "run.sh: installing $1" >&2
	# shellcheck disable=SC2046 # several packages may be named
	{ $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $(package_of "$1"); } >/dev/null ||
		{ echo "run.sh: $1 is not there and cannot be installed" >&2; exit 1; }
}

need cc
need make
need "${command%% *}"
make -s all >&2

# exec keeps the process number, so the account is that of the program itself and not of what it starts.
export LIB="$PWD/libbuddymalloc.so"
exec sh -c "LD_PRELOAD=\$LIB BUDDYMALLOC_CONF=stats:\$\$ exec $command"
