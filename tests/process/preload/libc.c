/* libc.c: what libc itself allocates for the program is ours: it can be sized, grown and freed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <locale.h>
#include <malloc.h>
#include <obstack.h>
#include <netdb.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

#include "common.h"

#pragma GCC diagnostic ignored "-Wsign-conversion" /* the macro obstack_grow */

/* A foreign pointer would end the program here. */
static int usable(char **text, const char *expected) {
	if (!*text || (expected && strcmp(*text, expected)) || malloc_usable_size(*text) <= strlen(*text))
		return 0;
	*text = realloc(*text, 5000);
	int kept = !expected || strcmp(*text, expected) == 0;
	free(*text);
	return kept;
}

static void test_strings(void) {
	char *text = strdup("a string");
	ok(usable(&text, "a string"), "strdup");
	text = strndup("a string", 4);
	ok(usable(&text, "a st"), "strndup");
	ok(asprintf(&text, "%d %s", 42, "x") == 4 && usable(&text, "42 x"), "asprintf");
	text = realpath("/", NULL);
	ok(usable(&text, "/"), "realpath");
	text = getcwd(NULL, 0);
	ok(usable(&text, NULL), "getcwd");
	wchar_t *wide = wcsdup(L"wide");
	ok(wide && malloc_usable_size(wide) >= 5 * sizeof *wide, "wcsdup");
	free(wide);
}

static void test_streams(void) {
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	for (int i = 0; i < 1000; i++)
		fputs("0123456789", memory);
	fclose(memory);
	ok(size == 10000 && usable(&text, NULL), "open_memstream");
	FILE *file = tmpfile();
	for (int i = 0; i < 20000; i++)
		fputc('y', file);
	fputc('\n', file);
	rewind(file);
	text = NULL;
	size = 0;
	ok(getline(&text, &size, file) == 20001 && usable(&text, NULL), "getline");
	fclose(file);
}

static void test_tables(void) {
	struct dirent **entries;
	int n = scandir("/", &entries, NULL, alphasort);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	ok(n > 2, "scandir");
	if (n > 0)
		free(entries);
	glob_t found;
	ok(glob("/*", 0, NULL, &found) == 0, "glob");
	globfree(&found);
	regex_t regex;
	ok(!regcomp(&regex, "(a|b)+c{2,9}[d-f]*", REG_EXTENDED) && !regexec(&regex, "xabccd", 0, NULL, 0),
	   "regcomp");
	regfree(&regex);
	struct addrinfo *address = NULL, hints = {.ai_flags = AI_NUMERICHOST};
	ok(getaddrinfo("127.0.0.1", "80", &hints, &address) == 0, "getaddrinfo");
	freeaddrinfo(address);
	ok(setlocale(LC_ALL, "C.UTF-8") && setlocale(LC_ALL, "C"), "setlocale");
}

static int compare(const void *a, const void *b) {
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static void keep(void *number) { (void)number; }

static void test_sort_and_search(void) {
	enum { N = 100000 };
	int *numbers = malloc(N * sizeof *numbers), sorted = 1;
	for (int i = 0; i < N; i++)
		numbers[i] = (int)((unsigned)i * 7919u % N);
	qsort(numbers, N, sizeof *numbers, compare);
	for (int i = 0; i < N; i++)
		sorted &= numbers[i] == i;
	ok(sorted, "qsort with its own buffer");
	void *tree = NULL;
	for (int i = 0; i < 1000; i++)
		tsearch(&numbers[i], &tree, compare);
	ok(tfind(&numbers[500], &tree, compare) != NULL, "tsearch");
	tdestroy(tree, keep);
	free(numbers);
}

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

static void test_obstack(void) {
	struct obstack stack;
	int good = 1;
	obstack_init(&stack);
	void *first = obstack_alloc(&stack, 1);
	for (size_t size = 1; size < 50000; size += size / 3 + 1) {
		void *block = obstack_alloc(&stack, (int)size);
		fill(block, 0, size, size);
		obstack_grow(&stack, block, (int)size);
		good &= intact(obstack_finish(&stack), size, size);
	}
	ok(good, "an obstack grows by chunks of ours");
	obstack_free(&stack, first);
	obstack_free(&stack, NULL);
}

int main(void) {
	test_obstack();
	test_strings();
	test_streams();
	test_tables();
	test_sort_and_search();
	return done();
}
