/* misuse.cc: commits one kind of misuse, named by its arguments: misuse KIND [SIZE]. Works under any malloc.
 *
 * The first line of stdout is the block it is about, the pointer that is misused, and that block's usable size. The
 * last line is how it ended:
 *
 *	STAGE SIGNAL   the stage it ended in by a signal: access (the wrong read or write itself), call (the wrong call; of
 *	               a block that was written round: its free), after (other blocks are freed, all is trimmed)
 *	harmless       the misuse had no effect: what was read is not old data
 *	unnoticed      the program went on
 */
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <malloc.h>
#include <initializer_list>
#include <new>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

size_t size = 48;
const char *volatile stage = "before";
volatile uintptr_t sink; /* keeps results, and so the calls, alive */
enum { OLD = 0x5a };

void ended(int signal) {
	char line[64];
	int length = snprintf(line, sizeof line, "%s %s\n", stage,
	                      signal == SIGABRT   ? "SIGABRT"
	                      : signal == SIGSEGV ? "SIGSEGV"
	                                          : "SIGNAL");
	_exit(write(STDOUT_FILENO, line, (size_t)length) == length ? 3 : 4);
}

void tell(const void *block, const void *pointer) {
	size_t usable = block ? malloc_usable_size(const_cast<void *>(block)) : 0;
	printf("%#lx %#lx %zu\n", (unsigned long)block, (unsigned long)pointer, usable);
	fflush(stdout);
}

void end(const char *how) {
	puts(how);
	fflush(stdout);
	_exit(0);
}

void set_stage(const char *name) { stage = name; }

/* Volatile pointers, so that the compiler does not see the mistakes. */
char *take(size_t bytes) {
	char *volatile block = static_cast<char *>(malloc(bytes));
	memset(block, OLD, bytes);
	return block;
}
void give(void *block) {
	void *volatile given = block;
	free(given);
}

/* Other blocks of the size; those of the second half are live while the misuse happens. */
char *others[2000];
size_t count() { return size <= 40000 ? 2000 : 6; }
void take_others(size_t from, size_t to) {
	for (size_t i = from; i < to; i++)
		others[i] = take(size);
}
void give_others() {
	set_stage("after");
	for (char *other : others)
		give(other);
	take_others(0, count());
	for (size_t i = 0; i < count(); i++)
		give(others[i]);
	malloc_trim(0);
}

/* Other calls, of the size and of others. */
void go_on(size_t calls) {
	for (size_t i = 0; i < calls; i++) {
		char *same = take(size), *other = take(16 + i * 24 % 2000);
		give(other);
		give(same);
	}
}

void finish(const char *how) {
	give_others();
	end(how);
}

/* ---- wrong calls ---- */

char in_data[256] __attribute__((aligned(16)));

void free_it(char *pointer, char *block) {
	tell(block, pointer);
	set_stage("call");
	give(pointer);
	finish("unnoticed");
}

/* Between the two frees so many others of the size are freed, at most half of them. */
void double_free(size_t between) {
	char *block = take(size);
	tell(block, block);
	give(block);
	for (size_t i = 0; i < between && i < count() / 2; i++) {
		give(others[i]);
		others[i] = nullptr;
	}
	set_stage("call");
	give(block);
	finish("unnoticed");
}

/* Another thread frees it, and ends. */
void double_free_by_threads() {
	char *volatile block = take(size);
	pthread_t thread;
	tell(block, block);
	if (pthread_create(
	            &thread, nullptr, [](void *freed) -> void * { return give(freed), nullptr; }, block))
		_exit(2);
	pthread_join(thread, nullptr);
	set_stage("call");
	give(block);
	finish("unnoticed");
}

void free_stack() {
	char local[256] __attribute__((aligned(16)));
	memset(local, 0, sizeof local);
	free_it(local + 64, nullptr);
	sink = static_cast<uintptr_t>(local[0]);
}

void free_interior(size_t distance) {
	char *block = take(size);
	free_it(block + distance, block);
}

void resize(char *pointer, char *block) {
	tell(block, pointer);
	set_stage("call");
	sink = reinterpret_cast<uintptr_t>(realloc(pointer, 2 * size));
	finish("unnoticed");
}
void ask(char *pointer, char *block) {
	tell(block, pointer);
	set_stage("call");
	sink = malloc_usable_size(pointer);
	finish("unnoticed");
}

/* The block is told while it lives. */
void on_freed(void (*call)(char *, char *)) {
	char *block = take(size);
	char *volatile again = block;
	tell(block, block);
	free(block);
	call(again, nullptr);
}

void delete_size(size_t other) {
	void *volatile block = ::operator new(size);
	give(take(other)); /* so that the size has its place in the thread's cache */
	tell(block, block);
	set_stage("call");
	::operator delete(block, other);
	finish("unnoticed");
}

void delete_aligned_size(size_t other) {
	void *volatile block = ::operator new(size, std::align_val_t(64));
	tell(block, block);
	set_stage("call");
	::operator delete(block, other, std::align_val_t(64));
	finish("unnoticed");
}

/* A malloc without free_sized is taken to free by free. */
void free_size(size_t other) {
	auto *free_sized = reinterpret_cast<void (*)(void *, size_t)>(dlsym(RTLD_DEFAULT, "free_sized"));
	char *volatile block = take(size);
	tell(block, block);
	set_stage("call");
	free_sized ? free_sized(block, other) : free(block);
	finish("unnoticed");
}

void new_then(void (*call)(void *)) {
	void *volatile block = ::operator new(size);
	tell(block, block);
	set_stage("call");
	call(block);
	finish("unnoticed");
}
void delete_one(void *block) { ::operator delete(block); }

void malloc_then_delete() {
	char *block = take(size);
	tell(block, block);
	set_stage("call");
	delete_one(block);
	finish("unnoticed");
}

void array_then_delete() {
	void *volatile block = ::operator new[](size);
	tell(block, block);
	set_stage("call");
	delete_one(block);
	finish("unnoticed");
}

/* ---- wrong reads and writes ---- */

/* Alters bytes, whatever they are; then the block is freed. */
void alter(char *made, long from, long to) {
	char *volatile block = made;
	tell(block, block);
	set_stage("access");
	for (volatile char *at = block + from; at < block + to; at++)
		*at = static_cast<char>(*at ^ 0xa5);
	set_stage("call");
	give(block);
	finish("unnoticed");
}

void overflow(char *block, long bytes) {
	alter(block, static_cast<long>(size), static_cast<long>(size) + bytes);
}
void underflow() { alter(take(size), -1, 0); }

char *grown() {
	char *block = take(size / 2);
	for (size_t longer = size / 2; longer < size; longer += size / 10)
		block = static_cast<char *>(realloc(block, longer));
	return static_cast<char *>(realloc(block, size));
}

/* From the lower of two neighbours into the upper one, whose first byte says whether it was reached. */
void overflow_into_next() {
	char *volatile low = take(size), *volatile high = take(size);
	if (low > high) {
		char *swapped = low;
		low = high;
		high = swapped;
	}
	tell(low, low);
	set_stage("access");
	for (volatile char *at = low + size; at <= high; at++)
		*at = 0x41;
	set_stage("call");
	give(low);
	give(high);
	finish("unnoticed");
}

void write_after_free(size_t calls) {
	char *volatile block = take(size);
	tell(block, block);
	give(block);
	go_on(calls);
	set_stage("access");
	for (size_t i = 0; i < size; i++)
		static_cast<volatile char *>(block)[i] = 0x41;
	set_stage("after");
	go_on(64);
	finish("unnoticed");
}

void look_for_old(const volatile char *bytes) {
	size_t old = 0;
	for (size_t i = 0; i < size; i++)
		old += bytes[i] == OLD;
	set_stage("after");
	finish(old ? "unnoticed" : "harmless");
}

void read_after_free() {
	char *volatile block = take(size);
	tell(block, block);
	give(block);
	set_stage("access");
	look_for_old(block);
}

/* A fresh block, where others have left their data. */
void uninitialised() {
	char *volatile kept[64];
	for (char *volatile &block : kept)
		block = take(size);
	for (char *block : kept)
		give(block);
	set_stage("access");
	for (char *volatile &block : kept) {
		block = static_cast<char *>(malloc(size));
		for (size_t i = 0; i < size; i++)
			if (block[i] == OLD)
				finish("unnoticed");
	}
	finish("harmless");
}

const struct kind {
	const char *name;
	void (*run)();
} kinds[] = {
        {"double-free-near", [] { double_free(0); }},
        {"double-free-aba", [] { double_free(1); }},
        {"double-free-far", [] { double_free(1000); }},
        {"double-free-by-threads", double_free_by_threads},
        {"free-stack", free_stack},
        {"free-static", [] { free_it(in_data + 64, nullptr); }},
        {"free-unaligned", [] { free_it(in_data + 65, nullptr); }},
        {"free-interior", [] { free_interior(16); }},
        {"young-free-interior", [] { free_interior(16); }},
        {"young-free-unused", [] { free_interior(64 * size); }},
        {"free-interior-unaligned", [] { free_interior(1); }},
        {"free-interior-page", [] { free_interior(8192); }},
        {"realloc-freed", [] { on_freed(resize); }},
        {"realloc-stack",
         [] {
	         char local[64];
	         resize(local, nullptr);
         }},
        {"realloc-interior",
         [] {
	         char *block = take(size);
	         resize(block + 16, block);
         }},
        {"usable-size-freed", [] { on_freed(ask); }},
        {"usable-size-static", [] { ask(in_data + 64, nullptr); }},
        {"usable-size-interior",
         [] {
	         char *block = take(size);
	         ask(block + 16, block);
         }},
        {"delete-smaller-size", [] { delete_size(size / 4); }},
        {"delete-larger-size", [] { delete_size(size * 4); }},
        {"delete-aligned-smaller-size", [] { delete_aligned_size(size / 4); }},
        {"free-sized-smaller", [] { free_size(size / 4); }},
        {"new-free", [] { new_then(free); }},
        {"malloc-delete", malloc_then_delete},
        {"new[]-delete", array_then_delete},
        {"overflow-1", [] { overflow(take(size), 1); }},
        {"overflow-16", [] { overflow(take(size), 16); }},
        {"overflow-1-grown", [] { overflow(grown(), 1); }},
        {"underflow-1", underflow},
        {"overflow-into-next", overflow_into_next},
        {"write-after-free-near", [] { write_after_free(0); }},
        {"write-after-free-far", [] { write_after_free(5); }},
        {"read-after-free", read_after_free},
        {"uninitialised", uninitialised},
};

} // namespace

int main(int argc, char **argv) {
	rlimit no_core = {0, 0};
	setrlimit(RLIMIT_CORE, &no_core);
	if (argc > 2)
		size = strtoul(argv[2], nullptr, 0);
	for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE})
		std::signal(signal, ended);
	for (const kind &kind : kinds)
		if (argc > 1 && strcmp(kind.name, argv[1]) == 0) {
			if (strncmp(kind.name, "young", 5) != 0) /* the thread's first calls */
				take_others(0, count());
			kind.run();
		}
	return 2;
}
