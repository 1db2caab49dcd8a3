#!/bin/bash
# install.sh: installs from Debian what the bench compares, measures and draws with, as root or through sudo -n.
# usage: bench/install.sh
# What cannot be had is named; the bench then goes without it and says so in its report.
# An entry is a package, or package=path where the path (may be a glob) shows that it is there.

set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d

wanted=(
	# allocators
	libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 libtbbmalloc2
	# programs
	python3=/usr/bin/python3 perl=/usr/bin/perl lua5.4=/usr/bin/lua5.4 gawk=/usr/bin/gawk nodejs=/usr/bin/node
	gcc=/usr/bin/gcc g++=/usr/bin/g++ clang=/usr/bin/clang make=/usr/bin/make git=/usr/bin/git sqlite3=/usr/bin/sqlite3
	ghostscript=/usr/bin/gs imagemagick=/usr/bin/convert redis-server=/usr/bin/redis-server
	redis-tools=/usr/bin/redis-benchmark memcached=/usr/bin/memcached libmemcached-tools=/usr/bin/memcslap
	'postgresql=/usr/lib/postgresql/*/bin/pgbench' nginx=/usr/sbin/nginx wrk=/usr/bin/wrk
	# measuring and drawing
	valgrind=/usr/bin/valgrind strace=/usr/bin/strace python3-matplotlib
)

present() { # PACKAGE[=PATH]
	case $1 in
	*=*) compgen -G "${1#*=}" >/dev/null ;;
	*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

find_missing() { # the wanted packages that are not there, into the array missing
	local entry
	missing=()
	for entry in "${wanted[@]}"; do present "$entry" || missing+=("${entry%%=*}"); done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@"; }

forbid_services() { # nothing we install may start by itself; a policy that is already there stays
	[ -e "$policy" ] && return
	trap 'as_root rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}

install_each() { # one by one, so that a package unknown to this release costs only itself
	local package
	apt_get update || echo 'install.sh: apt-get update failed, going on with the lists there are' >&2
	forbid_services
	for package in "${missing[@]}"; do apt_get install -y --no-install-recommends "$package"; done
}

[ $# -eq 0 ] || { echo 'usage: bench/install.sh' >&2; exit 2; }
find_missing
[ ${#missing[@]} -eq 0 ] && exit 0
command -v apt-get >/dev/null && as_root true 2>/dev/null && install_each
find_missing
[ ${#missing[@]} -eq 0 ] || echo "install.sh: missing, the bench goes without: ${missing[*]}"
