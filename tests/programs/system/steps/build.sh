#!/bin/bash
# build.sh: builds packages from source. Compared: what their test suites say, and every file of the packages built, byte for byte.
. "$(dirname "$0")/../inside.sh"

packages=(build-essential fakeroot)
sources=(hello bash)

fetch() {
	apt-get install -y --download-only "${packages[@]}"
	apt-get build-dep -y --arch-only --download-only "${sources[@]}"
	fetch_sources
}

prepare() {
	apt-get install -y "${packages[@]}"
	apt-get build-dep -y --arch-only "${sources[@]}"
	unpack_sources
}

show_packages() { # FOLDER: the packages in it, and all that is in them
	local package
	for package in "$1"/*.deb; do
		echo "package ${package##*/} $(sha256sum <"$package")"
		dpkg-deb --info "$package"
		dpkg-deb --contents "$package"
		rm -rf /trial/unpacked
		dpkg-deb --extract "$package" /trial/unpacked
		(cd /trial/unpacked && find . -type f -exec sha256sum {} + | sort -k 2)
	done
}

session() {
	local source
	chown -R root: /trial/src
	for source in "${sources[@]}"; do
		(cd "/trial/src/$source/tree" && dpkg-buildpackage -B -us -uc) >"/trial/src/$source/log" 2>&1 ||
			{ tail -n 40 "/trial/src/$source/log" >&2; return 1; }
		grep -aE '^(# )?(PASS|FAIL|XFAIL|SKIP|ERROR|TOTAL)' "/trial/src/$source/log" | sort || true
		show_packages "/trial/src/$source"
	done
}

main "$@"
