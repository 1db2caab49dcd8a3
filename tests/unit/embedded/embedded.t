#!/bin/bash
# embedded.t: the buddy engine where there is no C library: its object needs no symbol from outside, and it works as
# a Linux program without libc and on a Cortex-M3 under emulation.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"

here=$tests/unit/embedded
flags=(-std=c11 -I"$root/include" -ffreestanding -nostdlib -fno-builtin -Wall -Wextra -Werror)
arm=(arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -Os "${flags[@]}")

needs_nothing() { # COMMAND...: buddy.c compiled by it has no undefined symbol
	"$@" "${flags[@]}" -c -o "$scratch/buddy.o" "$root/src/back/buddy.c" && [ -z "$(nm -u "$scratch/buddy.o")" ]
}

: >"$scratch/out"

passed() { # NAME FILE: a finished TAP output, folded into one line
	[ "$(grep -c '^ok' "$2")" -eq 8 ] && ! grep -q '^not ok\|^Bail out' "$2"
	ok $? "$1: $(grep -c '^ok' "$2") checks"
	grep -v '^ok\|^1\.\.' "$2" | sed 's/^/#   /'
}

for compiler in gcc clang; do
	for level in 0 2 3 s; do
		name="$compiler -O$level: buddy.c needs no symbol from outside"
		if have $compiler; then needs_nothing $compiler -O$level; ok $? "$name"; else skip "$name" "no $compiler"; fi
	done
done

case $(uname -m) in
x86_64 | aarch64)
	gcc -O2 "${flags[@]}" -static -o "$scratch/hosted" "$here/firmware.c" "$here/hosted.c" "$root"/src/back/buddy{,_check}.c &&
		timeout 60 "$scratch/hosted" >"$scratch/out"
	passed "a Linux program without libc" "$scratch/out"
	;;
*) skip "a Linux program without libc" "no system calls written down for $(uname -m)" ;;
esac

if ! have arm-none-eabi-gcc; then
	skip "Cortex-M3" "no arm-none-eabi-gcc"
elif ! have qemu-system-arm; then
	skip "Cortex-M3" "no qemu-system-arm"
else
	needs_nothing "${arm[@]}"
	ok $? "arm-none-eabi-gcc: buddy.c needs no symbol from outside"
	: >"$scratch/out"
	"${arm[@]}" -T "$here/mps2.ld" -o "$scratch/firmware" "$here"/{start,firmware}.c "$root"/src/back/buddy{,_check}.c
	ok $? "the firmware links without any library into 128 KB of RAM"
	timeout 120 qemu-system-arm -M mps2-an385 -display none -serial none -monitor none \
		-chardev stdio,id=out -semihosting-config enable=on,target=native,chardev=out \
		-kernel "$scratch/firmware" >"$scratch/out" 2>&1 </dev/null
	ok $? "the emulated machine ends well"
	passed "Cortex-M3" "$scratch/out"
fi
done_testing
