# work.awk: associative arrays, string building, splitting, substitution. usage: gawk -v count=COUNT -f work.awk
BEGIN {
	srand(3)
	for (i = 0; i < count; i++) {
		word = sprintf("w%x", (i * 40503) % (count + 7))
		total[word] += i
		lines[i % 997] = lines[i % 997] " " word
	}
	for (i = 0; i < 997; i++) {
		n = split(lines[i], parts, " ")
		for (k = 1; k <= n; k++) index_of[parts[k]][i % 7] = k
		length_all += length(lines[i])
		if (i % 2) delete lines[i]
	}
	print length(total), length(index_of), length_all
	n = asorti(total, sorted)
	print n, sorted[1], sorted[n]
	for (i = 0; i < count / 4; i++) long = long sprintf("%x-", i * 77)
	print gsub(/a+/, "<&>", long), length(long), split(long, pieces, "-"), pieces[3]
}
