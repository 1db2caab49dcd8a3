#!/bin/bash
# stderr.t: where the account at exit goes: to what stderr was at the start, though the program has closed it; and never
# into a file of the program's own.
# shellcheck disable=SC2016,SC2154
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

with_stats() { limited env BUDDYMALLOC_CONF=stats:1 "$@" >"$scratch/out" 2>"$scratch/err"; }
accounts() { grep -c '^libbuddymalloc: account of' "$scratch/err"; }

says() { # STATUS N NAME: it ended with 0, and N accounts are there
	[ "$1" -eq 0 ] && [ "$(accounts)" -eq "$2" ]
	ok $? "$3"
	[ "$1" -eq 0 ] && [ "$(accounts)" -eq "$2" ] || echo "#   status $1, $(accounts) accounts"
}

# ---- programs that close stderr before they end ----

printf 'b\na\n' >"$scratch/lines"
tar -C "$scratch" -cf "$scratch/archive" lines
of_real() { # COMMAND...
	have "$1" || { skip "$1" "no $1" && return; }
	limited env BUDDYMALLOC_CONF=stats:1 "$@" >"$scratch/out" 2>"$scratch/err"
	grep -q "^libbuddymalloc: account of $1, process" "$scratch/err"
	ok $? "$1 prints its account"
}
of_real ls "$scratch"
of_real sort "$scratch/lines"
of_real cat "$scratch/lines"
of_real tar -tf "$scratch/archive"
of_real grep a "$scratch/lines"

with_stats "$built/stderr" nothing
says $? 1 "a program that leaves stderr alone prints one account"
with_stats "$built/stderr" close
says $? 1 "and so does one that closes it"
with_stats "$built/stderr" put-back
says $? 1 "one that closes it and puts it back"
with_stats "$built/stderr" fork
says $? 2 "one whose child closes it: two"
with_stats "$built/stderr" cancel
says $? 1 "one that ends by a thread with a cancel pending"
(ulimit -n 64 && with_stats "$built/stderr" close)
says $? 1 "one that may have 64 files open and closes it"
limited env BUDDYMALLOC_CONF=stats:1 "$built/stderr" broken
ok $? "a pipe for stderr that nobody reads ends no program"

# ---- the program's own files ----

with_stats "$built/stderr" reuse "$scratch/own"
says $? 1 "one that has a file of its own in the place of stderr: where stderr was"
[ -e "$scratch/own" ] && [ ! -s "$scratch/own" ]
ok $? "and nothing in its file"
with_stats "$built/stderr" reuse-all "$scratch/all"
says $? 0 "one that closes every descriptor and opens its own files: none"
[ -e "$scratch/all" ] && [ ! -s "$scratch/all" ]
ok $? "and nothing in its file"
limited env BUDDYMALLOC_CONF=stats:1 bash -c 'exec "$0" reuse "$1" 2>&-' "$built/stderr" "$scratch/none" 2>/dev/null
[ -e "$scratch/none" ] && [ ! -s "$scratch/none" ]
ok $? "nor where stderr was closed from the start"

# ---- what others see of the descriptor ----

numbers='for file in /proc/self/fd/*; do case ${file##*/} in 0 | 1 | 2) ;; *) readlink "$file" ;; esac; done'
[ "$(limited env BUDDYMALLOC_CONF=stats:1 env -u LD_PRELOAD sh -c "$numbers" 2>"$scratch/err" | grep -c "/err$")" -eq 0 ]
ok $? "a program that is started does not inherit it"
limited bash -c 'BUDDYMALLOC_CONF=stats:$$ exec "$0" child-has-one-fewer' "$built/stderr" >"$scratch/out" 2>"$scratch/err"
says $? 1 "with stats:PID a child has it closed"
with_stats "$built/stderr" child-has-all
says $? 1 "with stats:1 it keeps it"
done_testing
