# help.awk: what `make help` prints: the targets with a text behind ##, under the headings of the lines with ##@.
# A heading may come more than once; bench/*.mk are under one of their own.

FNR == 1 && FILENAME ~ /^bench\// { heading("The bench") }
/^##@ / { heading(substr($0, 5)) }
/^[a-z][a-z_.-]*:.*## / && !($1 in seen) {
	seen[$1]
	lines[current] = lines[current] sprintf("  make %-22s %s\n", $1, $2)
}
END { for (i = 1; i <= n; i++) if (lines[i]) printf "%s%s\n%s", (i > 1 ? "\n" : ""), names[i], lines[i] }

function heading(name) {
	for (current = 1; current <= n && names[current] != name;) current++
	if (current > n) names[++n] = name
}
