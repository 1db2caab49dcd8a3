#!/bin/bash
# qemu_user.t: what threads leave is found again under qemu-user, which knows no robust mutexes.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

name="thread_left under qemu-user"
emulator=qemu-$(uname -m)
if [ -n "${BM_QUICK:-}" ]; then
	skip "$name" "BM_QUICK is set"
elif ! have "$emulator"; then
	skip "$name" "no $emulator"
else
	fold "$name" plain "$emulator" -E LD_PRELOAD="$lib" "$built/thread_left" emulated
fi
done_testing
