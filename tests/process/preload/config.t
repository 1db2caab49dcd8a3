#!/bin/bash
# config.t: what the library says of options it does not know, and that the program works all the same.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

with() { # CONFIGURATION: the program's stderr lines about it are in FILE err
	limited env BUDDYMALLOC_CONF="$1" "$built/small" >"$scratch/out" 2>"$scratch/all"
	ok $? "BUDDYMALLOC_CONF=$1: the program works"
	grep BUDDYMALLOC_CONF "$scratch/all" >"$scratch/err"
}

says() { # LINE: exactly this one
	[ "$(cat "$scratch/err")" = "libbuddymalloc: BUDDYMALLOC_CONF: $1" ]
	ok $? "one line on stderr: $1"
	[ "$(cat "$scratch/err")" = "libbuddymalloc: BUDDYMALLOC_CONF: $1" ] || sed 's/^/#   got: /' "$scratch/err"
}

silent() { # NAME
	[ ! -s "$scratch/all" ]
	ok $? "$1: nothing on stderr"
}

with bogus:1
says 'unknown option "bogus", ignored'
cmp -s "$scratch/err" "$scratch/all"
ok $? "and nothing else"
with bogus:1,stats:1
says 'unknown option "bogus", ignored'
with stats:1,bogus:1
says 'unknown option "bogus", ignored'
with stats:banana
says 'bad value in "stats:banana", ignored'
# bash makes a child for ( ), which ends by exit as its parent does.
accounts() { # OPTION: how many of the two print their account
	# shellcheck disable=SC2016 # the inner shell expands it
	limited bash -c "BUDDYMALLOC_CONF=stats:$1"' exec bash -c "( : ); :"' 2>&1 | grep -c 'account of bash'
}
[ "$(accounts 1)" -eq 2 ]
ok $? "stats:1: a process and its child print their accounts"
# shellcheck disable=SC2016
[ "$(accounts '$$')" -eq 1 ]
ok $? "stats:PID: the process of that number alone does, not its child"
# shellcheck disable=SC2016
[ "$(accounts '$PPID')" -eq 0 ]
ok $? "stats:PID of another process: none does"
with ''
silent "an empty configuration"
limited "$built/small" >"$scratch/out" 2>"$scratch/all"
silent "no configuration"
done_testing
