# inside.sh: what the steps share. Each step is a script in steps/ that runs inside a side, as `STEP.sh PHASE`:
#	fetch	download packages and sources into the cache, in the plain side only
#	prepare	install and unpack, on both sides, with the network
#	session	the work, on both sides, without the network; what it prints is compared
#	filter	what of that is compared: stdin to stdout, on the host. Without one it is all.
# A step defines packages=() and session, and others where the ones here do not do.

set -eu -o pipefail

packages=() # to be installed for the step
sources=()  # source packages to be unpacked in /trial/src

fetch() {
	apt-get install -y --download-only "${packages[@]}"
	fetch_sources
}

prepare() {
	apt-get install -y "${packages[@]}"
	unpack_sources
}

filter() { cat; }

fetch_sources() {
	[ ${#sources[@]} -eq 0 ] && return
	mkdir -p /var/cache/apt/archives/src
	local source
	cd /var/cache/apt/archives/src
	for source in "${sources[@]}"; do # the release's own, where a mirror lacks the update's
		apt-get source --download-only "$source" || apt-get source --download-only "$source/$(release)"
	done
}

release() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

unpack_sources() {
	local source
	for source in "${sources[@]}"; do
		mkdir -p "/trial/src/$source"
		# The newest, should an older one be in the cache.
		dpkg-source --no-check -x "$(find /var/cache/apt/archives/src -name "${source}_*.dsc" | sort -V | tail -n 1)" \
			"/trial/src/$source/tree" >&2
	done
}

as_user() { # COMMAND...: as somebody who is not root, whose home is /trial/home
	id tester >/dev/null 2>&1 || useradd -M -d /trial/home -s /bin/bash tester
	mkdir -p /trial/home
	chown tester: /trial /trial/home
	runuser -u tester -- env HOME=/trial/home "$@"
}

wait_for() { # SECONDS COMMAND...: until it succeeds
	local tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || { echo "waited in vain for: $*" >&2; return 1; }
		sleep 0.1
	done
}

main() { # PHASE
	mkdir -p /trial 2>/dev/null || true
	"$1"
}
