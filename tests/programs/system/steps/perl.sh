#!/bin/bash
# perl.sh: the tests of perl's own source, run by the perl that is installed. Compared: the result of every single
# check, some 240 000.
. "$(dirname "$0")/../inside.sh"

packages=(perl perl-modules-5.36 libperl-dev build-essential locales)
sources=(perl)
groups=(base comp cmd mro opbasic lib re uni io op)

arrange() { # the tests expect the perl they test and its modules in the source's folder
	local from
	cd /trial/src/perl/tree
	ln -sf /usr/bin/perl perl
	ln -sf /usr/bin/perl t/perl
	for from in /usr/share/perl/5.36 /usr/lib/x86_64-linux-gnu/perl/5.36 /usr/lib/x86_64-linux-gnu/perl-base; do
		cp -an "$from/." lib/
	done
	chown -R tester: /trial/src
}

run_tests() { # the verbose words of each test, under its name
	local group
	cd /trial/src/perl/tree/t
	for group in "${groups[@]}"; do
		[ -d "$group" ] || continue
		for file in "$group"/*.t; do
			[[ $file != re/@(fold_grind|uniprops)* ]] || continue # minutes each, of much the same
			echo "== $file"
			timeout 300 ./perl TEST -v "$file" 2>&1 || true
		done
	done
}

session() {
	as_user true
	arrange
	export -f run_tests
	export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 # some tests go through a hash in its order
	export PERL_SKIP_TTY_TEST=1 PERL_TEST_TIME_OUT_FACTOR=10 groups_listed="${groups[*]}"
	as_user bash -c 'read -ra groups <<<"$groups_listed"; run_tests'
}

# Remarks hold times, ports, inodes and what the test's children say in between; addresses are left in few names of tests.
filter() {
	sed -E "
		/^ *(#|u=|Elapsed:)/d
		s/0x[0-9a-f]+/0xADDRESS/g
		s/'[0-9a-f]{12}'/'ADDRESS'/"
}

main "$@"
