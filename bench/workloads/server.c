/*
 * server.c: a server that ages: minutes of sessions, messages and caching in compressed time.
 *
 * 1. Time is virtual: TICKS ticks at 100 %. In each tick sessions end whose time has come, new ones arrive,
 *    each with some messages that live no longer than they are worked on, and some cache entries change.
 * 2. A session's lifetime is drawn from one of four distributions, given as fractions of the whole run;
 *    --scale shortens the run, and with it lifetimes and live memory, but not their shape.
 * 3. PHASES phases differ in load and in the mix of sizes; two are nights, with little load. Memory that was
 *    packed for one mix must serve the next: what resident size exceeds the live bytes is fragmentation.
 * 4. With several threads each has sessions of its own; a quarter of them is closed by another thread.
 * 5. Of the calls of malloc and free one in 16 is timed, at random; with --latency every one.
 */
#include "common.h"

#include <stdatomic.h>

enum { TICKS = 40000, TICKS_MIN = 200, ARRIVALS = 80, PHASES = 8, MIXES = 4 };
enum { CACHE = 16384, CACHE_CHANGES = 8, SESSION_BLOCKS = 16, MESSAGES = 4, MESSAGE_BLOCKS = 8 };

/* How busy the phase is, and how many blocks in a thousand have which sizes. */
static const struct phase {
	double load;
	unsigned text, objects, pages; /* the rest is media */
} phases[PHASES] = {
        {1.0, 600, 350, 48}, {1.5, 200, 750, 50},  {0.2, 600, 300, 100}, {1.0, 400, 390, 205},
        {1.0, 850, 100, 47}, {0.1, 300, 600, 100}, {1.2, 300, 453, 240}, {0.3, 700, 280, 20},
};

struct session {
	struct session *next;
	uint32_t nblocks;
	struct block text; /* grows by realloc */
	struct block blocks[];
};

struct server {
	struct rng rng, timing_rng;
	const struct phase *phase;
	uint64_t now, end; /* ticks */
	uint64_t operations;
	uint32_t tag;
	bool time_all;
	uint32_t until_timed; /* calls */
	uint64_t overhead;    /* of timing, in ticks of the processor */
	struct histogram malloc_time, free_time;
	struct session **ending; /* by tick: those that end in it */
	struct block *cache;
	_Atomic int64_t live; /* bytes; only the owner writes. Below zero if it frees others' sessions */
	_Atomic(struct session *) mailbox;
} __attribute__((aligned(128)));

struct site {
	struct server *servers;
	struct samples rss, live;
	pthread_barrier_t all_ended;
};

static bool is_timed(struct server *server) {
	if (--server->until_timed)
		return false;
	server->until_timed = server->time_all ? 1 : rng_between(&server->timing_rng, 1, 31);
	return true;
}

static void note_time(const struct server *server, struct histogram *histogram, uint64_t passed) {
	histogram_count(histogram, passed > server->overhead ? passed - server->overhead : 0);
}

static void account(struct server *server, int64_t bytes) {
	int64_t live = atomic_load_explicit(&server->live, memory_order_relaxed);
	atomic_store_explicit(&server->live, live + bytes, memory_order_relaxed);
	server->operations++;
}

static void *server_malloc(struct server *server, size_t size) {
	void *memory;
	if (is_timed(server)) {
		uint64_t start = ticks();
		memory = malloc(size);
		note_time(server, &server->malloc_time, ticks() - start);
	} else {
		memory = malloc(size);
	}
	account(server, (int64_t)size);
	return must_have(memory, size);
}

static void server_free(struct server *server, void *memory, size_t size) {
	if (is_timed(server)) {
		uint64_t start = ticks();
		free(memory);
		note_time(server, &server->free_time, ticks() - start);
	} else {
		free(memory);
	}
	account(server, -(int64_t)size);
}

static uint32_t draw_size(struct server *server) {
	static const uint32_t objects[] = {24, 40, 56, 72, 96, 136, 48, 32};
	uint32_t kind = rng_below(&server->rng, 1000);
	const struct phase *phase = server->phase;
	if (kind < phase->text)
		return rng_log_between(&server->rng, 8, 256);
	if (kind < phase->text + phase->objects)
		return objects[kind % (sizeof objects / sizeof *objects)];
	if (kind < phase->text + phase->objects + phase->pages)
		return rng_log_between(&server->rng, 512, 8192);
	return rng_log_between(&server->rng, 8192, 131072);
}

/* In ticks. Seven in ten are short; the last kind, Pareto's, has no finite variance. */
static uint64_t draw_lifetime(struct server *server) {
	struct rng *rng = &server->rng;
	uint32_t kind = rng_below(rng, 100);
	double fraction;
	if (kind < 70) {
		fraction = 0.001 * -log(rng_unit(rng));
	} else if (kind < 90) {
		fraction = 0.01 * -log(rng_unit(rng));
	} else if (kind < 98) { /* log-normal: a normal deviate by Box and Muller */
		double normal = sqrt(-2 * log(rng_unit(rng))) * cos(2 * M_PI * rng_unit(rng));
		fraction = 0.03 * exp(normal);
	} else {
		fraction = 0.01 * pow(rng_unit(rng), -1 / 1.1);
	}
	return (uint64_t)(fmin(fraction, 1) * (double)server->end);
}

static struct block take_block(struct server *server) {
	uint32_t size = draw_size(server);
	char *memory = server_malloc(server, size);
	for (uint32_t at = 0; at < size; at += 4096) /* so that what is live is resident */
		memory[at] = 0;
	return block_make(memory, size, server->tag++);
}

static void put_block(struct server *server, struct block *block) {
	block_check(block);
	server_free(server, block->memory, block->size);
	block->memory = NULL;
}

static void append_text(struct server *server, struct block *text) {
	uint32_t size = text->size + rng_log_between(&server->rng, 16, 512);
	if (text->memory)
		block_check(text);
	account(server, (int64_t)size - text->size);
	*text = block_make(must_have(realloc(text->memory, size), size), size, server->tag++);
}

/* A message is parsed into some blocks and answered; then they go. */
static void handle_message(struct server *server, struct session *session) {
	struct block blocks[MESSAGE_BLOCKS];
	uint32_t nblocks = rng_between(&server->rng, 1, MESSAGE_BLOCKS);
	for (uint32_t i = 0; i < nblocks; i++)
		blocks[i] = take_block(server);
	append_text(server, &session->text);
	for (uint32_t i = nblocks; i-- > 0;)
		put_block(server, &blocks[i]);
}

static size_t session_size(uint32_t nblocks) {
	return sizeof(struct session) + nblocks * sizeof(struct block);
}

static void open_session(struct server *server) {
	uint32_t nblocks = rng_between(&server->rng, 1, SESSION_BLOCKS);
	struct session *session = server_malloc(server, session_size(nblocks));
	*session = (struct session){.nblocks = nblocks};
	for (uint32_t i = 0; i < nblocks; i++) {
		if (i % (SESSION_BLOCKS / MESSAGES) == 0)
			handle_message(server, session);
		session->blocks[i] = take_block(server);
	}
	uint64_t until = server->now + 1 + draw_lifetime(server);
	struct session **list = &server->ending[until < server->end ? until : server->end];
	session->next = *list;
	*list = session;
}

static void close_session(struct server *server, struct session *session) {
	for (uint32_t i = 0; i < session->nblocks; i++)
		put_block(server, &session->blocks[i]);
	put_block(server, &session->text);
	server_free(server, session, session_size(session->nblocks));
}

static void post(struct server *to, struct session *session) {
	session->next = atomic_load(&to->mailbox);
	while (!atomic_compare_exchange_weak(&to->mailbox, &session->next, session))
		;
}

static void end_sessions(struct server *server, struct site *site, uint32_t nservers) {
	struct session *session = server->ending[server->now], *next;
	for (; session; session = next) {
		next = session->next;
		if (nservers > 1 && rng_below(&server->rng, 4) == 0)
			post(&site->servers[rng_below(&server->rng, nservers)], session);
		else
			close_session(server, session);
	}
}

static void read_mail(struct server *server) {
	struct session *session = atomic_exchange(&server->mailbox, NULL), *next;
	for (; session; session = next) {
		next = session->next;
		close_session(server, session);
	}
}

static void sample(struct site *site, uint32_t nservers) {
	int64_t live = 0;
	for (uint32_t i = 0; i < nservers; i++)
		live += atomic_load_explicit(&site->servers[i].live, memory_order_relaxed);
	samples_add(&site->rss, status_kb("VmRSS:"));
	samples_add(&site->live, live > 0 ? (uint64_t)live / 1024 : 0);
}

static void run_tick(struct server *server) {
	server->phase = &phases[server->now * PHASES / server->end];
	for (unsigned i = (unsigned)(CACHE_CHANGES * server->phase->load + 1); i; i--) {
		struct block *entry = &server->cache[rng_below(&server->rng, CACHE)];
		if (entry->memory)
			put_block(server, entry);
		*entry = take_block(server);
	}
	for (unsigned i = (unsigned)(ARRIVALS * server->phase->load); i; i--)
		open_session(server);
}

static void work(struct worker *worker) {
	struct site *site = worker->shared;
	struct server *server = &site->servers[worker->index];
	uint32_t nservers = worker->bench->threads;
	uint64_t per_sample = server->end / SAMPLES_MAX;
	for (server->now = 0; server->now < server->end; server->now++) {
		end_sessions(server, site, nservers);
		read_mail(server);
		run_tick(server);
		if (worker->index == 0 && server->now % per_sample == per_sample - 1)
			sample(site, nservers);
	}
	end_sessions(server, site, nservers);
	pthread_barrier_wait(&site->all_ended);
	read_mail(server);
	for (unsigned i = 0; i < CACHE; i++) {
		if (server->cache[i].memory)
			put_block(server, &server->cache[i]);
	}
	worker->operations = server->operations;
}

static void prepare(const struct bench *bench, struct site *site) {
	site->servers = bench_map(bench->threads * sizeof *site->servers);
	pthread_barrier_init(&site->all_ended, NULL, bench->threads);
	for (unsigned i = 0; i < bench->threads; i++) {
		struct server *server = &site->servers[i];
		server->rng = rng_seed(i);
		server->timing_rng = rng_seed(UINT32_MAX - i);
		server->end = bench_scaled(bench, TICKS);
		if (server->end < TICKS_MIN)
			server->end = TICKS_MIN;
		server->time_all = bench->option != NULL;
		server->until_timed = 1;
		server->overhead = ticks_overhead();
		server->ending = bench_map((server->end + 1) * sizeof *server->ending);
		server->cache = bench_map(CACHE * sizeof *server->cache);
	}
}

/* The servers' histograms together, in the first; and that their accounts agree at the end. */
static void merge(const struct bench *bench, struct site *site) {
	int64_t live = site->servers[0].live;
	for (unsigned i = 1; i < bench->threads; i++) {
		histogram_add(&site->servers[0].malloc_time, &site->servers[i].malloc_time);
		histogram_add(&site->servers[0].free_time, &site->servers[i].free_time);
		live += site->servers[i].live;
	}
	if (live)
		bench_fail("%lld bytes are still live at the end", (long long)live);
}

/* Sum of resident over sum of live, of all samples but the first tenth. */
static double resident_per_live(const struct site *site) {
	double rss = 0, live = 0;
	for (unsigned i = site->rss.count / 10; i < site->rss.count; i++) {
		rss += (double)site->rss.kb[i];
		live += (double)site->live.kb[i];
	}
	return live > 0 ? rss / live : 0;
}

static const char *extra_members(const struct site *site) {
	static char text[SAMPLES_MAX * 48];
	int length =
	        snprintf(text, sizeof text, "\"rss_per_live\":%.3f,\"live_kb\":[", resident_per_live(site));
	for (unsigned i = 0; i < site->live.count; i++)
		length +=
		        snprintf(text + length, sizeof text - (size_t)length, "%s[%llu,%llu]", i ? "," : "",
		                 (unsigned long long)site->live.ms[i], (unsigned long long)site->live.kb[i]);
	snprintf(text + length, sizeof text - (size_t)length, "]");
	return text;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "server",
	        .describe =
	                "an aging server: sessions of mixed lifetimes, sizes and load changing by phase; "
	                "fragmentation and call latency (after Larson & Krishnan 1998, Wilson et al. 1995)",
	        .threads = 1,
	        .option = "--latency",
	        .note = "A run takes about 20 s at 100 %. --latency times every malloc and free, not one in "
	                "16.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	static struct site site;
	prepare(&bench, &site);
	struct tick_clock clock = tick_clock_start();
	struct report report = bench_run(&bench, bench.threads, work, &site);
	report.ns_per_tick = tick_clock_rate(&clock);
	merge(&bench, &site);
	report.malloc_time = &site.servers[0].malloc_time;
	report.free_time = &site.servers[0].free_time;
	report.rss = &site.rss;
	report.extra = extra_members(&site);
	report.final_rss_kb = bench_idle(&bench);
	bench_print(&bench, &report);
	return 0;
}
