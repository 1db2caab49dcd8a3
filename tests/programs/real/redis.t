#!/bin/bash
# redis.t: redis-server under redis-benchmark, then loaded with known data of every type. Its digest of all data must be
# the same on both heaps, also after a save by a forked child and a restart from that file.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

commands() { # known data, as inline commands
	awk 'BEGIN {
		srand(21)
		for (i = 0; i < 40000; i++) {
			print "SET key:" i % 15000, substr(sprintf("%0500d", i), 1 + int(rand() * 490))
			print "APPEND log:" i % 300, "entry" i ";"
			print "LPUSH list:" i % 50, i * 17; print "SADD set:" i % 70, int(rand() * 500), "member" i % 90
			print "ZADD zset:" i % 20, int(rand() * 1e6), "m" i % 3000
			print "HSET hash:" i % 400, "field" i % 37, i, "long" i % 11, sprintf("%090d", i)
			if (i % 5 == 0) print "DEL key:" int(rand() * 15000); else if (i % 5 == 1) print "RPOP list:" i % 50
			if (i % 7 == 0) print "XADD stream:" i % 9, i + 1 "-1", "n", i; else print "PFADD hll:" i % 5, i
			if (i % 11 == 0) print "SETRANGE range:" i % 40, int(rand() * 20000), "x" i; else print "INCRBY count:" i % 100, i
		}
		print "SUNIONSTORE all set:1 set:2 set:3"; print "ZUNIONSTORE zall 3 zset:1 zset:2 zset:3"
		print "SORT list:7 STORE sorted"; print "PFMERGE hll hll:0 hll:1 hll:2"; print "LTRIM list:3 10 40"
	}'
}
commands >"$scratch/commands"

cli() { run redis-cli -s "$PWD/redis.sock" "$@"; }

start() {
	serve redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --dir "$PWD" --daemonize no \
		--enable-debug-command local --appendonly no
	wait_for 10 redis-cli -s "$PWD/redis.sock" ping
	expect_loaded "$server"
}

load() {
	cli --pipe <"$scratch/commands" | tail -n 1
	cli dbsize
	cli lrange sorted 0 5
	cli pfcount hll # which stores the count: the digest comes after
	cli debug digest
	cli eval 'local s = 0 for i = 0, 399 do s = s + #redis.call("HVALS", "hash:" .. i) end return s' 0
}

session() {
	start
	# The benchmark draws its keys at random: that it ends well counts, then its data go.
	run redis-benchmark -s "$PWD/redis.sock" -q -n 30000 -c 20 -P 8 -r 20000 -d 300 \
		-t set,get,incr,lpush,rpop,sadd,hset,zadd,spop,lrange_100,mset >&2 || echo "benchmark failed: $?"
	cli flushall
	load
	cli debug reload
	cli debug digest
	cli bgsave
	wait_for 20 finished && test -s dump.rdb || echo 'no dump.rdb'
	cli bgrewriteaof
	wait_for 20 finished && test -s appendonlydir/*.base.rdb || echo 'no append-only file'
	cli shutdown nosave
	stop_servers
	start
	cli debug digest
	cli debug populate 50000 more 200
	cli flushall async
	cli dbsize
}

finished() { # neither forked child is at work
	redis-cli -s "$PWD/redis.sock" info persistence | tr -d '\r' >info
	grep -qx 'rdb_bgsave_in_progress:0' info && grep -qx 'aof_rewrite_in_progress:0' info &&
		grep -qx 'aof_rewrite_scheduled:0' info && grep -qx 'aof_last_bgrewrite_status:ok' info
}

need 'redis: benchmark, digest of known data, save, restart' redis-server redis-benchmark &&
	twice 'redis: benchmark, digest of known data, save, restart' session

done_testing
