#!/bin/bash
# dlopen.t: what libraries are that a program opens: RTLD_DEEPBIND is left out unless deepbind:1 is set, and the caller's
# RUNPATH counts.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

build() { # NAME SOURCE FLAG...
	"${CC:-cc}" -g -fPIC -shared -fno-builtin -o "$scratch/$1" "$here/extra/$2" "${@:3}"
}

build_all() {
	# shellcheck disable=SC2016 # the loader expands it
	local runpath='-Wl,--enable-new-dtags,-rpath,$ORIGIN/plugins'
	mkdir "$scratch/plugins"
	build plugins/plugin.so exchange.c -O1 && build opener-O0.so opener.c -O0 "$runpath" &&
		build opener-O2.so opener.c -O2 "$runpath" && build early.so opener.c -O1 -DAT_START "$runpath" -Wl,-z,initfirst
}

if [ "$(nm -D --defined-only "$lib" | grep -cE ' dlm?open$')" -ne 2 ]; then
	skip "libraries opened with RTLD_DEEPBIND" "this machine has no stub in preload/dlopen.c"
elif ! build_all; then
	skip "libraries opened with RTLD_DEEPBIND" "no C compiler"
else
	for mode in mode:normal mode:hardened debug:1; do
		fold "opened libraries, $mode" limited env BUDDYMALLOC_CONF=$mode "$built/dlopen" "$scratch" ours
	done
	fold "with deepbind:1" limited env BUDDYMALLOC_CONF=deepbind:1 "$built/dlopen" "$scratch" other
	fold "without the library" plain "$built/dlopen" "$scratch" ours
	limited env LD_PRELOAD="$lib $scratch/early.so" "$built/small" >/dev/null
	ok $? "a library that another opens before our start"
fi
done_testing
