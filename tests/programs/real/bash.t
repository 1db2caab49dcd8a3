#!/bin/bash
# bash.t: the shell as an interpreter: arrays, strings, recursion, subshells, many short processes.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/script" <<'END'
declare -A words
declare -a numbers

fill_arrays() {
	local i
	for ((i = 0; i < 30000; i++)); do
		numbers[i]=$(((i * 7919) % 30011))
		words[word$((i % 5000))]+=${numbers[i]},
	done
	for ((i = 0; i < 30000; i += 3)); do unset "numbers[$i]"; done
	echo "${#numbers[@]} ${#words[@]} ${words[word17]} ${words[word4999]}"
}

hanoi() { # DISKS FROM TO SPARE
	[ "$1" -eq 0 ] && return
	hanoi $(($1 - 1)) "$2" "$4" "$3"
	moves+=$2$3
	hanoi $(($1 - 1)) "$4" "$3" "$2"
}

depth() { if [ "$1" -gt 0 ]; then local kept=$2$1; depth $(($1 - 1)) "$2."; echo -n "${#kept} "; fi; }

strings() {
	local text= i
	for ((i = 0; i < 3000; i++)); do text+="line $i of the text; "; done
	echo "${#text} ${text:5000:40} ${text//of the/OF} " | cksum
	echo "${text^^}" | cksum
	[[ $text =~ (line\ 2[0-9]+).*(text) ]] && echo "${BASH_REMATCH[1]}"
	printf '%s|%q|%08.3f\n' "$(printf 'x%.0s' {1..3000})" "a b'c" 3.14159
}

subshells() {
	local i sum=0 piece
	for ((i = 0; i < 300; i++)); do
		piece=$(echo $((i * i)) | { read -r n; (echo $((n + 1))); })
		sum=$((sum + piece))
	done
	echo "sum $sum"
	for i in {1..40}; do (sleep 0; exit $((i % 7))) & pids[i]=$!; done
	for i in {1..40}; do wait "${pids[i]}"; echo -n "$? "; done
	echo
	diff <(seq 1 2000) <(seq 2 2001)
	mapfile -t lines < <(seq 50000)
	echo "${#lines[@]} ${lines[49999]}"
}

fill_arrays
moves= && hanoi 11 a b c && echo "${#moves} ${moves:100:50}"
depth 400 ''
strings
subshells
END
same 'bash: arrays, strings, recursion, subshells' bash "$scratch/script"

done_testing
