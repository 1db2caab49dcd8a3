#!/bin/bash
# early.t: allocation before main, and by libraries opened or preloaded beside ours.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

plugin=$scratch/plugin.so
if have "${CC:-cc}" && "${CC:-cc}" -O1 -g -fPIC -shared -fno-builtin -o "$plugin" "$here/extra/plugin.c"; then
	fold "early with a plugin" limited "$built/early" "$plugin"
	fold "a preloaded library before ours" limited env LD_PRELOAD="$plugin $lib" "$built/early"
	fold "a preloaded library after ours" limited env LD_PRELOAD="$lib $plugin" "$built/early"
else
	fold "early" limited "$built/early"
	skip "plugins" "no C compiler"
fi

resolver=$scratch/resolver.so
if have "${CC:-cc}" && "${CC:-cc}" -O1 -g -fPIC -shared -fno-builtin -Wl,-z,now -o "$resolver" "$here/extra/resolver.c"; then
	for mode in mode:normal debug:1 mode:hardened; do
		fold "blocks from before the start, $mode" \
			limited env BUDDYMALLOC_CONF=$mode LD_PRELOAD="$resolver $lib" "$built/early"
	done
else
	skip "blocks from before the start" "no C compiler with ifunc"
fi
mapper=$scratch/mapper.so
if have "${CC:-cc}" && "${CC:-cc}" -O1 -g -fPIC -shared -fno-builtin -Wl,-z,now -o "$mapper" "$here/extra/mapper.c"; then
	fold "mappings before we are relocated" limited env LD_PRELOAD="$lib $mapper" "$built/early"
	fold "mappings while others are relocated" limited env LD_PRELOAD="$mapper $lib" "$built/early"
else
	skip "mappings before we are relocated" "no C compiler with ifunc"
fi
for name in early names thread_exit thread_local cxx; do
	fold "LD_BIND_NOW=1 $name" limited env LD_BIND_NOW=1 "$built/$name"
done
done_testing
