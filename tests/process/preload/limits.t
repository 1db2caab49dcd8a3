#!/bin/bash
# limits.t: small programs in little address space, and under unusual layouts of it.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

within() { # ULIMIT-OPTION VALUE COMMAND...: the limit holds for the command alone
	(
		ulimit "$1" "$2" || exit 1
		shift 2
		exec env LD_PRELOAD="$lib" "$@"
	)
}

fold "ulimit -v 12288" within -v 12288 "$built/small"
within -v 12288 true
ok $? "ulimit -v 12288: true"
[ "$(within -v 12288 ls "$tests/lib.sh")" = "$tests/lib.sh" ]
ok $? "ulimit -v 12288: ls"
[ "$(printf '%s\n' c a b | within -v 16384 sort | tr -d '\n')" = abc ]
ok $? "ulimit -v 16384: sort"
fold "ulimit -d 8192" within -d 8192 "$built/small"
fold "ulimit -s unlimited" within -s unlimited "$built/small"
fold "ulimit -s 256" within -s 256 "$built/small"
if have setarch && setarch -R true 2>/dev/null; then
	fold "addresses not randomized" limited setarch -R "$built/threads"
	fold "mappings from the bottom up" limited setarch -L "$built/small"
	fold "3 GB address layout" limited setarch -3 "$built/small"
else
	skip "address layouts" "setarch cannot set them"
fi
# shellcheck disable=SC2016 # the inner shell expands it
fold "stdin and stderr closed" limited sh -c '"$1" <&- 2>&-' sh "$built/small"
fold "an empty environment" env -i LD_PRELOAD="$lib" "$built/small"
done_testing
