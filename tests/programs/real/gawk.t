#!/bin/bash
# gawk.t: associative arrays, string building, splitting and sorting in gawk.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.awk" <<'END'
function fill(n,    i, key) {
	for (i = 0; i < n; i++) {
		key = "k" int(rand() * 60000)
		total[key] += i
		text[key] = substr(text[key] key ",", 1, 200)
		matrix[i % 300][int(i / 300)] = i
	}
}
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }
BEGIN {
	srand(11)
	fill(300000)
	n = asorti(total, keys)
	for (i = 1; i <= n; i += 5000) print keys[i], total[keys[i]], text[keys[i]]
	PROCINFO["sorted_in"] = "@val_num_desc"
	for (key in total) { print key, total[key]; if (++shown == 20) break }
	for (i = 0; i < 300; i++) sum += length(matrix[i]) * matrix[i][7]
	print n, sum, fib(22)
	for (i = 0; i < 60000; i++) long = long sprintf("%x-", i * 77)
	print length(long), gsub(/a+/, "<&>", long), length(long), split(long, parts, /-/), parts[3000]
	print gensub(/([0-9a-f]+)-([0-9a-f]+)/, "\\2-\\1", "g", substr(long, 1, 300000)) | "cksum"
	close("cksum")
	delete total
	while ((("seq 100000" | getline line) > 0)) lines[line % 977] = lines[line % 977] line
	for (i = 0; i < 977; i += 100) print lines[i]
}
END
need 'gawk: associative arrays, strings, sorting' gawk &&
	same 'gawk: associative arrays, strings, sorting' gawk -f "$scratch/work.awk"

done_testing
