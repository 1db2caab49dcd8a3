// templates.cc: what a template-heavy unit asks of a compiler; COUNT instances of everything.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
#if COUNT > 4
#include <iostream>
#include <regex>
#endif

template <int N> struct Part {
	std::map<std::string, std::vector<int>> table;
	std::unordered_map<int, std::set<std::string>> index;
	std::vector<std::unique_ptr<std::tuple<int, std::string, double>>> rows;

	int work() {
		for (int i = 0; i < N + 50; i++) table["k" + std::to_string(i % (N + 3))].push_back(i * N);
		for (auto &[key, list] : table) {
			std::sort(list.begin(), list.end(), [](int a, int b) { return a % (N + 2) < b % (N + 2); });
			index[static_cast<int>(list.size())].insert(key);
			rows.push_back(std::make_unique<std::tuple<int, std::string, double>>(N, key, N * 0.5));
		}
		std::variant<int, std::string, std::tuple<int, double>> any = N;
		if (N % 2) any = std::string(N, 'x');
		std::function<int(int)> add = [this](int n) { return n + static_cast<int>(rows.size()); };
		int sum = static_cast<int>(any.index()) + Part<N - 1>().work();
		return std::accumulate(index.begin(), index.end(), add(sum), [](int s, const auto &e) { return s + static_cast<int>(e.second.size()); });
	}
};

template <> struct Part<0> {
	int work() { return 0; }
};

int work() { return Part<COUNT>().work(); }
