#!/bin/bash
# install.sh: installs what the tests need from Debian, as root or through sudo -n.
# usage: tests/install.sh [quick|all|system]      (default: all)
# Without these rights it says what is missing; the tests of those programs then skip and say so.
# A package is listed alone, or as package:probe where the probe is a command or a path (may be a glob):
# a program that came from elsewhere than Debian then counts as present.

set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d

quick=(
	gcc:cc libc6-dev make:make perl:prove libcmocka-dev:/usr/include/cmocka.h
)
programs=( # of tests/programs/real and of bench
	coreutils:timeout xz-utils:xz python3:/usr/bin/python3 g++:g++ clang:clang git:git sqlite3:sqlite3 gawk:gawk lua5.4:lua5.4
	nodejs:node redis-server:redis-server redis-tools:redis-benchmark memcached:memcached libmemcached-tools:memcslap
	'postgresql:/usr/lib/postgresql/*/bin/initdb' nginx:/usr/sbin/nginx curl:curl wrk:wrk ghostscript:gs
	imagemagick:/usr/bin/convert ffmpeg:ffmpeg chromium:chromium stress-ng:stress-ng php-cli:php php-mbstring php-xml
)
tools=( # of the other tests
	valgrind:valgrind gdb:gdb hyperfine:hyperfine strace:strace qemu-user:qemu-x86_64 qemu-system-arm:qemu-system-arm gcc-arm-none-eabi:arm-none-eabi-gcc
	patch:patch python3-matplotlib libclang-rt-14-dev libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4
)
system=( # of tests/programs/system, which puts all else into its own folders
	debootstrap:debootstrap debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg util-linux:unshare
	iproute2:ip perl:prove coreutils:timeout
)

present() { # PACKAGE[:PROBE]
	case $1 in
	*:/*) compgen -G "${1#*:}" >/dev/null ;;
	*:*) command -v "${1#*:}" >/dev/null 2>&1 ;;
	*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

find_missing() { # the listed packages that are not there, into the array missing
	local entry
	missing=()
	for entry in "$@"; do present "$entry" || missing+=("${entry%%:*}"); done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
	command -v apt-get >/dev/null && as_root true 2>/dev/null
}

forbid_services() { # nothing we install may start by itself; a policy that is already there stays
	[ -e "$policy" ] && return
	trap 'as_root rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}

drop_unknown() { # one package unknown to this release would make apt-get refuse all of them
	local package known=()
	for package in "${missing[@]}"; do
		if apt-cache show --no-all-versions "$package" >/dev/null 2>&1; then
			known+=("$package")
		else
			echo "install.sh: this release has no package $package"
		fi
	done
	missing=("${known[@]}")
}

apt_install() {
	as_root apt-get update -q || echo "install.sh: apt-get update failed, going on with the lists there are" >&2
	drop_unknown
	[ ${#missing[@]} -eq 0 ] && return
	forbid_services
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

case ${1:-all} in
quick) wanted=("${quick[@]}") ;;
all) wanted=("${quick[@]}" "${programs[@]}" "${tools[@]}") ;;
system) wanted=("${system[@]}") ;;
*) echo "usage: tests/install.sh [quick|all|system]" >&2; exit 2 ;;
esac

find_missing "${wanted[@]}"
[ ${#missing[@]} -eq 0 ] && exit 0
if can_install; then
	apt_install || exit 1
	find_missing "${wanted[@]}"
fi
[ ${#missing[@]} -eq 0 ] || echo "install.sh: missing, their tests will be skipped: ${missing[*]}"
