// launch.c: runs one command and reports what it cost, as one line of JSON.
//
// usage: launch [-n TIMES] [-s MS] [-m MB] [-t SECONDS] [-o FD] [-e NAME=VALUE]... COMMAND [ARGS...]
//   -n  so many times, one after the other; times and faults are summed, the peak is the largest
//   -s  sample the resident size of the command's own process every MS milliseconds
//   -m  kill the command and its process group when its own process is larger: found within 20 ms, or by the
//   samples -t  kill the command and its process group after so many seconds -o  the descriptor the report
//   goes to (default 2) -e  set in the command's environment, not in ours: the library under test must not
//   serve us
//
// It is a program of its own, and a static one, because the kernel counts the peak of the process that
// spawned a command into the command's peak: that is 1 MB here, and would be the driver's 30 MB there.
// The command leads a process group of its own; SIGTERM and SIGINT to us are passed on to that group.
// Peak, processor time and faults include the children the command waited for.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_samples = 400, max_variables = 64, look_ms = 20 };

struct options {
	long times, sample_ms, limit_mb, limit_s;
	int report_fd;
	char *variables[max_variables];
	int nvariables;
	char **command;
};

struct samples {
	long interval_ms; // doubled when the table is full; 0: nobody looks
	int count;
	struct {
		long ms, kb;
	} at[max_samples];
};

struct cost {
	double elapsed, user, system;
	long peak_kb, minor_faults, major_faults;
	int status;
	bool timed_out, too_large;
	struct samples samples;
};

static void die(const char *what) {
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void usage(void) {
	fprintf(stderr, "usage: launch [-n TIMES] [-s MS] [-m MB] [-t SECONDS] [-o FD] [-e NAME=VALUE]... "
	                "COMMAND [ARGS...]\n");
	exit(2);
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static long number(const char *text, long least) {
	char *end;
	long value = strtol(text, &end, 10);
	if (*text == '\0' || *end != '\0' || value < least)
		usage();
	return value;
}

static struct options parse(int argc, char **argv) {
	struct options options = {.times = 1, .report_fd = 2};
	int letter;
	while ((letter = getopt(argc, argv, "+n:s:m:t:o:e:")) != -1) {
		switch (letter) {
		case 'n':
			options.times = number(optarg, 1);
			break;
		case 's':
			options.sample_ms = number(optarg, 1);
			break;
		case 'm':
			options.limit_mb = number(optarg, 1);
			break;
		case 't':
			options.limit_s = number(optarg, 1);
			break;
		case 'o':
			options.report_fd = (int)number(optarg, 0);
			break;
		case 'e':
			if (!strchr(optarg, '=') || options.nvariables == max_variables)
				usage();
			options.variables[options.nvariables++] = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind == argc)
		usage();
	options.command = argv + optind;
	return options;
}

// The environment of the command: ours, less what it overrides, and the variables given.
static char **environment(const struct options *options) {
	size_t count = 0;
	while (environ[count])
		count++;
	char **all = calloc(count + (size_t)options->nvariables + 1, sizeof *all);
	if (!all)
		die("calloc");
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		bool replaced = false;
		for (int j = 0; j < options->nvariables; j++) {
			size_t length =
			        (size_t)(strchr(options->variables[j], '=') - options->variables[j]) + 1;
			replaced |= strncmp(environ[i], options->variables[j], length) == 0;
		}
		if (!replaced)
			all[n++] = environ[i];
	}
	for (int j = 0; j < options->nvariables; j++)
		all[n++] = options->variables[j];
	return all;
}

static pid_t spawn(char **command, char **variables) {
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGCHLD);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
	                         POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	pid_t pid;
	errno = posix_spawnp(&pid, command[0], NULL, &attributes, command, variables);
	posix_spawnattr_destroy(&attributes);
	if (errno != 0) {
		fprintf(stderr, "launch: %s: %s\n", command[0], strerror(errno));
		exit(127);
	}
	return pid;
}

// Every second sample goes, and from now on every second one is taken.
static void thin(struct samples *samples) {
	for (int i = 0; i < max_samples / 2; i++)
		samples->at[i] = samples->at[2 * i];
	samples->count = max_samples / 2;
	samples->interval_ms *= 2;
}

// The resident size of the process whose statm this is; 0 when it is gone.
static long resident_kb(int statm) {
	char text[128];
	ssize_t length = pread(statm, text, sizeof text - 1, 0);
	long pages = 0;
	if (length <= 0)
		return 0;
	text[length] = '\0';
	if (sscanf(text, "%*d %ld", &pages) != 1)
		return 0;
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void keep(struct samples *samples, long ms, long kb) {
	if (samples->count == max_samples)
		thin(samples);
	samples->at[samples->count].ms = ms;
	samples->at[samples->count++].kb = kb;
}

// Sleep until the next sample or the limit is due or a signal comes; the signal, or -1 when time was up.
static int sleep_until(double wake, const sigset_t *signals) {
	double left = wake - now();
	if (left < 0)
		left = 0;
	struct timespec time = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
	return sigtimedwait(signals, NULL, &time);
}

static bool ended(pid_t pid, struct cost *cost) {
	struct rusage used;
	pid_t found = wait4(pid, &cost->status, WNOHANG, &used);
	if (found == 0)
		return false;
	if (found < 0)
		die("wait4");
	cost->user += seconds(used.ru_utime);
	cost->system += seconds(used.ru_stime);
	cost->minor_faults += used.ru_minflt;
	cost->major_faults += used.ru_majflt;
	if (used.ru_maxrss > cost->peak_kb)
		cost->peak_kb = used.ru_maxrss;
	return true;
}

// Ends the group once; the report says why.
static void put_down(pid_t pid, bool *why) {
	*why = true;
	kill(-pid, SIGKILL);
}

// Look at the size of the process, ms after its start: keep it if wanted, act if it is too large.
static void look(pid_t pid, int statm, long ms, const struct options *options, struct cost *cost) {
	long kb = resident_kb(statm);
	if (kb == 0)
		return;
	if (options->sample_ms)
		keep(&cost->samples, ms, kb);
	if (options->limit_mb && kb / 1024 > options->limit_mb && !cost->too_large)
		put_down(pid, &cost->too_large);
}

static void watch(pid_t pid, const struct options *options, const sigset_t *signals, struct cost *cost) {
	double start = now(), forever = 1e9;
	double limit = start + (options->limit_s ? (double)options->limit_s : forever);
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/statm", pid);
	int statm = cost->samples.interval_ms ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	double next = start + (statm >= 0 ? (double)cost->samples.interval_ms / 1e3
	                                  : forever); // not at once: the loader is still at work
	while (!ended(pid, cost)) {
		int signal = sleep_until(next < limit ? next : limit, signals);
		if (signal == SIGTERM || signal == SIGINT)
			kill(-pid, SIGTERM);
		if (now() >= limit) {
			put_down(pid, &cost->timed_out);
			limit = start + 2 * forever;
		}
		if (now() >= next) {
			look(pid, statm, (long)((now() - start) * 1e3), options, cost);
			next = now() + (double)cost->samples.interval_ms / 1e3;
		}
	}
	if (statm >= 0)
		close(statm);
}

static void report(const struct cost *cost, int fd) {
	int status = cost->status;
	dprintf(fd,
	        "{\"elapsed\":%.6f,\"user\":%.6f,\"system\":%.6f,\"peak_kb\":%ld,\"minor_faults\":%ld,"
	        "\"major_faults\":%ld,",
	        cost->elapsed, cost->user, cost->system, cost->peak_kb, cost->minor_faults,
	        cost->major_faults);
	dprintf(fd, "\"exit\":%d,\"signal\":%d,\"timed_out\":%s,\"too_large\":%s,\"rss_kb\":[",
	        WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	        cost->timed_out ? "true" : "false", cost->too_large ? "true" : "false");
	for (int i = 0; i < cost->samples.count; i++) {
		dprintf(fd, "%s[%ld,%ld]", i ? "," : "", cost->samples.at[i].ms, cost->samples.at[i].kb);
	}
	dprintf(fd, "]}\n");
}

int main(int argc, char **argv) {
	struct options options = parse(argc, argv);
	char **variables = environment(&options);
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM); // a driver that was killed leaves nothing behind
	static struct cost cost;
	cost.samples.interval_ms = options.sample_ms ? options.sample_ms : options.limit_mb ? look_ms : 0;
	double start = now();
	for (long i = 0; i < options.times; i++) {
		watch(spawn(options.command, variables), &options, &signals, &cost);
		if (cost.status != 0)
			break;
	}
	cost.elapsed = now() - start;
	report(&cost, options.report_fd);
	return 0;
}
