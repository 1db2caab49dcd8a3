// cxx.cc: operator new and delete in every form, bad_alloc, new handlers, and containers on our heap.
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <sys/resource.h>
#include <unordered_map>
#include <vector>

#include "common.h"

// as in <new>, which leaves them out for compilers without sized deallocation by default
void operator delete(void *, size_t) noexcept;
void operator delete[](void *, size_t) noexcept;
void operator delete(void *, size_t, std::align_val_t) noexcept;
void operator delete[](void *, size_t, std::align_val_t) noexcept;

static volatile size_t huge_size = PTRDIFF_MAX; // volatile: the compiler must not see that it cannot work
static volatile size_t whole = SIZE_MAX;

template <class Call> static bool throws_bad_alloc(Call call) {
	try {
		call();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void test_bad_alloc() {
	const std::align_val_t alignment{4096};
	ok(throws_bad_alloc([] { ::operator delete(::operator new(huge_size)); }), "new throws bad_alloc");
	ok(throws_bad_alloc([] { ::operator delete[](::operator new[](huge_size)); }),
	   "new[] throws bad_alloc");
	ok(throws_bad_alloc([] { ::operator delete(::operator new(whole)); }),
	   "new of SIZE_MAX throws bad_alloc");
	ok(throws_bad_alloc([=] { ::operator delete(::operator new(huge_size, alignment), alignment); }),
	   "aligned new throws bad_alloc");
	ok(throws_bad_alloc(
	           [=] { ::operator delete[](::operator new[](whole - 100, alignment), alignment); }),
	   "aligned new[] throws bad_alloc");
	ok(throws_bad_alloc([] { delete[] new long[huge_size / 16]; }), "a new expression throws bad_alloc");
	ok(throws_bad_alloc([] { std::string(huge_size / 2, 'x'); }), "std::string passes it on");
}

static void test_nothrow() {
	const std::align_val_t alignment{64};
	ok(::operator new(huge_size, std::nothrow) == nullptr, "nothrow new returns null");
	ok(::operator new[](whole, std::nothrow) == nullptr, "nothrow new[] returns null");
	ok(::operator new(huge_size, alignment, std::nothrow) == nullptr, "aligned nothrow new returns null");
	ok(::operator new[](whole, alignment, std::nothrow) == nullptr, "aligned nothrow new[] returns null");
	ok(new (std::nothrow) long[huge_size / 16] == nullptr, "a nothrow new expression returns null");
}

static int handler_calls;

static void counting_handler() {
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

struct own_error : std::bad_alloc {};

static void throwing_handler() {
	handler_calls++;
	throw own_error();
}

template <class Call> static void check_handler(const char *name, Call call) {
	handler_calls = 0;
	std::set_new_handler(counting_handler);
	bool failed = call();
	std::set_new_handler(nullptr);
	ok(failed && handler_calls == 3, "%s calls the new handler until there is none, then fails", name);
}

static void test_handler() {
	check_handler("new",
	              [] { return throws_bad_alloc([] { ::operator delete(::operator new(huge_size)); }); });
	check_handler("aligned new", [] {
		return throws_bad_alloc([] {
			::operator delete (::operator new (huge_size, std::align_val_t{128}),
			                   std::align_val_t{128});
		});
	});
	check_handler("nothrow new", [] { return ::operator new(huge_size, std::nothrow) == nullptr; });
	check_handler("aligned nothrow new", [] {
		return ::operator new (huge_size, std::align_val_t{128}, std::nothrow) == nullptr;
	});
	std::set_new_handler(throwing_handler);
	bool own = false;
	handler_calls = 0;
	try {
		::operator delete(::operator new(huge_size));
	} catch (const own_error &) {
		own = true;
	}
	ok(own && handler_calls == 1, "what the handler throws passes through new");
	ok(::operator new(huge_size, std::nothrow) == nullptr &&handler_calls == 2,
	   "and becomes null in nothrow new");
	std::set_new_handler(nullptr);
}

static void *reserve;

static void give_reserve() {
	handler_calls++;
	std::free(reserve);
	reserve = nullptr;
	std::set_new_handler(nullptr);
}

// Under a limit of address space: when it is used up, the handler frees 64 MB, and the same new succeeds.
static int makes_room() {
	static void *blocks[1000];
	struct rlimit limit = {256 * MB, 256 * MB};
	size_t n = 0, m = 0;
	reserve = std::malloc(64 * MB);
	setrlimit(RLIMIT_AS, &limit);
	handler_calls = 0;
	std::set_new_handler(give_reserve);
	while (n < COUNT(blocks) && handler_calls == 0)
		blocks[n++] = ::operator new(3 * MB);
	bool served = handler_calls == 1 && blocks[n - 1];
	try {
		for (m = n; m < COUNT(blocks); m++)
			blocks[m] = ::operator new(3 * MB);
	} catch (const std::bad_alloc &) {
		return served && m > n + 10;
	}
	return 0;
}

struct animal {
	virtual ~animal() { alive--; }
	animal() { alive++; }
	static int alive;
};
int animal::alive;

struct dog : animal {
	char name[200];
	std::string *owner = new std::string(100, 'o');
	~dog() override { delete owner; }
};

struct alignas(256) whale : animal {
	double songs[100];
};

struct herd : dog, whale {
	std::vector<std::unique_ptr<animal>> members;
};

static void test_classes() {
	bool aligned = true;
	for (int round = 0; round < 200; round++) {
		std::vector<std::unique_ptr<animal>> all;
		for (int i = 0; i < 100; i++) {
			if (i % 2)
				all.emplace_back(new dog);
			else
				all.emplace_back(new whale);
			whale *big = dynamic_cast<whale *>(all.back().get());
			aligned &= !big || reinterpret_cast<uintptr_t>(big) % 256 == 0;
		}
		delete new herd;
		whale *several = new whale[5];
		aligned &= reinterpret_cast<uintptr_t>(several) % 256 == 0;
		delete[] several;
	}
	ok(animal::alive == 0, "a class hierarchy is made and destroyed");
	ok(aligned, "over-aligned classes are aligned");
}

// Every pairing the language allows; what is not freed would show as 100 MB.
static void one_of_each(size_t size) {
	const std::align_val_t alignment{size % 3 ? size_t{64} : size_t{8192}};
	::operator delete(::operator new(size));
	::operator delete(::operator new(size), size);
	::operator delete[](::operator new[](size));
	::operator delete[](::operator new[](size), size);
	::operator delete(::operator new(size, std::nothrow), std::nothrow);
	::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
	::operator delete(::operator new(size, alignment), alignment);
	::operator delete(::operator new(size, alignment), size, alignment);
	::operator delete[](::operator new[](size, alignment), alignment);
	::operator delete[](::operator new[](size, alignment), size, alignment);
	::operator delete(::operator new(size, alignment, std::nothrow), alignment, std::nothrow);
	::operator delete[](::operator new[](size, alignment, std::nothrow), alignment, std::nothrow);
}

static void test_forms() {
	size_t before = resident();
	for (size_t i = 0; i < 4000; i++)
		one_of_each(i % 400 ? i * 7 % 9000 : i * 100);
	ok(grown(before, resident()) < 16 * MB, "every form of delete frees");
	::operator delete(nullptr);
	::operator delete[](nullptr, size_t{8});
	::operator delete (nullptr, std::align_val_t{64});
	ok(true, "deleting null is fine");
	void *a = ::operator new(0), *b = ::operator new(0);
	ok(a && b && a != b, "new of 0 bytes returns unique pointers");
	::operator delete(a);
	::operator delete(b);
	ok(malloc_usable_size(std::unique_ptr<char[]>(new char[500]).get()) >= 500,
	   "a new[]'s block has a usable size");
}

static void test_containers() {
	std::map<std::string, std::vector<int>> tree;
	std::unordered_map<int, std::string> table;
	for (int i = 0; i < 50000; i++) {
		tree[std::to_string(i % 5000)].push_back(i);
		table[i] = std::string(static_cast<size_t>(i % 100), 'v');
	}
	for (int i = 0; i < 50000; i += 2)
		table.erase(i);
	bool good = tree.size() == 5000 && table.size() == 25000;
	for (auto &entry : tree)
		good &= entry.second.size() == 10;
	ok(good, "containers of a hundred thousand nodes");
}

int main() {
	test_bad_alloc();
	test_nothrow();
	test_handler();
	ok(in_child(makes_room), "a new handler that makes room is called once, and new goes on");
	test_classes();
	test_forms();
	test_containers();
	return done();
}
