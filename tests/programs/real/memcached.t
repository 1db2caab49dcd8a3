#!/bin/bash
# memcached.t: memcached under memcslap, then clients that store known values and verify every one of them;
# a second, small server must evict and still never answer with a wrong value.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/client.pl" <<'END'
use strict;
use warnings;
use IO::Socket::INET;
my ($port, $keys, $largest) = @ARGV;

sub value { my ($key, $round) = @_; my $size = ($key * 7919 + $round * 104729) % $largest; return substr("$key/$round;" x ($size / 4 + 1), 0, $size); }

sub say_to { my ($server, $text) = @_; print $server $text; my $line = <$server>; $line =~ s/\r\n//; return $line; }

sub fetch {
	my ($server, $key) = @_;
	my $head = say_to($server, "get key$key\r\n");
	return undef if $head eq 'END';
	my (undef, undef, undef, $size) = split / /, $head;
	read $server, my $data, $size + 2;
	<$server>;
	return substr $data, 0, $size;
}

sub client {
	my ($number) = @_;
	my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "connect: $!";
	my ($stored, $found, $wrong, $bytes) = (0, 0, 0, 0);
	my %round;
	for my $step (0 .. 3 * $keys - 1) {
		my $key = $number * 1_000_000 + ($step * 31) % $keys;
		$round{$key} = $step;
		my $data = value($key, $step);
		$stored++ if say_to($server, "set key$key 0 0 " . length($data) . "\r\n$data\r\n") eq 'STORED';
		if ($step % 10 == 3) { say_to($server, "delete key$key\r\n"); delete $round{$key}; }
	}
	for my $key (sort { $a <=> $b } keys %round) {
		my $data = fetch($server, $key);
		next unless defined $data;
		$found++;
		$bytes += length $data;
		$wrong++ if $data ne value($key, $round{$key});
	}
	return "client $number: stored $stored found $found bytes $bytes wrong $wrong\n";
}

my @from = map { my $n = $_; my $pid = open(my $pipe, '-|') // die; if (!$pid) { print client($n); exit 0; } $pipe } 0 .. 3;
for my $pipe (@from) { print <$pipe>; close $pipe or die "a client failed: $?"; }
END

start() { # MEGABYTES
	port=$(free_port)
	serve memcached -l 127.0.0.1 -p "$port" -U 0 -m "$1" -t 4 -u "$(id -un)"
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
	expect_loaded "$server"
}

session() {
	start 512
	run memcslap --servers="127.0.0.1:$port" --concurrency=8 --execute-number=4000 --test=set >&2 || echo 'memcslap set failed'
	run memcslap --servers="127.0.0.1:$port" --concurrency=8 --execute-number=4000 --test=get >&2 || echo 'memcslap get failed'
	run perl "$scratch/client.pl" "$port" 2500 8000
	run perl "$scratch/client.pl" "$port" 40 900000
}
need 'memcached: load, then every value verified' memcached memcslap &&
	twice 'memcached: load, then every value verified' session

evict() { # which values are evicted is chance, as four clients write at once; what is found must be right
	start 8
	run perl "$scratch/client.pl" "$port" 2500 8000 | sed 's/found [0-9]* bytes [0-9]* //'
}
need 'memcached: no wrong value under eviction' memcached &&
	twice 'memcached: no wrong value under eviction' evict

done_testing
