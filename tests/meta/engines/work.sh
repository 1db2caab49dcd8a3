#!/bin/bash
# work.sh PROGRAM [PERCENT]: some work of a real program in the present, empty folder; its result on stdout, the same
# in every run. The tests do 10 % of it; bench/engines/measure.py measures it.

set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
percent=${2:-100}
export LC_ALL=C HOME=$PWD TZ=UTC

case $1 in
ls)
	for i in {1..300}; do : >"file $((i * 7919 % 1000))"; done
	# shellcheck disable=SC2012 # ls is what is tested
	ls -lR --time-style=+ --sort=size | sed 's/^\([^ ]* *\)\{4\}//'
	;;
perl)
	PERL_HASH_SEED=0 perl -e 'my (%h, @kept);
		for my $i (1 .. 400 * shift) { $h{"key" . $i * 7919 % 65536} = "v" x ($i % 90) }
		delete @h{grep { /[37]$/ } keys %h};
		for my $digit (1 .. 9) { push @kept, join ",", map { length $h{$_} } grep { /^key$digit/ } sort keys %h }
		my $text = ""; $text .= sprintf "%s=%s;", $_, reverse $h{$_} for sort keys %h;
		my $n = () = $text =~ /(v{50,})/g;
		print scalar(keys %h), " ", length($text), " $n ", unpack("%32C*", join "", @kept), "\n"' "$percent"
	;;
python)
	python=/usr/bin/python3
	[ -x $python ] || python=python3
	PYTHONMALLOC=malloc PYTHONHASHSEED=0 $python "$here/work.py" "$percent"
	;;
sqlite)
	sqlite3 data <<-END
		create table t (k integer primary key, name text, value real);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 200 * $percent)
			insert into t select i, 'name' || (i * 7919 % 20011) || substr('xxxxxxxxxxxxxxxx', i % 16), i / 7.0 from n;
		create index by_name on t (name);
		delete from t where k % 3 = 0;
		select count(*), sum(length(name)), round(sum(value), 3) from t;
		select length(name) l, count(*), min(name), group_concat(k % 10, '') from t where name < 'name11' group by l;
		select count(*) from t a join t b on a.name = substr(b.name, 1, length(a.name)) where a.k < 200;
		pragma integrity_check;
	END
	;;
gcc) gcc -O2 -std=c11 -I"$here/../../../include" -S -o - "$here/../../../src/back/buddy.c" | sha256sum ;;
git)
	export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
	git init -q -b main .
	git config user.name name && git config user.email name@example.org && git config pack.threads 2
	for i in {1..60}; do seq "$i" $((i * 40)) >"file$i"; done
	git add . && git commit -qm first
	for i in {1..30}; do sed -i "s/7$/$i/" "file$i"; done
	git commit -qam second
	git repack -adq && git fsck --no-progress
	git log --stat --format='%H %s' && git diff HEAD~1 | sha256sum
	;;
threads) seq $((3000 * percent)) | xz -T2 --block-size=50KiB -1 | sha256sum ;;
esac
