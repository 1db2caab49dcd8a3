# lib.sh: what the shell tests share: TAP lines, a scratch folder, the library under test.
# Sourced by the *.t below this folder; BM_PRELOAD names the library (default: the one in the project's root).

set -u
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$tests")
lib=${BM_PRELOAD:-$root/libbuddymalloc.so}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bm-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
count=0 failed=0
export LC_ALL=C

ok() { # STATUS NAME: one TAP line
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; failed=$((failed + 1)); fi
}

skip() { # NAME REASON
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

have() { command -v "$1" >/dev/null 2>&1; }

under() { LD_PRELOAD=$lib "$@"; } # run a command on our heap

done_testing() {
	echo "1..$count"
	exit $((failed != 0))
}
