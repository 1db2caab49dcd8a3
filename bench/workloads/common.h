/*
 * common.h: what every workload shares: arguments, threads, its own resident size, the line it prints.
 *
 * 1. The interface is bench/CONTRACT.md. A workload describes itself in a struct workload; bench_main
 *    suffices where one function, run by every thread, is all the work.
 * 2. --threads N: N threads each do the whole work (a workload that splits a fixed amount says so in its
 *    head). One thread is the process's own, as in a program without threads: none is created.
 * 3. --scale PERCENT: bench_scaled shrinks rounds, not shapes, unless the workload says so.
 * 4. seconds runs from the moment that all threads stand ready until the last has been joined; cpu_seconds,
 *    the processor time of all threads meanwhile, does not count what other programs take away.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include "blocks.h"
#include "latency.h"

#include <fcntl.h>
#include <pthread.h>

struct workload {
	const char *name;
	const char *describe; /* one line: what it stands for, and whose it is */
	unsigned threads;     /* by default */
	const char *option;   /* one of its own: "--order", or NULL */
	const char *values;   /* its values: "fifo|lifo", or NULL if it takes none */
	const char *note;     /* a further line of --help, or NULL */
};

struct bench {
	const struct workload *workload;
	unsigned threads;
	double scale;       /* 1 at 100 % */
	const char *option; /* the value of its own option, "" if it takes none; NULL: not given */
};

enum { SAMPLES_MAX = 200 };

struct samples {
	unsigned count;
	uint64_t start_ns;
	uint64_t ms[SAMPLES_MAX];
	uint64_t kb[SAMPLES_MAX];
};

struct report {
	uint64_t operations;
	double seconds, cpu_seconds;
	const struct samples *rss;                       /* or NULL */
	const struct histogram *malloc_time, *free_time; /* both or neither */
	double ns_per_tick;
	uint64_t final_rss_kb; /* 0: not measured */
	const char *extra;     /* further members of the object: "\"ns\":{…}", or NULL */
};

struct stopwatch {
	uint64_t wall_ns, cpu_ns;
};

struct worker {
	const struct bench *bench;
	unsigned index;
	uint64_t operations; /* the worker's count of mallocs and frees */
	struct rng rng;
	void *shared; /* the workload's own */
	void (*body)(struct worker *);
	pthread_barrier_t *start;
	pthread_t thread;
} __attribute__((aligned(128))); /* no two in one cache line, nor in a pair of them */

__attribute__((noreturn)) static inline void bench_usage(const struct workload *self, int status) {
	FILE *to = status ? stderr : stdout;
	fprintf(to, "usage: %s [--threads N] [--scale PERCENT]", self->name);
	if (self->option)
		fprintf(to, " [%s%s%s]", self->option, self->values ? " " : "",
		        self->values ? self->values : "");
	fprintf(to, " | --describe | --help\n%s\n", self->describe);
	if (self->note)
		fprintf(to, "%s\n", self->note);
	exit(status);
}

/* The number in text, or a usage message if it is none between low and high. */
static inline double bench_number(const struct workload *self, const char *text, double low, double high) {
	char *end = NULL;
	double number = text ? strtod(text, &end) : 0;
	if (!text || end == text || *end || !(number >= low && number <= high))
		bench_usage(self, 2);
	return number;
}

/* Whether value is one of the |-separated values of the workload's own option. */
static inline bool bench_value_known(const char *values, const char *value) {
	size_t length = value ? strlen(value) : 0;
	for (const char *at = values; length && at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, value, length) && (at[length] == '|' || !at[length]))
			return true;
	}
	return false;
}

static inline struct bench bench_parse(const struct workload *self, int argc, char **argv) {
	struct bench bench;
	bench.workload = self;
	bench.threads = self->threads;
	bench.scale = 1;
	bench.option = NULL;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (!strcmp(argv[i], "--threads")) {
			bench.threads = (unsigned)bench_number(self, value, 1, 4096);
			i++;
		} else if (!strcmp(argv[i], "--scale")) {
			bench.scale = bench_number(self, value, 0.01, 100000) / 100;
			i++;
		} else if (!strcmp(argv[i], "--describe")) {
			puts(self->describe);
			exit(0);
		} else if (!strcmp(argv[i], "--help")) {
			bench_usage(self, 0);
		} else if (self->option && !strcmp(argv[i], self->option)) {
			if (self->values && !bench_value_known(self->values, value))
				bench_usage(self, 2);
			bench.option = self->values ? value : "";
			i += self->values != NULL;
		} else {
			bench_usage(self, 2);
		}
	}
	return bench;
}

static inline struct stopwatch stopwatch_start(void) {
	struct stopwatch watch;
	watch.wall_ns = clock_ns(CLOCK_MONOTONIC);
	watch.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	return watch;
}

/* Adds the time since the start to the report's. */
static inline void stopwatch_stop(const struct stopwatch *watch, struct report *report) {
	report->seconds += (double)(clock_ns(CLOCK_MONOTONIC) - watch->wall_ns) / 1e9;
	report->cpu_seconds += (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - watch->cpu_ns) / 1e9;
}

/* How many rounds to do of those that 100 % means; at least one. */
static inline uint64_t bench_scaled(const struct bench *bench, uint64_t full) {
	uint64_t rounds = (uint64_t)((double)full * bench->scale);
	return rounds ? rounds : 1;
}

/* A line of /proc/self/status, such as "VmRSS:" or "VmHWM:", in KB. Allocates nothing. */
static inline uint64_t status_kb(const char *field) {
	char text[4096];
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (file >= 0)
		close(file);
	text[length > 0 ? length : 0] = '\0';
	const char *line = strstr(text, field);
	if (!line)
		bench_fail("/proc/self/status has no %s", field);
	return strtoull(line + strlen(field), NULL, 10);
}

/* One more pair of time and size; the time counts from the first. */
static inline void samples_add(struct samples *samples, uint64_t kb) {
	if (samples->count == SAMPLES_MAX)
		return;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	if (!samples->count)
		samples->start_ns = now;
	samples->ms[samples->count] = (now - samples->start_ns) / 1000000;
	samples->kb[samples->count++] = kb;
}

/* One second of idleness at 100 % and above, less below; the resident size after it. */
static inline uint64_t bench_idle(const struct bench *bench) {
	double seconds = bench->scale < 1 ? bench->scale : 1;
	usleep((useconds_t)(seconds * 999999));
	return status_kb("VmRSS:");
}

static inline void *worker_enter(void *argument) {
	struct worker *worker = (struct worker *)argument;
	pthread_barrier_wait(worker->start);
	worker->body(worker);
	return NULL;
}

static inline void must_create(pthread_t *thread, void *(*enter)(void *), void *argument) {
	int error = pthread_create(thread, NULL, enter, argument);
	if (error)
		bench_fail("no thread: %s", strerror(error));
}

/* Runs body in so many threads at once; the sum of their operations, and the time they took. */
static inline struct report bench_run(const struct bench *bench, unsigned nworkers,
                                      void (*body)(struct worker *), void *shared) {
	struct worker *workers = (struct worker *)bench_map(nworkers * sizeof *workers);
	struct report report;
	memset(&report, 0, sizeof report);
	pthread_barrier_t start;
	pthread_barrier_init(&start, NULL, nworkers + 1);
	for (unsigned i = 0; i < nworkers; i++) {
		workers[i].bench = bench;
		workers[i].index = i;
		workers[i].rng = rng_seed(i);
		workers[i].shared = shared;
		workers[i].body = body;
		workers[i].start = &start;
		if (nworkers > 1)
			must_create(&workers[i].thread, worker_enter, &workers[i]);
	}
	if (nworkers > 1)
		pthread_barrier_wait(&start);
	struct stopwatch watch = stopwatch_start();
	if (nworkers == 1)
		body(&workers[0]);
	for (unsigned i = 0; i < nworkers; i++) {
		if (nworkers > 1)
			pthread_join(workers[i].thread, NULL);
		report.operations += workers[i].operations;
	}
	stopwatch_stop(&watch, &report);
	pthread_barrier_destroy(&start);
	return report;
}

static inline void print_samples(const char *name, const struct samples *samples) {
	printf(",\"%s\":[", name);
	for (unsigned i = 0; i < samples->count; i++)
		printf("%s[%llu,%llu]", i ? "," : "", (unsigned long long)samples->ms[i],
		       (unsigned long long)samples->kb[i]);
	printf("]");
}

static inline void print_histogram(const char *name, const struct histogram *histogram, double ns_per_tick) {
	static const char *const names[] = {"50", "90", "99", "99.9", "99.99"};
	printf("\"%s\":{", name);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		printf("\"p%s\":%.1f,", names[i],
		       ns_per_tick * (double)histogram_percentile(histogram, atof(names[i]) / 100));
	printf("\"max\":%.1f}", ns_per_tick * (double)histogram->max);
}

static inline void bench_print(const struct bench *bench, const struct report *report) {
	uint64_t peak = status_kb("VmHWM:");
	printf("{\"workload\":\"%s\",\"threads\":%u,\"operations\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%."
	       "6f,"
	       "\"peak_rss_kb\":%llu",
	       bench->workload->name, bench->threads, (unsigned long long)report->operations, report->seconds,
	       report->cpu_seconds, (unsigned long long)peak);
	if (report->final_rss_kb)
		printf(",\"final_rss_kb\":%llu", (unsigned long long)report->final_rss_kb);
	if (report->rss)
		print_samples("rss_kb", report->rss);
	if (report->malloc_time) {
		printf(",\"latency_ns\":{");
		print_histogram("malloc", report->malloc_time, report->ns_per_tick);
		printf(",");
		print_histogram("free", report->free_time, report->ns_per_tick);
		printf("}");
	}
	if (report->extra)
		printf(",%s", report->extra);
	printf("}\n");
	if (fflush(stdout))
		bench_fail("the result cannot be written");
}

/* The main of a workload which is one function run by every thread. */
static inline int bench_main(const struct workload *self, int argc, char **argv,
                             void (*body)(struct worker *)) {
	struct bench bench = bench_parse(self, argc, argv);
	struct report report = bench_run(&bench, bench.threads, body, NULL);
	bench_print(&bench, &report);
	return 0;
}

#endif
