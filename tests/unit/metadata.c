/* metadata.c: records of every size, none over another, recycled by size. */
#include "unit.h"

#include "ground/metadata.h"

#include <pthread.h>

enum { MIN_BYTES = 1 << METADATA_MIN_LOG2, MAX_BYTES = 1 << METADATA_MAX_LOG2 };

static size_t rounded(size_t size) {
	size_t power = (size_t)1 << METADATA_MIN_LOG2;
	while (power < size)
		power *= 2;
	return power;
}

TEST(records_are_aligned_and_apart) {
	enum { N = 600 };
	static char *records[N];
	static size_t sizes[N];
	uint64_t seed = 2;
	for (int i = 0; i < N; i++) {
		sizes[i] = 1 +
		           next_random(&seed) % ((size_t)1 << (next_random(&seed) % (METADATA_MAX_LOG2 + 1)));
		records[i] = metadata_take(sizes[i]);
		assert_non_null(records[i]);
		assert_int_equal((uintptr_t)records[i] % 64, 0);
		memset(records[i], i, rounded(sizes[i])); /* all of its power of two is its own */
	}
	for (int i = 0; i < N; i++) {
		assert_true(is_filled(records[i], i, rounded(sizes[i])));
		metadata_put(records[i], sizes[i]);
	}
}

TEST(records_are_recycled_by_size) {
	for (size_t size = 1; size <= MAX_BYTES; size = size * 2 + 1) {
		void *one = metadata_take(size), *two = metadata_take(size);
		assert_ptr_not_equal(one, two);
		metadata_put(one, size);
		metadata_put(two, size);
		assert_ptr_equal(metadata_take(rounded(size)), two);
		assert_ptr_equal(metadata_take(rounded(size) / 2 + 1), one);
		metadata_put(one, size);
		metadata_put(two, size);
	}
}

TEST(the_largest_record) {
	char *record = metadata_take(MAX_BYTES);
	assert_non_null(record);
	memset(record, 1, MAX_BYTES);
	metadata_put(record, MAX_BYTES);
}

TEST(mapped_bytes_cover_the_records_and_are_reused) {
	enum { N = 100 };
	void *records[N];
	size_t before = metadata_count().mapped;
	for (int i = 0; i < N; i++)
		records[i] = metadata_take(MAX_BYTES);
	size_t with = metadata_count().mapped;
	assert_true(with >= before && with >= (size_t)N * MAX_BYTES);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < N; i++)
			metadata_put(records[i], MAX_BYTES);
		for (int i = 0; i < N; i++)
			records[i] = metadata_take(MAX_BYTES);
	}
	assert_int_equal(metadata_count().mapped, with);
	for (int i = 0; i < N; i++)
		metadata_put(records[i], MAX_BYTES);
}

/* A write that runs on from another mapping meets a page without access before any record. The first of a region is
 * not where the one before ends. */
TEST(regions_are_few_and_fenced) {
	enum { N = 300 };
	char *records[N], *rest;
	unsigned nregions = 0;
	for (int i = 0; i < N; i++)
		records[i] = metadata_take(MAX_BYTES);
	for (int i = 1; i < N; i++) {
		if (records[i] == records[i - 1] + MAX_BYTES)
			continue;
		nregions++;
		assert_true(is_fence(records[i] - MIN_BYTES - 1)); /* the region's own record comes first */
		for (rest = records[i - 1] + MAX_BYTES; is_writable(rest); rest += 64)
			continue;
		assert_true(rest < records[i - 1] + 2 * MAX_BYTES);
		assert_true(is_fence(rest));
	}
	assert_in_range(nregions, 3, 8);
	for (int i = 0; i < N; i++)
		metadata_put(records[i], MAX_BYTES);
}

static void die_of_size(void *unused) {
	(void)unused;
	metadata_take((size_t)MAX_BYTES + 1);
}

TEST(a_record_that_is_too_large_stops_a_debug_build) {
	struct capture capture;
	if (!BM_DEBUG) /* undefined there */
		return;
	capture_begin(&capture);
	int status = status_of(die_of_size, NULL);
	assert_non_null(strstr(capture_end(&capture), "assertion failed: size <= "));
	assert_true(was_aborted(status));
}

static void *churn(void *argument) {
	enum { N = 50, ROUNDS = 200 };
	unsigned char *records[N];
	int fill = (int)(uintptr_t)argument;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < N; i++) {
			records[i] = metadata_take(64u + 64u * (unsigned)i % 512);
			memset(records[i], fill, 64);
		}
		for (int i = 0; i < N; i++) {
			if (!is_filled(records[i], fill, 64))
				return NULL;
			metadata_put(records[i], 64u + 64u * (unsigned)i % 512);
		}
	}
	return argument;
}

TEST(threads_share_it) {
	pthread_t threads[4];
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < 4; i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, (void *)(i + 1));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(regions_are_few_and_fenced), /* before others have put records back */
	        cmocka_unit_test(records_are_aligned_and_apart),
	        cmocka_unit_test(records_are_recycled_by_size),
	        cmocka_unit_test(the_largest_record),
	        cmocka_unit_test(mapped_bytes_cover_the_records_and_are_reused),
	        cmocka_unit_test(a_record_that_is_too_large_stops_a_debug_build),
	        cmocka_unit_test(threads_share_it),
	};
	return RUN(tests);
}
