/*
 * cxx_containers.cc: the containers of the C++ standard library, filled and emptied in turn.
 *
 * 1. Operations are counted exactly, by an allocator that passes on to std::allocator, hence to operator
 *    new and delete.
 * 2. Each container is compared with what was put into it; a string's content is derived from its key.
 */
#include "common.h"

#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

static thread_local uint64_t operations;

template <class T> struct counting : std::allocator<T> {
	using value_type = T;
	template <class U> struct rebind { using other = counting<U>; };
	counting() = default;
	template <class U> counting(const counting<U> &) {}
	T *allocate(size_t count) {
		operations++;
		return std::allocator<T>::allocate(count);
	}
	void deallocate(T *memory, size_t count) {
		operations++;
		std::allocator<T>::deallocate(memory, count);
	}
};

using text = std::basic_string<char, std::char_traits<char>, counting<char>>;
using tree = std::map<uint32_t, text, std::less<uint32_t>, counting<std::pair<const uint32_t, text>>>;
using table = std::unordered_map<uint32_t, text, std::hash<uint32_t>, std::equal_to<uint32_t>,
                                 counting<std::pair<const uint32_t, text>>>;
using row = std::vector<uint64_t, counting<uint64_t>>;

static const uint64_t rounds_full = 60;
static const uint32_t keys = 10000;

/* 4 to 66 characters: some fit into the string itself, most need a block. */
static text text_of(uint32_t key) { return text(4 + key % 63, static_cast<char>('a' + key % 26)); }

static void must_hold(bool held, const char *container) {
	if (!held)
		bench_fail("a %s does not hold what was put into it", container);
}

template <class Map> static void churn_map(struct rng &rng, const char *name) {
	Map map;
	size_t expected = 0;
	for (uint32_t i = 0; i < keys; i++) {
		uint32_t key = rng_below(&rng, 4 * keys);
		expected += map.emplace(key, text_of(key)).second;
	}
	for (uint32_t i = 0; i < keys; i++) {
		uint32_t key = rng_below(&rng, 4 * keys);
		auto found = map.find(key);
		if (found == map.end()) {
			map[key] = text_of(key);
			expected++;
		} else {
			must_hold(found->second == text_of(key), name);
			map.erase(found);
			expected--;
		}
	}
	must_hold(map.size() == expected, name);
	for (const auto &entry : map)
		must_hold(entry.second == text_of(entry.first), name);
}

static void churn_list(struct rng &rng) {
	std::list<text, counting<text>> list, other;
	for (uint32_t i = 0; i < keys; i++)
		list.push_back(text_of(i));
	for (auto at = list.begin(); at != list.end();) { /* a third is spliced away, a third erased */
		auto next = std::next(at);
		uint32_t fate = rng_below(&rng, 3);
		if (fate == 0)
			other.splice(other.begin(), list, at);
		else if (fate == 1)
			list.erase(at);
		at = next;
	}
	list.sort();
	other.sort();
	size_t expected = list.size() + other.size();
	list.merge(other);
	must_hold(list.size() == expected && other.empty(), "list");
	for (auto at = list.begin(); at != list.end() && std::next(at) != list.end(); ++at)
		must_hold(*at <= *std::next(at), "list");
}

static void churn_vectors(struct rng &rng) {
	std::vector<row, counting<row>> rows(64);
	for (uint32_t i = 0; i < 8 * keys; i++) {
		row &one = rows[rng_below(&rng, 64)];
		one.push_back(one.size());
		if (one.size() > 1500)
			row().swap(one);
	}
	for (const row &one : rows) {
		for (size_t i = 0; i < one.size(); i++)
			must_hold(one[i] == i, "vector");
	}
}

static void churn_strings(struct rng &rng) {
	text joined;
	std::vector<text, counting<text>> parts;
	for (uint32_t i = 0; i < 2 * keys; i++) {
		parts.push_back(text_of(rng_below(&rng, keys)) + text_of(i));
		joined += parts.back().substr(0, 20);
	}
	size_t at = 0;
	for (const text &part : parts) {
		text head = part.substr(0, 20);
		must_hold(joined.compare(at, head.size(), head) == 0, "string");
		at += head.size();
	}
	must_hold(at == joined.size(), "string");
}

/* Shared and owned objects, as programs of today hold them. */
static void churn_pointers(struct rng &rng) {
	std::vector<std::shared_ptr<text>, counting<std::shared_ptr<text>>> shared(1000);
	for (uint32_t i = 0; i < 4 * keys; i++) {
		uint32_t from = rng_below(&rng, 1000), to = rng_below(&rng, 1000);
		if (i % 2)
			shared[to] = shared[from];
		else
			shared[to] = std::allocate_shared<text>(counting<text>(), text_of(to));
	}
	for (const auto &pointer : shared)
		must_hold(!pointer || pointer->size() >= 4, "shared pointer");
}

static void work(struct worker *worker) {
	uint64_t rounds = bench_scaled(worker->bench, rounds_full);
	for (uint64_t i = 0; i < rounds; i++) {
		churn_map<tree>(worker->rng, "map");
		churn_map<table>(worker->rng, "unordered_map");
		churn_list(worker->rng);
		churn_vectors(worker->rng);
		churn_strings(worker->rng);
		churn_pointers(worker->rng);
	}
	worker->operations = operations;
}

int main(int argc, char **argv) {
	static struct workload self;
	self.name = "cxx_containers";
	self.describe = "C++ containers filled and emptied: map, unordered_map, list, vector, string, "
	                "shared_ptr, through operator new and delete";
	self.threads = 1;
	return bench_main(&self, argc, argv, work);
}
