#!/bin/bash
# compilers.t: gcc, g++ and clang on large generated units: the object code must be the same byte for byte,
# and the program must run. A compiler whose output depended on addresses would be a bug of the compiler.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

awk 'BEGIN {
	print "#include <stdio.h>\n#include <string.h>\nstruct item { int key; double weight; struct item *next; };"
	for (i = 0; i < 150; i++) {
		printf "static int step%d(const struct item *at, int n, char *to) {\n\tint sum = %d;\n", i, i
		printf "\tfor (int i = 0; i < n; i++) {\n\t\tsum += at[i].key * %d ^ (sum >> %d);\n", i * 7 + 1, i % 13 + 1
		printf "\t\tif (at[i].weight > %d.5) sum -= (int)(at[i].weight * %d);\n", i % 50, i % 9 + 1
		printf "\t\tswitch (sum & 7) { case 0: sum++; break; case 3: sum ^= 0x%x; break; case 5: to[i] = (char)sum; }\n\t}\n", i * 977
		printf "\treturn sum + (int)strlen(to)%s;\n}\n", i ? sprintf(" + step%d(at, n / 2, to)", i - 1) : ""
	}
	print "static int (*const steps[])(const struct item *, int, char *) = {"
	for (i = 0; i < 150; i++) printf "\tstep%d,\n", i
	print "};\nint main(void) {\n\tstruct item at[16];\n\tchar to[16] = \"\";"
	print "\tfor (int i = 0; i < 16; i++) at[i] = (struct item){ i * 31, i * 3.25, 0 };"
	print "\tfor (int i = 0; i < 150; i++) { memset(to, 0, sizeof to); printf(\"%d\\n\", steps[i](at, 15, to)); }\n}"
}' >"$scratch/large.c"

cat >"$scratch/large.cc" <<'END'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Part {
	std::map<std::string, std::vector<int>> table;
	std::unordered_map<int, std::set<std::string>> index;
	int work() {
		for (int i = 0; i < N + 50; i++) table["k" + std::to_string(i % (N + 3))].push_back(i * N);
		for (auto &[key, list] : table) {
			std::sort(list.begin(), list.end(), [](int a, int b) { return a % (N + 2) < b % (N + 2) || (a % (N + 2) == b % (N + 2) && a < b); });
			index[static_cast<int>(list.size())].insert(key);
		}
		std::variant<int, std::string, std::tuple<int, double>> any = N;
		if (N % 2) any = std::string(N, 'x');
		int sum = static_cast<int>(any.index()) + Part<N - 1>().work();
		return std::accumulate(index.begin(), index.end(), sum, [](int s, const auto &e) { return s + e.first * static_cast<int>(e.second.size()); });
	}
};
template <> struct Part<0> { int work() { return 0; } };

int main() {
	std::ostringstream text;
	for (int i = 0; i < 200; i++) text << "item" << i << ' ';
	std::string all = text.str();
	std::regex digits("([a-z]+)([0-9]+)");
	auto shared = std::make_shared<std::function<int(int)>>([](int n) { return n * 3; });
	std::cout << Part<12>().work() << ' ' << std::distance(std::sregex_iterator(all.begin(), all.end(), digits), {}) << ' ' << (*shared)(14) << '\n';
}
END

c_unit() { # COMPILER: assembly, object with debug information, then link and run
	run "$1" -std=c11 -O2 -S "$scratch/large.c" -o large.s &&
		run "$1" -std=c11 -O2 -g -c "$scratch/large.c" -o large.o &&
		run "$1" large.o -o large && run ./large | cksum && digest large.s large.o
}

cc_unit() { # COMPILER: the object, and an executable linked from it, that throws no exception
	run "$1" -std=c++17 -O2 -c "$scratch/large.cc" -o large.o &&
		run "$1" large.o -o large && run ./large && digest large.o
}

errors() { # COMPILER: a unit full of errors: the diagnostics are the output
	sed 's/struct item \*at/struct itme *at/; s/sum++/sum+/' "$scratch/large.c" >wrong.c
	run "$1" -fsyntax-only wrong.c 2>&1 | tee messages | cksum
	[ "${PIPESTATUS[0]}" -eq 1 ] && grep -c error: messages
}

for compiler in gcc clang; do
	need "$compiler -O2: a large C unit" $compiler && {
		twice "$compiler -O2: a large C unit" c_unit $compiler
		twice "$compiler: a thousand diagnostics" errors $compiler
	}
done
for compiler in g++ clang++; do
	need "$compiler -O2: templates" $compiler && twice "$compiler -O2: templates" cc_unit $compiler
done
gcc_lto() {
	run gcc -std=c11 -O1 -flto=2 -ffat-lto-objects -c "$scratch/large.c" -o large.o &&
		run gcc -O1 -flto=2 large.o -o large && run ./large | cksum
}
need 'gcc -flto: two link-time jobs' gcc && twice 'gcc -flto: two link-time jobs' gcc_lto

done_testing
