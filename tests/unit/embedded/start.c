/* start.c: a Cortex-M3 from reset to the tests: the vector table, RAM set up, and semihosting (Arm IHI 0100,
 * "Semihosting for AArch32 and AArch64") for text and the exit. No C library. */
#include "firmware.h"

#include <stdint.h>

enum { SYS_WRITE0 = 0x04, SYS_EXIT = 0x18, APPLICATION_EXIT = 0x20026, RUN_TIME_ERROR = 0x20023 };

extern uint32_t stack_top, bss_start, bss_end, data_start, data_end, data_load; /* by mps2.ld */

static void semihost(uint32_t operation, uint32_t argument) {
	register uint32_t r0 __asm__("r0") = operation;
	register uint32_t r1 __asm__("r1") = argument;
	__asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void write_text(const char *text) { semihost(SYS_WRITE0, (uint32_t)text); }

_Noreturn void reset(void);
_Noreturn void reset(void) {
	uint32_t *from = &data_load;
	for (uint32_t *to = &data_start; to < &data_end; to++)
		*to = *from++;
	for (volatile uint32_t *to = &bss_start; to < &bss_end; to++)
		*to = 0;
	semihost(SYS_EXIT, run_tests() ? RUN_TIME_ERROR : APPLICATION_EXIT);
	for (;;)
		;
}

static void fault(void) {
	write_text("Bail out! a fault of the processor\n");
	semihost(SYS_EXIT, RUN_TIME_ERROR);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
        &stack_top,          (const void *)reset, (const void *)fault, (const void *)fault,
        (const void *)fault, (const void *)fault, (const void *)fault,
};
