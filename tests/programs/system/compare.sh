# compare.sh: judges a step by what its two sides left in $dir/results/SIDE/STEP.PHASE.{out,err,status,acct,seen}.
# Sourced by system.t, which sets dir, system, second and scratch.
#  1. Every phase ended with status 0 on both sides.
#  2. What the sessions printed is the same, behind the step's own filter, and not empty.
#  3. No process said "libbuddymalloc:" anywhere in what the second side printed or logged.
#  4. As many processes of a name were ended by a signal of a crash on either side, by the kernel's record.
#  5. In ours, every process that was looked at had the library, unless it has no dynamic loader.

result() { echo "$dir/results/$1/$2"; } # SIDE STEP.PHASE: the beginning of the files' names

judge_status() { # STEP
	local side phase status
	for side in plain "$second"; do
		for phase in prepare session; do
			status=$(cat "$(result "$side" "$1.$phase").status" 2>/dev/null || echo none)
			[ "$status" = 0 ] && continue
			echo "$phase in $side ended with status $status:"
			tail -n 6 "$(result "$side" "$1.$phase").err"
		done
	done
}

judge_output() { # STEP
	local side
	for side in plain "$second"; do
		bash "$system/steps/$1.sh" filter <"$(result "$side" "$1.session").out" >"$scratch/$side"
	done
	[ -s "$scratch/plain" ] || echo "nothing to compare"
	diff -a "$scratch/plain" "$scratch/$second" >"$(result "$second" "$1.diff")" && return
	echo "$(grep -ac '^[<>]' "$(result "$second" "$1.diff")") lines differ, all in $(result "$second" "$1.diff"):"
	head -n 20 "$(result "$second" "$1.diff")" | cut -c -200
}

judge_messages() { # STEP: fetch.status was written when the sides began
	local logs
	mapfile -t logs < <(find "$dir/$second/var/log" -type f -newer "$(result plain "$1.fetch").status")
	grep -ahE 'libbuddymalloc: |^ERROR: ld\.so' "$(result "$second" "$1.prepare")".{out,err} \
		"$(result "$second" "$1.session")".{out,err} "${logs[@]}" | head -n 10
}

judge_crashes() { # STEP
	local side phase
	for side in plain "$second"; do
		for phase in prepare session; do
			perl "$system/accounting.pl" crashes "$(result "$side" "$1.$phase").acct" | sed "s/^/$phase: /"
		done >"$scratch/$side.crashes"
	done
	diff "$scratch/plain.crashes" "$scratch/$second.crashes" | sed -n "s/^</ended by a signal in plain, times name signal:/p
		s/^>/ended by a signal in $second, times name signal:/p"
}

judge_loaded() { # STEP
	local seen
	[ "$second" = ours ] || return 0
	for seen in "$(result ours "$1")".{prepare,session}.seen; do
		sed -n 's/^bare/without the library:/p' "$seen" | sort | uniq -c | head -n 5
	done
	grep -hqs '^loaded [1-9]' "$(result ours "$1")".{prepare,session}.seen || echo "no process was seen with the library"
}

judge() { # STEP: what is wrong, if anything, on stdout
	judge_status "$1"
	judge_output "$1"
	judge_messages "$1"
	judge_crashes "$1"
	judge_loaded "$1"
}

total() { # STEP: processes that ended in the second side
	local phase sum=0
	for phase in prepare session; do
		sum=$((sum + $(perl "$system/accounting.pl" count "$(result "$second" "$1.$phase").acct")))
	done
	echo "$sum"
}

looked_at() { # STEP: processes that were seen with the library
	cat "$(result "$second" "$1")".{prepare,session}.seen 2>/dev/null | awk '$1 == "loaded" { n += $2 } END { print n + 0 }'
}
