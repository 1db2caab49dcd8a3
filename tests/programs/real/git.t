#!/bin/bash
# git.t: thousands of files committed, branched, merged, packed (with threads), cloned and checked. Dates and names are
# fixed, so that every object, and with it every commit's name, must be the same in both runs.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$HOME/.gitconfig" <<'END'
[user]
	name = Tester
	email = tester@localhost
[init]
	defaultBranch = main
[gc]
	auto = 0
[pack]
	threads = 2
[advice]
	detachedHead = false
END
export GIT_AUTHOR_DATE='2020-02-02 02:02:02 +0000' GIT_COMMITTER_DATE='2020-02-02 02:02:02 +0000' GIT_CONFIG_NOSYSTEM=1

cat >"$scratch/work" <<'END'
set -e -o pipefail
write_files() { # ROUND
	awk -v round="$1" 'BEGIN {
		srand(5)
		for (n = 0; n < 2000; n++) {
			file = sprintf("d%02d/f%04d.txt", n % 40, n)
			lines = 5 + int(rand() * 60)
			if (round > 0 && n % 7 != round) continue
			for (i = 0; i < lines; i++) print "line", i, n, (i % 9 == round ? "changed in " round : ""), substr("abcdefghijklmnopqrstuvwxyz", 1 + (i * n) % 26) >file
			close(file)
		}
	}'
}

git init -q repo && cd repo
mkdir $(printf 'd%02d ' {0..39})
for round in 0 1 2 3; do
	write_files $round
	git add -A && git commit -q -m "round $round"
done
git checkout -q -b side HEAD~2
git mv d03 moved && git commit -q -m 'move a folder'
echo side >side.txt && git add side.txt && git commit -q -m 'add a file'
git checkout -q main && git merge -q -m 'merge side' side
git log --format='%H %T %s' --graph
git log -p -M --stat | sha256sum
git blame d02/f0042.txt | sha256sum
git grep -c 'changed in 2' | sort | sha256sum
git status --short | wc -l
git gc -q --aggressive --prune=now
git fsck --full --strict
git rev-list --objects --all | sort | sha256sum
git cat-file --batch-all-objects --batch-check | sha256sum
git clone -q --no-local . ../clone
git -C ../clone log --format=%H -n 1
git -C ../clone fsck
git -C ../clone ls-tree -r HEAD | sha256sum
git archive --format=tar HEAD | sha256sum
git rebase -q HEAD~1 side 2>&1 && git log --format=%H -n 3
git diff --word-diff main~3 main | sha256sum
git bundle create -q ../all.bundle --all && git bundle verify -q ../all.bundle
END
need 'git: commit, merge, log -p, gc, fsck, clone' git &&
	same 'git: commit, merge, log -p, gc, fsck, clone' bash "$scratch/work"

done_testing
