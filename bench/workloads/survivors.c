/*
 * survivors.c: a burst of 4 million blocks of 48 bytes of which every 512th survives.
 *
 * 1. One survivor in 24 KB: five of six pages hold nothing. An allocator that gives back only whole slabs,
 *    runs or chunks keeps them all; final_rss_kb, after 1 s idle, tells.
 * 2. Blocks are linked through their own heads: no bookkeeping shares the resident size.
 * 3. --threads N splits the burst. --scale changes its size.
 */
#include "common.h"

enum { BURST = 4000000, SIZE = 48, ONE_IN = 512 };

struct lists {
	struct parcel *kept;
	uint64_t nkept;
};

static uint64_t free_list(struct parcel *list) {
	uint64_t count = 0;
	while (list) {
		struct parcel *next = list->next;
		parcel_put(list);
		list = next;
		count++;
	}
	return count;
}

static void work(struct worker *worker) {
	struct lists *lists = (struct lists *)worker->shared + worker->index;
	uint64_t burst = bench_scaled(worker->bench, BURST) / worker->bench->threads;
	struct parcel *dropped = NULL, **end = &dropped;
	for (uint64_t i = 0; i < burst; i++) {
		struct parcel *parcel = parcel_take(SIZE, (uint32_t)i);
		if (i % ONE_IN == 0) {
			parcel->next = lists->kept;
			lists->kept = parcel;
			lists->nkept++;
		} else {
			*end = parcel;
			end = &parcel->next;
		}
	}
	uint64_t freed = free_list(dropped);
	if (freed + lists->nkept != burst)
		bench_fail("%llu blocks were made, fewer found", (unsigned long long)burst);
	worker->operations = burst + freed;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "survivors",
	        .describe = "4 million blocks of 48 bytes, all freed but every 512th, then 1 s idle: what "
	                    "stays resident (the pinned slab of long-running services)",
	        .threads = 1,
	        .note = "final_rss_kb is taken while the survivors live; --scale shrinks burst and idle "
	                "time.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct lists *lists = bench_map(bench.threads * sizeof *lists);
	struct report report = bench_run(&bench, bench.threads, work, lists);
	report.final_rss_kb = bench_idle(&bench);
	for (unsigned i = 0; i < bench.threads; i++) {
		if (free_list(lists[i].kept) != lists[i].nkept)
			bench_fail("a survivor was lost");
	}
	bench_print(&bench, &report);
	return 0;
}
