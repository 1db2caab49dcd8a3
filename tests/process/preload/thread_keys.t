#!/bin/bash
# thread_keys.t: the library takes none of the program's pthread keys.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

with=$(limited "$built/thread_keys")
without=$(plain "$built/thread_keys")
[ -n "$without" ] && [ "$with" = "$without" ]
ok $? "$without pthread keys without the library, ${with:-none} with it"
done_testing
