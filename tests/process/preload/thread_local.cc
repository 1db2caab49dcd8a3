// thread_local.cc: objects of thread storage duration free and allocate when their thread ends.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common.h"

static std::atomic<int> destroyed, damaged;

struct holder {
	std::vector<std::string> words;
	char *block = static_cast<char *>(malloc(5000));

	holder() { fill(block, 0, 5000, 1); }
	~holder() {
		if (!intact(block, 5000, 1))
			damaged++;
		free(block);
		for (int i = 0; i < 100; i++)
			words.push_back(std::string(static_cast<size_t>(i), 'x'));
		if (words.back().size() != 99)
			damaged++;
		destroyed++;
	}
};

static thread_local holder first;
static thread_local std::vector<std::string> second;

static void work() {
	for (int i = 0; i < 50; i++)
		second.push_back(std::string(100, 'a')), first.words.push_back("word");
}

static void run(int n) {
	for (int i = 0; i < n; i += 8) {
		std::vector<std::thread> threads;
		for (int k = 0; k < 8; k++)
			threads.emplace_back(work);
		for (auto &thread : threads)
			thread.join();
	}
}

int main() {
	run(400);
	ok(destroyed == 400 && damaged == 0, "thread_local destructors free and allocate in 400 threads");
	size_t before = resident();
	run(1600);
	size_t rise = grown(before, resident());
	ok(destroyed == 2000 && damaged == 0, "and in 1600 more");
	ok(rise < 3 * MB, "which leave memory as it was (+%zu KB)", rise / KB);
	work();
	ok(first.words.size() == 50, "main's own, destroyed at exit");
	return done();
}
