#!/bin/bash
# slow_preload.t: the programs that fill memory or wait, run with the library preloaded.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

for name in $(names 'slow_*'); do
	fold "$name" limited "$built/$name"
done
done_testing
