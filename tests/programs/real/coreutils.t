#!/bin/bash
# coreutils.t: find, ls, du, cp, tar, checksums and large sorts on a tree of some thousand files.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/tree" <<'END'
set -e -o pipefail
mkdir -p tree/{a,b,c,d,e}/{0..9}/deep
awk 'BEGIN { srand(7); for (i = 0; i < 300000; i++) print int(rand() * 1e9), "word" int(rand() * 5000), i }' >numbers
awk 'NR % 100 == 1 {
	close(file)
	file = sprintf("tree/%c/%d/deep/file-%05d-%040d", 97 + ++n % 5, int(n / 5) % 10, n, n)
}
{ print >file }' numbers
ln -s ../a tree/b/link
find tree -exec touch -h -d '2020-02-02 02:02:02' {} +
END

cat >"$scratch/work" <<'END'
set -e -o pipefail
find tree -type f -size +1 -newermt 2019-01-01 -regex '.*[13579]$' | wc -l
find tree -printf '%y %s %m %p %l\n' | sort | sha256sum
# The blocks a file system needs for a folder may vary with its state, what is in the folder may not.
ls -lR --time-style=+%s tree | sed -e '/^total/d' -e '/^d/d' | sha256sum
ls -R tree | sort | uniq -c | sort -k1,1nr -k2 | sed -n 1,5p
find tree -type f -print0 | du --files0-from=- --apparent-size -b -c | tail -n 1
find tree -type f -print0 | sort -z | xargs -0 sha256sum | tee sums | sha256sum
find tree -type f -print0 | sort -z | xargs -0 -n 200 -P 4 md5sum | sort | sha256sum
cp -a tree copy
diff -r tree copy
(cd copy && sed 's, tree/, ./,' ../sums | sha256sum -c --quiet)
tar -cf tree.tar --sort=name --owner=0 --group=0 --numeric-owner tree
tar -tvf tree.tar | sha256sum
gzip -nk tree.tar && xz -0 -T2 -k tree.tar
mkdir unpacked && tar -xzf tree.tar.gz -C unpacked && diff -r tree unpacked/tree
xz -dc tree.tar.xz | cmp - tree.tar
sort numbers | sha256sum
sort -n -k1,1 -S 20M --parallel=2 numbers | sha256sum
sort -k2,2 -k1,1nr -u numbers | sha256sum
cut -d' ' -f2 numbers | sort | uniq -c | sort -rn | sed -n 1,3p
sort -k2,2 -s numbers >by-word && join -1 2 -2 2 <(head -n 2000 by-word) <(tail -n 2000 numbers | sort -k2,2) | sha256sum
wc numbers; wc -l tree/a/1/deep/* | tail -n 1
tac numbers | rev | tr a-z A-Z | fold -w 60 | paste - - - | expand | pr -t -3 -w 200 | sha256sum
shuf --random-source=numbers -n 50000 numbers | sha256sum
od -A d -t x4z numbers | tail -n 2; base64 numbers | cksum; comm -12 <(sort numbers) <(sort numbers) | wc -l
rm -r tree copy unpacked && ls
END

work() { run bash "$scratch/tree" && run bash "$scratch/work"; }
twice 'coreutils: a tree of 3,000 files, large sorts' work

done_testing
