#!/bin/bash
# perl.sh: the tests of perl's own source, run by the perl that is installed. Compared: every line of every test.
. "$(dirname "$0")/../inside.sh"

packages=(perl perl-modules-5.36 libperl-dev build-essential locales)
sources=(perl)
groups=(base comp cmd mro opbasic lib re uni io op)

arrange() { # the tests expect the perl they test and its modules in the source's folder
	local from
	cd /work/src/perl/tree
	ln -sf /usr/bin/perl perl
	ln -sf /usr/bin/perl t/perl
	for from in /usr/share/perl/5.36 /usr/lib/x86_64-linux-gnu/perl/5.36 /usr/lib/x86_64-linux-gnu/perl-base; do
		cp -an "$from/." lib/
	done
	chown -R tester: /work/src
}

run_tests() { # the verbose words of each test, under its name
	local group
	cd /work/src/perl/tree/t
	for group in "${groups[@]}"; do
		[ -d "$group" ] || continue
		for file in "$group"/*.t; do
			echo "== $file"
			timeout 300 ./perl TEST -v "$file" 2>&1 || true
		done
	done
}

session() {
	as_user true
	arrange
	export -f run_tests
	as_user env PERL_SKIP_TTY_TEST=1 PERL_TEST_TIME_OUT_FACTOR=10 groups="${groups[*]}" bash -c 'read -ra groups <<<"$groups"; run_tests'
}

# Times, process ids and addresses; temporary names.
filter() {
	sed -E '
		/^(u=|Elapsed:)/d
		s/0x[0-9a-f]+/0xADDRESS/g
		s/\b(pid|process) [0-9]+/\1 PID/g
		s/tmp[0-9]+[A-Z]*/tmpNAME/g'
}

main "$@"
