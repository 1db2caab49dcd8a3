/* firmware.h: what the tests need from where they run, and the tests. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

void write_text(const char *text); /* NUL-terminated */
int run_tests(void);               /* 0: all passed */

#endif
