/* explained.c: how many percent of its resident memory the rows of malloc_info name, in a program
 * whose small blocks were freed at random but for a tenth. Prints that number, and both sums in KB. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 400000, LARGEST = 1024 };

static size_t anonymous_kb(void) {
	char line[256];
	size_t kb = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof line, status))
		sscanf(line, "RssAnon: %zu", &kb);
	if (status)
		fclose(status);
	return kb;
}

/* The sum of the rows. */
static size_t rows_kb(void) {
	static char text[1 << 16];
	static const char row[] = "<row name=";
	size_t sum = 0;
	FILE *stream = fmemopen(text, sizeof text - 1, "w");
	if (!stream || malloc_info(0, stream))
		return 0;
	fclose(stream);
	for (const char *at = text; (at = strstr(at, row)); at++) {
		const char *size = strstr(at, " size=\"");
		sum += size ? strtoull(size + strlen(" size=\""), NULL, 10) : 0;
	}
	return sum / 1024;
}

int main(void) {
	size_t before = anonymous_kb();
	char **blocks = mmap(NULL, BLOCKS * sizeof *blocks, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (blocks == MAP_FAILED)
		return 1;
	srandom(1);
	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = 16 + (size_t)random() % (LARGEST - 15);
		blocks[i] = malloc(size);
		if (!blocks[i])
			return 1;
		memset(blocks[i], 1, size);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		if (random() % 10)
			free(blocks[i]);
	}
	size_t resident = anonymous_kb() - before - BLOCKS * sizeof *blocks / 1024, rows = rows_kb();
	printf("%.1f %zu %zu\n", 100.0 * (double)rows / (double)resident, rows, resident);
	return 0;
}
