#!/bin/bash
# compile_commands.sh: prints compile_commands.json: how each C and C++ file of the tree is compiled. `make
# compile_commands.json` calls it, with the commands of each kind of file in the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

command_of() { # FILE: the compiler and its flags, or nothing where a test compiles it itself
	case $1 in
	src/* | preload/* | bench/engines/*) echo "$LIBRARY" ;;
	bench/workloads/*.cc) echo "$WORKLOAD_CXX" ;;
	bench/workloads/*) echo "$WORKLOAD" ;;
	tests/meta/engines/*) echo "$LIBRARY -Itests" ;;
	tests/unit/embedded/* | */extra/*) ;;
	tests/proof/interleavings/*) echo "$STEPS" ;;
	tests/unit/* | tests/proof/*) echo "$ENGINE" ;;
	tests/soak/*) echo "$ENGINE -fno-builtin" ;;
	tests/process/*.cc) echo "$PROCESS_CXX" ;;
	tests/process/*) echo "$PROCESS" ;;
	esac
}

quote() { # TEXT: as a string of JSON
	local text=${1//\\/\\\\}
	printf '"%s"' "${text//\"/\\\"}"
}

separator=[
find src preload tests bench -name '*.c' -o -name '*.cc' | sort | while read -r file; do
	command=$(command_of "$file")
	[ -n "$command" ] || continue
	printf '%s\n{"directory": %s, "file": %s, "command": %s}' "$separator" "$(quote "$PWD")" "$(quote "$file")" \
		"$(quote "$command -c $file")"
	separator=,
done
printf '\n]\n'
