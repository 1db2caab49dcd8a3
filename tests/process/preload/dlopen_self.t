#!/bin/bash
# dlopen_self.t: the library opened by dlopen instead of preloaded.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

fold "dlopen of the library itself" plain "$built/dlopen_self" "$lib"
done_testing
