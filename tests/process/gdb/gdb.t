#!/bin/bash
# gdb.t: the commands of tools/buddymalloc-gdb.py say of each block that layout.c laid out what it is: in a process, in
# core files, with the library preloaded and linked in; and never by a call in the process.
# shellcheck disable=SC2016,SC2154
. "$(dirname "$0")/../../lib.sh"

built=${BM_BUILD:-$root/build}/tests/process/gdb
script=$root/tools/buddymalloc-gdb.py
export BUDDYMALLOC_CONF=hold:1000

in_gdb() { # ARGUMENT...: gdb's output, without what it says by itself
	timeout -k 5 120 gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set startup-with-shell off' \
		-iex 'set print thread-events off' -iex 'set may-call-functions off' "$@" 2>&1 </dev/null
}

why_not() { # why gdb cannot be used here, or nothing
	have gdb || { echo "no gdb" && return; }
	in_gdb -ex 'python print("yes")' | grep -q '^yes$' || { echo "gdb without Python" && return; }
	in_gdb -ex run /bin/true | grep -q 'exited normally' || echo "no process can be traced here"
}

reason=$(why_not)
if [ -n "$reason" ]; then
	skip "the commands of gdb" "$reason"
	done_testing
fi

# ---- questions and answers ----

commands=() answers=() # in an answer @EXPRESSION@ is an address, %EXPRESSION% a number, a line's … any text

ask() { # COMMAND: the first lines of its answer on stdin
	commands+=("$1")
	answers+=("$(cat)")
}

learn_names() { # FILE of layout.c: its addresses, as variables
	local name value
	while IFS='=' read -r name value; do
		if [[ $name =~ ^[a-z]+[0-9]*$ ]]; then printf -v "$name" '%d' "$value"; fi
	done <"$1"
}

fill_in() { # TEXT: with its values
	local text=$1
	while [[ $text =~ @([^@]*)@ ]]; do text=${text/"${BASH_REMATCH[0]}"/$(printf '0x%x' $((BASH_REMATCH[1])))}; done
	while [[ $text =~ %([^%]*)% ]]; do text=${text/"${BASH_REMATCH[0]}"/$((BASH_REMATCH[1]))}; done
	echo "$text"
}

part() { # NAME: what gdb answered between "=== NAME" and the next "==="
	awk -v name="=== $1" '/^===/ { on = $0 == name; next } on' "$scratch/answers"
}

# How many lie on a stack in all is the heap's choice: M; but the oldest of them is the last: N of N.
without_counts() {
	sed -E 's/\b([1-9][0-9]+) of \1 from/N of N from/; s/ of [0-9]+ from/ of M from/g'
}

same() { # GOT EXPECTED: line by line, as far as EXPECTED goes
	local got expected
	while IFS= read -r expected && IFS= read -r -u 3 got || [ -n "$expected" ]; do
		if [[ $expected == *…* ]]; then
			[[ $got == "${expected%%…*}"*"${expected#*…}" ]] || return 1
		elif [ "$got" != "$expected" ]; then
			return 1
		fi
		got=
	done 3<<<"$1" <<<"$2"
}

compare() { # NAME GOT EXPECTED
	same "$2" "$3"
	local status=$?
	ok $status "$1"
	[ $status -eq 0 ] || diff <(echo "$3") <(echo "$2") | sed 's/^/#   /'
}

judge() { # NAME: the answers to every question
	local i
	for i in "${!commands[@]}"; do
		compare "$1: ${commands[i]}" "$(part "$i" | without_counts)" "$(fill_in "${answers[i]}")"
	done
	commands=() answers=()
}

questions() { # the arguments of gdb that put them, in the array of that name
	local i
	questions=()
	for i in "${!commands[@]}"; do questions+=(-ex "echo === $i\n" -ex "${commands[i]}"); done
}

# ---- every state ----

ask_states() {
	local foreign main='the cache of thread 1 (LWP %lwp1%)'

	ask 'bm why slot[0]' <<-END
		@slot0@: the start of a slot of 3072 bytes: live
		  slab    3 pages at @slot0@ in chunk 0: class 44, 4 slots of 3072 bytes; slot 0 of 0 to 3
		  before  8 pages at @trimmed + 12 * 4096@: free, 8 dirty
		  after   slot 1 at @slot1@: free in the slab
	END
	ask 'bm why slot[1] + 8' <<-END
		@slot1 + 8@: in a slot of 3072 bytes at @slot1@, 8 bytes after its start: free in the slab
		  slab    3 pages at @slot0@ in chunk 0: class 44, 4 slots of 3072 bytes; slot 1 of 0 to 3
		  before  slot 0 at @slot0@: live
		  after   slot 2 at @slot2@: free in $main, 1 of M from the newest
	END
	ask 'bm why slot[2] + 1' <<-END
		@slot2 + 1@: in a slot of 3072 bytes at @slot2@, 1 byte after its start: free in $main, 1 of M from the newest
	END
	ask 'bm why (char *)slot[3] + 3071' <<-END
		@slot3 + 3071@: in a slot of 3072 bytes at @slot3@, 3071 bytes after its start: live
		  slab    3 pages at @slot0@ in chunk 0: class 44, 4 slots of 3072 bytes; slot 3 of 0 to 3
		  before  slot 2 at @slot2@: free in $main, 1 of M from the newest
		  after   a slab of 640-byte slots, 5 pages at @slot3 + 3072@
	END
	ask 'bm why tail + 9' <<-END
		@tail + 9@: past the last slot of a slab, 9 bytes after its end @tail@
		  slab    1 page at @tail - 36 * 112@ in chunk 0: class 7, 36 slots of 112 bytes
		  before  slot 35 at @tail - 112@: free in the slab
	END
	ask 'bm why other[0]' <<-END
		@other0@: the start of a slot of 1280 bytes: free in the cache of thread 2 (LWP %lwp2%), 3 of M from the newest
	END
	ask 'bm why ended' <<-END
		@ended@: the start of a slot of 1536 bytes: free in the cache of a thread that has ended, 1 of M from the newest
	END
	ask 'bm why many[0]' <<-END
		@oldest@: the start of a slot of 640 bytes: free in the depot, N of N from the newest
	END
	ask 'bm why twice[0]' <<-END
		@twice0@: the start of a slot of 896 bytes: freed twice: in $main, 3 of M from the newest, and in $main, 1 of M from the newest
	END
	ask 'bm why again[0]' <<-END
		@again0@: the start of a slot of 1024 bytes: freed twice: in the slab, and in $main, 1 of M from the newest
	END
	ask 'bm why span[0]' <<-END
		@span0@: the start of a span of 30 pages (122880 bytes): live
		  pages   %span0 / 4096 & 511% to %(span0 / 4096 & 511) + 29% of chunk 0 at @span0 & ~2097151@
	END
	ask 'bm why span[1] + 5000' <<-END
		@span1 + 5000@: in a run of 30 free pages at @span1@, 5000 bytes after its start: its page is dirty (it may hold old data)
		  pages   %span1 / 4096 & 511% to %(span1 / 4096 & 511) + 29% of chunk 0 at @span1 & ~2097151@
		  before  a span of 30 pages at @span0@: live
		  after   a span of 30 pages at @span2@: live
	END
	ask 'bm why span[2] + 122879' <<-END
		@span2 + 122879@: in a span of 30 pages (122880 bytes) at @span2@, 122879 bytes after its start: live
		  pages   %span2 / 4096 & 511% to %(span2 / 4096 & 511) + 29% of chunk 0 at @span2 & ~2097151@
		  before  30 pages at @span1@: free, 30 dirty
		  after   a span of 40 pages at @hole0@: live
	END
	ask 'bm why hole[1] + 4097' <<-END
		@hole1 + 4097@: in a run of 40 free pages at @hole1@, 4097 bytes after its start: its page is clean (it reads as zero)
		  pages   %hole1 / 4096 & 511% to %(hole1 / 4096 & 511) + 39% of chunk 0 at @hole1 & ~2097151@
		  before  a span of 40 pages at @hole0@: live
		  after   a span of 40 pages at @hole2@: live
	END
	ask 'bm why trimmed + 12 * 4096' <<-END
		@trimmed + 12 * 4096@: the start of a run of 8 free pages: its page is dirty (it may hold old data)
		  pages   %(trimmed / 4096 & 511) + 12% to %(trimmed / 4096 & 511) + 19% of chunk 0 at @trimmed & ~2097151@
		  before  a span of 12 pages at @trimmed@: live
		  after   a slab of 3072-byte slots, 3 pages at @slot0@
	END
	ask 'bm why (long)slot[0] & ~2097151' <<-END
		@slot0 & ~2097151@: the start of a slot of 480 bytes: live
		  slab    1 page at @slot0 & ~2097151@ in chunk 0: class 23, 8 slots of 480 bytes; slot 0 of 0 to 7
		  before  nothing: chunk 0 begins here
	END
	ask 'bm why (long)slot[0] | 2097151' <<-END
		…
		…
		…
		  after   nothing: chunk 0 ends here
	END
	ask 'bm why large[0] + 4194303' <<-END
		@large0 + 4194303@: in a large block of 4194304 bytes at @large0@, 4194303 bytes after its start: live
		  before  …
		  after   a run of 2 free chunks at @large1@: in the pool
	END
	ask 'bm why large[1]' <<-END
		@large1@: the start of a run of 2 free chunks: in the pool
		  before  a large block of 4194304 bytes at @large0@: live
		  after   a large block of 4194304 bytes at @large2@: live
	END
	ask 'bm why odd' <<-END
		@odd@: the start of a large block of 3145728 bytes: live
		  before  …
		  after   …
	END
	ask 'bm why odd + 3145729' <<-END
		@odd + 3145729@: past the end of a large block of 3145728 bytes at @odd@, 1 byte after its end: live
	END
	ask 'bm why 0' <<<'0x0: not of this heap: foreign, or freed and returned to the system'
	ask 'bm why -1' <<<'0xffffffffffffffff: not of this heap: foreign, or freed and returned to the system'
	for foreign in '&ready' '$sp' stopped slot; do
		ask "bm why $foreign" <<<'…: not of this heap: foreign, or freed and returned to the system'
	done
}

# ---- the map and the totals ----

has() { # NAME OUTPUT LINES: each line is there, but for the blanks between its words
	local status
	tr -s ' ' <<<"$2" >"$scratch/squeezed"
	fill_in "$3" | grep -vxFf "$scratch/squeezed" >"$scratch/lacking"
	[ ! -s "$scratch/lacking" ]
	status=$?
	ok $status "$1"
	[ $status -eq 0 ] || sed 's/^/#   lacks: /' "$scratch/lacking"
}

map() { # of the chunk, as layout.c made it
	cat <<-END
		 %span0 / 4096 & 511%-%(span0 / 4096 & 511) + 29% 30 @span0@ span live
		 %span1 / 4096 & 511%-%(span1 / 4096 & 511) + 29% 30 @span1@ free dirty
		 %hole1 / 4096 & 511%-%(hole1 / 4096 & 511) + 39% 40 @hole1@ free clean
		 %trimmed / 4096 & 511%-%(trimmed / 4096 & 511) + 11% 12 @trimmed@ span live
		 %(trimmed / 4096 & 511) + 12%-%(trimmed / 4096 & 511) + 19% 8 @trimmed + 12 * 4096@ free dirty
		 %slot0 / 4096 & 511%-%(slot0 / 4096 & 511) + 2% 3 @slot0@ slab class 44, 3072-byte slots: 2 live, 1 cached, 1 free
		 %again0 / 4096 & 511%-%again0 / 4096 & 511% 1 @again0@ slab class 32, 1024-byte slots: 1 live, 0 cached, 3 free
		 %twice0 / 4096 & 511%-%(twice0 / 4096 & 511) + 6% 7 @twice0@ slab class 30, 896-byte slots: 0 live, 2 cached, 30 free
	END
}

fills_chunk() { # the map on stdin: every page once, and as many used and free as the first line says
	awk 'NR == 1 { used = $5; dirty = $8; clean = $12; next } NR == 2 { next }
		{ split($1 $2 ~ /-$/ ? $1 $2 $3 : $1, ends, "-"); if (ends[1] != next_page) exit bad = 1; next_page += $2; if (ends[2] != next_page - 1) exit bad = 1 }
		$4 == "free" { free[$5] += $2; next } { taken += $2 }
		END { exit bad || next_page != 512 || taken != used || free["dirty"] != dirty || free["clean"] != clean }'
}

own_figures() { # FILE of layout.c: what the library counts
	sed -nE 's/<class size="([0-9]+)" slabs="([0-9]+)" pages="([0-9]+)" slots="([0-9]+)" free="([0-9]+)" cached="([0-9]+)"\/>/class \1 \2 \3 \4 \5 \6/p
		s/<(chunks|large) count="([0-9]+)".*/\1 \2/p
		s/<row name="(free_pages|live_large|pool)" size="([0-9]+)"\/>/\1 \2/p' "$1"
}

figures() { # of bm heap on stdin, in the same words
	awk '$1 == "class" { print "class", $3, $4, $5, $6, $8, $9 + $10 }
		$1 == "chunks" { print "chunks", $2 } $1 == "pages" { print "free_pages", $5 * 4096 }
		$1 == "large" { print "large", $2; print "live_large", $5 } $1 == "pool" { print "pool", $7 }' | sort
}

cached_twice() { # of bm heap on stdin: the slots in caches, by class and by thread
	awk '$1 == "class" { classes += $9 } / slots? of [0-9]+ bytes/ { match($0, /[0-9]+ slots? of/); threads += substr($0, RSTART) + 0 }
		END { print (classes > 0 && classes == threads) ? "same" : classes " by class, " threads " by thread" }'
}

judge_map() { # NAME FILE
	local chunk heap
	chunk=$(part chunk) heap=$(part heap)
	has "$1: bm chunk: what lies where" "$chunk" "$(map)"
	fills_chunk <<<"$chunk"
	ok $? "$1: bm chunk: every page once"
	[ "$chunk" = "$(part chunk-0)" ]
	ok $? "$1: bm chunk by number and by address"
	compare "$1: bm heap: what the library itself counts" "$(figures <<<"$heap")" "$(own_figures "$2" | sort)"
	compare "$1: bm heap: as many slots in the caches of threads as of classes" "$(cached_twice <<<"$heap")" same
	has "$1: bm heap: chunks, live slots, caches" "$heap" "$(
		cat <<-END
			chunks 1 of 2 MB: 0 with huge pages asked for, 0 empty
			class 44 3072 1 3 4 2 1 1 0
			class 30 896 1 7 32 0 30 3 0
			large 3 live of 11534336 bytes
			pool 1 run of 4194304 bytes, 4194304 of them dirty
			caches 3
			 a thread that has ended: 1 slot of 1536 bytes
			 thread 2 (LWP %lwp2%): 9 slots of 11520 bytes
		END
	)"
}

examine() { # NAME FILE ARGUMENT-OF-GDB...: all of it, of a process or core that layout.c laid out
	local name=$1 file=$2
	shift 2
	ask_states
	questions
	in_gdb "$@" -ex "source $script" "${questions[@]}" -ex 'echo === heap\n' -ex 'bm heap' -ex 'echo === chunk\n' -ex 'bm chunk span[1] + 1' \
		-ex 'echo === chunk-0\n' -ex 'bm chunk 0' -ex 'echo === end\n' -ex "generate-core-file $scratch/core.gdb" >"$scratch/answers"
	learn_names "$file"
	judge "$name"
	judge_map "$name" "$file"
}

preloaded=(-ex "set environment LD_PRELOAD $lib")
examine "process" "$scratch/live" "${preloaded[@]}" -ex 'break stopped' -ex "run $scratch/live" "$built/layout"
if [ -e "$scratch/core.gdb" ]; then
	mv "$scratch/core.gdb" "$scratch/core.live"
	examine "core by gdb" "$scratch/live" "$built/layout" "$scratch/core.live"
else
	skip "core by gdb" "gdb made none: $(tail -n 1 "$scratch/answers")"
fi
examine "linked in" "$scratch/linked" -ex 'break stopped' -ex "run $scratch/linked" "$built/layout-linked"

pattern=$(cat /proc/sys/kernel/core_pattern)
if [[ $pattern == */* || $pattern == \|* ]]; then
	skip "core by the kernel" "its cores go to $pattern"
else
	mkdir "$scratch/abort"
	(cd "$scratch/abort" && ulimit -c unlimited && under "$built/layout" "$scratch/abort/names") 2>/dev/null
	core=$(find "$scratch/abort" -name "${pattern%%\%*}*" -size +0)
	if [ -n "$core" ]; then
		examine "core by the kernel" "$scratch/abort/names" "$built/layout" "$core"
	else
		skip "core by the kernel" "it wrote none"
	fi
fi

# ---- in the middle of a call ----

around() { echo "if (char *)address <= $1 && $1 < (char *)address + size"; }

ask 'bm why scavenged[14]' <<-END
	@scavenged@: the start of a slot of 768 bytes: free in the slab, isolated while its pages go back to the kernel
END
ask 'bm why scavenged[0]' <<<'…: the start of a slot of 768 bytes: live'
ask 'bm why span[1] + 1' <<-END
	@span1 + 1@: in a run of 30 free pages at @span1@, 1 byte after its start: isolated while its pages go back to the kernel
	  pages   %span1 / 4096 & 511% to %(span1 / 4096 & 511) + 29% of chunk 0 at @span1 & ~2097151@
	  before  a span of 30 pages at @span0@: live
	  after   a span of 30 pages at @span2@: live
END
ask 'bm why span[0]' <<-END
	…
	…
	…
	  after   30 pages at @span1@: free, isolated while its pages go back to the kernel
END
ask 'bm why large[0]' <<<'@large0@: the start of a large block of 4194304 bytes: being changed by a call under way'
questions
in_gdb "${preloaded[@]}" -ex 'break stopped' -ex "run change $scratch/change" -ex "source $script" \
	-ex "break os_purge $(around 'scavenged[14]')" -ex continue "${questions[@]:0:8}" -ex 'delete' \
	-ex "break os_purge $(around 'span[1]')" -ex continue "${questions[@]:8:8}" -ex 'delete' \
	-ex 'break os_lengthen' -ex continue "${questions[@]:16}" "$built/layout" >"$scratch/answers"
learn_names "$scratch/change"
judge "in a call"

# ---- what cannot be told ----

ask 'bm' <<<'usage: bm heap | bm chunk N | bm why ADDRESS'
ask 'bm nonsense' <<<'usage: bm heap | bm chunk N | bm why ADDRESS'
ask 'bm heap 1' <<<'usage: bm heap'
ask 'bm chunk' <<<'usage: bm chunk N'
ask 'bm why' <<<'usage: bm why ADDRESS'
ask 'bm why nosuchname' <<<'No symbol "nosuchname" in current context.'
ask 'bm why "text"' <<<'"text" is no address'
ask 'bm chunk 9' <<<'no chunk 9: their number is 1, from 0 on'
ask 'bm chunk slot[0] - 4194304' <<<'@slot0 - 4194304@ is not in a chunk'
ask "set var 'chunk.c'::chunks.all.next.next = 'chunk.c'::chunks.all.next" </dev/null
ask 'bm why slot[1]' <<<'the list of chunks is broken: …'
ask "set var 'chunk.c'::chunks.all.next = 16" </dev/null
ask 'bm why slot[1]' <<<"the heap's records cannot be read: no memory at 0x10"
questions
in_gdb "${preloaded[@]}" -ex 'break stopped' -ex "run $scratch/live" -ex "source $script" "${questions[@]}" "$built/layout" >"$scratch/answers"
learn_names "$scratch/live"
judge "errors"

says() { # NAME SENTENCE ARGUMENT-OF-GDB...: the last line
	local name=$1 sentence=$2
	shift 2
	compare "errors: $name" "$(in_gdb "$@" | tail -n 1)" "$sentence"
}

strip -o "$scratch/libbuddymalloc.so" "$lib"
says "no process" 'no process and no core file: the heap is read from one of them' -ex "source $script" -ex 'bm heap' "$built/layout"
says "another malloc" 'no libbuddymalloc in this process' \
	-ex "source $script" -ex 'break main' -ex run -ex 'bm heap' "$built/layout"
says "a stripped library" "no debug info in $scratch/libbuddymalloc.so: use the library as it was built, not stripped" \
	-ex "set environment LD_PRELOAD $scratch/libbuddymalloc.so" -ex "source $script" -ex 'break main' -ex run -ex 'bm heap' "$built/layout"

# ---- as it is installed ----

installed=$scratch/root/usr/local
make_it() { make -s -C "$root" -o all "$@" DESTDIR="$scratch/root" PREFIX=/usr/local >&2; }

make_it install
in_gdb -iex "add-auto-load-safe-path $scratch/root" -ex "set environment LD_PRELOAD $installed/lib/libbuddymalloc.so" -ex 'break stopped' \
	-ex "run $scratch/live" -ex 'bm heap' "$built/layout" | grep -q '^chunks    1 of 2 MB'
ok $? "installed: gdb loads the commands with the library"
says "installed: sourced" 'usage: bm heap' -ex "source $installed/share/buddymalloc/buddymalloc-gdb.py" -ex 'bm heap 1'
make_it uninstall
[ -z "$(find "$scratch/root" ! -type d)" ]
ok $? "uninstalled: nothing is left"
done_testing
