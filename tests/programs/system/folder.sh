# folder.sh: the folders that hold a Debian, and how to run something in one. Sourced by system.t, which sets
# dir, system, release, lib and scratch.
#	$dir/archives	packages and sources, kept from run to run
#	$dir/base	what debootstrap made; nothing is run in it but apt-get update
#	$dir/plain	a copy
#	$dir/ours	a copy with the library in its /etc/ld.so.preload
#	$dir/again	a copy like plain, for SECOND=again: what differs from it then is not the library's doing
#	$dir/results	what each step printed, SIDE/STEP.PHASE.*

preloaded=/usr/local/lib/buddymalloc/libbuddymalloc.so # not where ldconfig looks: its cache stays the same

host_sources() { # URI RELEASE COMPONENT of the Debian mirrors that this machine uses
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		awk -v release="$release" '$4 ~ /^Debian/ && $3 == "main" &&
			($2 == release || $2 == release "-updates" || $2 == release "-security") { print $1, $2, $3 }' | sort -u
}

host_acquire() { # how this machine's apt reaches its mirrors: its proxies, and what it checks
	apt-config dump | grep -iE '^Acquire::([a-z]+::(.*::)?Proxy|Check-|Retries)' | grep -v ' "";$'
}

debootstrap_base() {
	local uri
	uri=$(host_sources | awk -v release="$release" '$2 == release { print $1; exit }')
	[ -n "$uri" ] || { echo "this machine's apt has no Debian $release" >&2; return 1; }
	rm -rf "$dir/base" "$dir/base.new"
	(
		eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
		[ -z "${http_proxy:-}" ] || export http_proxy
		debootstrap --variant=minbase --cache-dir="$dir/archives" "$release" "$dir/base.new" "$uri"
	) && configure_base "$dir/base.new" && mv "$dir/base.new" "$dir/base"
}

configure_base() { # ROOT
	host_sources | while read -r uri suite component; do
		printf 'deb %s %s %s\ndeb-src %s %s %s\n' "$uri" "$suite" "$component" "$uri" "$suite" "$component"
	done >"$1/etc/apt/sources.list"
	host_acquire >"$1/etc/apt/apt.conf.d/01host"
	# Both sides share one folder of packages, at the same time: what is in it was fetched before.
	printf '%s\n' 'APT::Keep-Downloaded-Packages "true";' 'APT::Install-Recommends "false";' 'APT::Sandbox::User "root";' \
		'Debug::NoLocking "true";' 'Acquire::Languages "none";' >"$1/etc/apt/apt.conf.d/02system"
	echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/system"
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	printf '127.0.0.1 localhost system\n' >"$1/etc/hosts"
	echo system >"$1/etc/hostname"
}

update_base() { # the same lists for both copies
	enter base yes "$dir/results/update" apt-get update
}

make_side() { # SIDE: a fresh copy
	rm -rf "${dir:?}/$1"
	cp -a --reflink=auto "$dir/base" "$dir/$1"
}

put_library() { # into the side named ours
	mkdir -p "$dir/ours${preloaded%/*}" && install -m 755 "$lib" "$dir/ours$preloaded.new" &&
		mv "$dir/ours$preloaded.new" "$dir/ours$preloaded" &&
		echo "$preloaded" >"$dir/ours/etc/ld.so.preload"
}

enter() { # SIDE NETWORK RECORD COMMAND...: in namespaces of its own; NETWORK is yes or no
	local side=$1 network=$2 record=$3 separate=(--mount --uts --ipc --pid --fork --kill-child)
	shift 3
	[ "$network" = yes ] || separate+=(--net)
	nice -n 15 unshare "${separate[@]}" "$system/init.sh" "$dir/$side" "$dir/archives" "$record" "$@"
}
