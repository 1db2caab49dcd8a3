#!/bin/bash
# table.sh: every kind of misuse under several mallocs, as a Markdown table. usage: tests/process/security/table.sh [NAME=PATH…]
# Debian's jemalloc, tcmalloc and mimalloc are there if they are installed; others as they are named.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$tests/process/security/outcome.sh"
hardened_lib=$(dirname "$lib")/libbuddymalloc-hardened.so
unset BUDDYMALLOC_CONF

names=(libbuddymalloc 'libbuddymalloc, hardened' glibc)
libraries=("$lib" "$hardened_lib" '')

add() { # NAME PATTERN-OF-A-PATH
	local path
	path=$(compgen -G "$2" | head -n 1)
	[ -n "$path" ] && names+=("$1") libraries+=("$path")
}

add jemalloc '/usr/lib/*/libjemalloc.so.2'
add tcmalloc '/usr/lib/*/libtcmalloc_minimal.so.4'
add mimalloc '/usr/lib/*/libmimalloc.so.2'
for other in "$@"; do add "${other%%=*}" "${other#*=}"; done

word() { # LIBRARY KIND [SIZE]
	local got
	got=$(outcome "$@")
	case $got in
	access*) echo fault ;;
	call*) echo stopped ;;
	after*) echo late ;;
	harmless* | unnoticed*) echo "${got%%,*}" ;;
	*'status 124'*) echo hangs ;;
	*) echo "$got" ;;
	esac
}

row() { # CELL...
	printf '|'
	printf ' %s |' "$@"
	printf '\n'
}

row 'misuse (bytes)' "${names[@]}"
row --- "${names[@]//*/---}"
sed -n 's/^\([a-z].*\)/\1/p' "$tests/process/security/outcomes.txt" | while read -r kind size; do
	cells=()
	for library in "${libraries[@]}"; do
		cells+=("$(word "$library" "$kind" ${size:+"$size"})")
	done
	row "${kind//-/ }${size:+ ($size)}" "${cells[@]}"
done
