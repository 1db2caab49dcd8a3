// faults_new.cc: operator new when the kernel gives no more memory: bad_alloc, the new handler, and containers that
// stay as they were.
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "common.h"
#include "refuse.h"

static const struct kind *kind; // of the case
static int handled;
static std::vector<void *> reserve;

// Frees a little in small blocks, once; then there is no handler any more.
static void give_reserve() {
	handled++;
	for (void *block : reserve)
		::operator delete(block);
	std::set_new_handler(nullptr);
}

struct node {
	node *next;
	char text[500];
};

// Nodes until there is no memory, at most a number; *full: bad_alloc came.
static node *make_list(size_t most, bool *full) {
	node *list = nullptr;
	try {
		for (size_t i = 0; i < most; i++) {
			list = new node{list, ""};
			fill(list->text, 0, sizeof list->text, 7);
		}
		*full = false;
	} catch (const std::bad_alloc &) {
		*full = true;
	}
	return list;
}

static bool drop_list(node *list) {
	bool good = true;
	while (list) {
		node *next = list->next;
		good &= intact(list->text, sizeof list->text, 7) != 0;
		delete list;
		list = next;
	}
	return good;
}

// The handler is called once, and what it frees is used; then bad_alloc. Where only giving back is refused neither.
static int with_handler() {
	bool full;
	for (int i = 0; i < 1000; i++)
		reserve.push_back(::operator new(sizeof(node)));
	if (!refuse(kind, 1))
		return 0;
	std::set_new_handler(give_reserve);
	node *list = make_list(100000, &full);
	bool nothrow = !full || ::operator new (size_t{1} << 45, std::nothrow) == nullptr;
	return full == (handled == 1) && (kind->gives || !full) && nothrow && drop_list(list);
}

// A container that cannot grow is as it was; when part of it is gone it grows again.
static int containers() {
	std::vector<std::string> strings(1000, std::string(300, 's'));
	std::map<int, std::vector<int>> table;
	bool full = false, huge = false;
	if (!refuse(kind, 1))
		return 0;
	try {
		for (int i = 0; i < 300000; i++)
			table[i].assign(100, i);
	} catch (const std::bad_alloc &) {
		full = true;
	}
	try {
		strings.resize(strings.size() + (size_t{1} << 45) / sizeof strings[0]);
	} catch (const std::bad_alloc &) {
		huge = true;
	}
	bool good = huge && (kind->gives || !full) && strings.size() == 1000;
	for (auto &string : strings)
		good &= string == std::string(300, 's');
	for (auto &[key, numbers] : table)
		good &= numbers.empty() || (numbers.size() == 100 && numbers[99] == key);
	for (int i = 0; i < 100; i++)
		table.erase(i);
	for (int i = 0; i < 50; i++)
		table[i].assign(100, i);
	return good;
}

static int exception_without_memory() {
	if (!refuse(kind, 1))
		return 0;
	for (int i = 0; i < 1000; i++) {
		try {
			throw std::runtime_error("a text that is too long for the string's own place");
		} catch (const std::exception &error) { // or bad_alloc
			if (!error.what()[0])
				return 0;
		}
	}
	return 1;
}

int main() {
	static const struct {
		const char *name;
		int (*body)();
	} cases[] = {{"the new handler and bad_alloc", with_handler},
	             {"containers", containers},
	             {"exceptions", exception_without_memory}};
	if (!in_child(can_refuse)) {
		skip("calls refused by a filter", "no seccomp here");
		return done();
	}
	for (auto &one : cases)
		for (kind = kinds; kind < kinds + COUNT(kinds); kind++)
			ok(in_child(one.body), "%s while %s is refused", one.name, kind->name);
	return done();
}
