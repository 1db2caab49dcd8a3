#!/bin/bash
# preload.t: every quick program of this folder, run with the library preloaded.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

for name in $(names '*'); do
	case $name in slow_*) continue ;; esac
	fold "$name" limited "$built/$name"
done
done_testing
