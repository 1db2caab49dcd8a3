# common.sh: what the tests of real programs share: do the same work plain and on our heap, and compare.
# Sourced by tests/programs/real/*.t after lib.sh. Rules:
#  1. Both runs start in the same new folder, at the same path, with the same HOME: whatever differs is the heap's doing.
#  2. A run prints to stdout what is compared, byte for byte; what legitimately varies it does not print, and says why.
#     What it prints to stderr is only searched for complaints of the library and for signs of a crash.
#  3. Every program is started through run or serve, so a time limit kills it with its children.
#  4. Servers listen on 127.0.0.1 or on a socket in the scratch folder and end with the session that started them.

PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH # the distribution's programs before any wrapper that shares their name
here=$tests/programs/real
lib=$(realpath "$lib")
limit=100 # seconds one program may take; these need 1 to 10 on an idle machine
mkdir "$scratch/home"
export HOME=$scratch/home TZ=UTC
unset DISPLAY

grep -qsF "$lib" <(under cat /proc/self/maps 2>/dev/null) || {
	echo "Bail out! cannot preload $lib"
	exit 1
}

note() { sed 's/^/# /'; } # stdin as TAP comments

launch=(false) # what precedes a program's name; set_mode says what

set_mode() { # plain or preload
	mode=$1 launch=(env -u LD_PRELOAD)
	[ "$mode" = plain ] || launch=(env LD_PRELOAD="$lib")
}

run() { # COMMAND...: one program in the current mode, ended with all its children when the limit is over
	timeout -k 5 "$limit" "${launch[@]}" "$@"
	local status=$?
	# In a pipeline nobody else would see a crash or the end of the time.
	[ "$status" -lt 124 ] || echo "run: status $status: $*" >&2
	return "$status"
}

serve() { # COMMAND...: a server in the background, its log on stderr; its pid in $server; stopped with the session
	trap stop_servers EXIT
	rm -f server.pid
	timeout -k 5 "$limit" sh -c 'echo $$ >server.pid; exec "$@"' serve "${launch[@]}" "$@" >&2 &
	servers+=($!)
	wait_for 5 test -s server.pid
	server=$(cat server.pid)
}

stop_servers() { # each server's timeout passes the signal on
	local group
	for group in "${servers[@]}"; do kill "$group" 2>/dev/null; done
	await_servers
}

await_servers() { # until all their processes are gone; a bad end spoils the comparison
	local group
	for group in "${servers[@]}"; do
		wait "$group"
		[[ $? =~ ^(0|143)$ ]] || echo 'a server did not end well'
		wait_for 5 group_gone "$group" || kill -KILL -- "-$group"
	done
	servers=()
}
servers=() # the process groups, each led by the timeout that guards the server

group_gone() { ! kill -0 -- "-$1"; }

wait_for() { # SECONDS COMMAND...: until it succeeds
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || { echo "waited in vain for: $*" >&2; return 1; }
		sleep 0.05
	done
}

expect_loaded() { # PID...: a line that spoils the comparison if the process is not on our heap
	local pid
	[ "$mode" = preload ] || return 0
	for pid in "$@"; do
		wait_for 10 mapped_or_gone "$pid" || echo "the library is not mapped in process $pid"
	done
}

mapped_or_gone() { # PID: a server's child may have ended before anybody looks
	grep -qF "$lib" "/proc/$1/maps" || [ ! -e "/proc/$1" ]
}

children() { # PID: the pids of its children
	local file line state parent _
	for file in /proc/[0-9]*/stat; do
		read -r line <"$file" || continue
		# A name may hold spaces: what follows the last parenthesis is certain.
		read -r state parent _ <<<"${line##*) }"
		[ "$parent" = "$1" ] && echo "${line%% *}"
	done 2>/dev/null
}

free_port() { # a port nobody listens on now, below those that clients get: one of those may be taken at any time
	local port clients
	read -r clients _ </proc/sys/net/ipv4/ip_local_port_range
	while port=$((10000 + RANDOM % (clients - 10000))); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

digest() { sha256sum -- "$@"; } # of files: what a run prints in place of large outputs

once() { # MODE COMMAND...: one run in a new folder
	set_mode "$1"
	shift
	rm -rf "$scratch/run"
	mkdir "$scratch/run"
	(cd "$scratch/run" && "$@") </dev/null >"$scratch/$mode.out" 2>"$scratch/$mode.err"
	status=$?
}

# What tells of a crash that someone up the line, a shell or a server's master, may have made up for.
complaints='^libbuddymalloc:|^ERROR: ld\.so|^run: status|(exited on|terminated by) signal|exited unexpectedly'
complaints+='|Segmentation fault|Aborted|Bus error'

judge() { # what is wrong with the two runs, if anything, on stdout
	[ "$plain_status" -eq 0 ] || { echo "the plain run failed: status $plain_status"; tail -n 5 "$scratch/plain.err"; }
	[ "$status" -eq 0 ] || { echo "the run on our heap failed: status $status"; tail -n 5 "$scratch/preload.err"; }
	grep -ahE "$complaints" "$scratch/preload.err" "$scratch/preload.out" | head -n 5
	[ -s "$scratch/plain.out" ] || echo "the plain run printed nothing to compare"
	cmp -s "$scratch/plain.out" "$scratch/preload.out" ||
		diff -a "$scratch/plain.out" "$scratch/preload.out" | cut -c -200 | head -n 12
}

twice() { # NAME FUNCTION ARGS...: the function plain, then on our heap; one TAP line
	local name=$1 status plain_status wrong
	shift
	once plain "$@"
	plain_status=$status
	once preload "$@"
	wrong=$(judge | awk "!seen[\$0]++")
	[ -z "$wrong" ]
	ok $? "$name"
	[ -z "$wrong" ] || note <<<"$wrong" >&2 # where prove lets it through
}

same() { # NAME COMMAND...: the same for a single program
	twice "$1" run "${@:2}"
}

need() { # NAME COMMAND...: false, and a skip, if one of the commands is missing
	local name=$1 command
	shift
	for command in "$@"; do
		have "$command" || { skip "$name" "no $command"; return 1; }
	done
}
