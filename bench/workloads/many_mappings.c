/*
 * many_mappings.c: 32,000 live blocks of 1.1 MB of which one byte is touched.
 *
 * 1. The results are mappings, the lines of /proc/self/maps, of which the kernel allows a process
 *    65,530 by default, and mapped_kb, its address space; both while all blocks live.
 * 2. --scale changes the number of blocks.
 */
#include "common.h"

enum { BLOCKS = 32000, SIZE = 1100 << 10 };

/* Lines of /proc/self/maps. Allocates nothing. */
static uint64_t count_mappings(void) {
	static char text[1 << 16];
	uint64_t lines = 0;
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		bench_fail("/proc/self/maps cannot be read");
	for (ssize_t length; (length = read(file, text, sizeof text)) > 0;) {
		for (ssize_t i = 0; i < length; i++)
			lines += text[i] == '\n';
	}
	close(file);
	return lines;
}

static void free_all(volatile unsigned char **blocks, uint64_t count) {
	for (uint64_t i = 0; i < count; i++) {
		if (blocks[i][SIZE / 2] != (unsigned char)i)
			bench_fail("block %llu lost its content", (unsigned long long)i);
		free((void *)blocks[i]);
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "many_mappings",
	        .describe =
	                "32 000 live blocks of 1.1 MB, one byte of each touched: how many mappings and how "
	                "much address space they take",
	        .threads = 1,
	        .note = "mappings and mapped_kb are the results; --threads changes nothing.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	uint64_t count = bench_scaled(&bench, BLOCKS);
	volatile unsigned char **blocks = bench_map(count * sizeof *blocks);
	struct report report = {.operations = 2 * count};
	struct stopwatch watch = stopwatch_start();
	for (uint64_t i = 0; i < count; i++) {
		blocks[i] = must_malloc(SIZE);
		blocks[i][SIZE / 2] = (unsigned char)i;
	}
	stopwatch_stop(&watch, &report);
	char extra[96];
	snprintf(extra, sizeof extra, "\"mappings\":%llu,\"mapped_kb\":%llu",
	         (unsigned long long)count_mappings(), (unsigned long long)status_kb("VmSize:"));
	watch = stopwatch_start();
	free_all(blocks, count);
	stopwatch_stop(&watch, &report);
	report.extra = extra;
	bench_print(&bench, &report);
	return 0;
}
