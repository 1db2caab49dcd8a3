#!/bin/bash
# setuid.t: in a set-user-ID program the environment does not configure the library, and it says nothing of it.
# The loader ignores a preloaded path there, so the program is linked with the library.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

[ -e "$lib" ] || { ok 1 "$lib exists" && done_testing; }
soname=$(readelf -dW "$lib" 2>/dev/null | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
soname=${soname:-$(basename "$lib")}
program=$scratch/secure
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -i "$@"; }

prepare() {
	chmod 755 "$scratch" && cp "$lib" "$scratch/$soname" && chmod 644 "$scratch/$soname" &&
		"${CC:-cc}" -O1 -fno-builtin -o "$program" "$here/extra/secure.c" \
			-Wl,--no-as-needed -L"$scratch" -l:"$soname" -Wl,-rpath,"$scratch" -ldl
}

if ! have "${CC:-cc}"; then
	skip "set-user-ID" "no C compiler"
elif ! prepare; then
	ok 1 "the test program links with the library"
else
	(cd / && exec env -i BUDDYMALLOC_CONF=bogus:1 "$program") >"$scratch/out" 2>"$scratch/err"
	[ "$(cat "$scratch/out")" = "secure=0 heap=$soname" ]
	ok $? "linked with the library, the heap is ours"
	[ "$(cat "$scratch/err")" = 'libbuddymalloc: BUDDYMALLOC_CONF: unknown option "bogus", ignored' ]
	ok $? "and an unknown option is reported"
	if [ "$(id -u)" -ne 0 ] || ! have setpriv; then
		skip "set-user-ID" "needs root and setpriv"
	elif ! chmod 4755 "$program" || ! as_nobody "$program" | grep -q secure=1; then
		skip "set-user-ID" "the file system or the kernel ignores the bit here"
	else
		as_nobody BUDDYMALLOC_CONF=bogus:1,stats:banana "$program" >"$scratch/out" 2>"$scratch/err"
		[ "$(cat "$scratch/out")" = "secure=1 heap=$soname" ]
		ok $? "set-user-ID, the heap is ours in secure mode"
		[ ! -s "$scratch/err" ]
		ok $? "and the environment's configuration is not even looked at"
		as_nobody BUDDYMALLOC_CONF=stats:1 "$program" >"$scratch/out" 2>"$scratch/err"
		[ ! -s "$scratch/err" ]
		ok $? "nor is an account printed"
	fi
fi
done_testing
