#!/bin/bash
# perl.t: big hashes, strings that grow, regular expressions, sorting, deep structures.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.pl" <<'END'
use strict;
use warnings;
my $seed = 42;
sub next_random { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return $seed >> 8; }
sub checksum { my $sum = 0; $sum = ($sum * 31 + unpack('%32C*', $_)) & 0xffffffff for @_; return $sum; }

sub hashes {
	my (%seen, %lists);
	for my $i (1 .. 300_000) {
		my $key = 'key' . (next_random() % 100_000);
		$seen{$key} += $i;
		push @{ $lists{ substr $key, -2 } }, $key x (1 + $i % 5);
	}
	delete @seen{ grep { /7$/ } keys %seen };
	my @by_value = sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen;
	print scalar(@by_value), " $by_value[0] ", checksum(@by_value), "\n";
	print join(' ', map { "$_=" . checksum(@{ $lists{$_} }) } sort keys %lists), "\n";
}

sub strings {
	my $text = '';
	$text .= "entry $_: " . ('ab' x (next_random() % 40)) . "\n" for 1 .. 40_000;
	my %count;
	$count{ length $1 }++ while $text =~ /((?:ab){3,})$/mg;
	print join(' ', map { "$_:$count{$_}" } sort { $a <=> $b } keys %count), "\n";
	(my $changed = $text) =~ s/(\d+): (a?)(\w*)/length($3) . $2 . scalar reverse $1/ge;
	print length($changed), ' ', checksum($changed), ' ', checksum(split /\n/, $changed), "\n";
	print checksum(map { sprintf '%010d|%-20s', length, substr $_, 0, 20 } sort split /[:\n]/, $text), "\n";
}

sub tree { my $depth = shift; return $depth ? { l => tree($depth - 1), r => tree($depth - 1), v => [ 1 .. $depth ] } : undef; }
sub weigh { my $node = shift; return $node ? @{ $node->{v} } + weigh($node->{l}) + weigh($node->{r}) : 0; }

hashes();
strings();
print weigh(tree(15)), "\n" for 1 .. 3;
my @fields = map { [ split /,/, join ',', map { next_random() } 1 .. 8 ] } 1 .. 30_000;
print checksum(map { @$_ } sort { $a->[3] <=> $b->[3] || $a->[0] <=> $b->[0] } @fields), "\n";
for my $child (1 .. 8) {
	my $pid = open(my $from, '-|') // die "fork: $!";
	if (!$pid) { my %own = map { $_ => "$child" x 50 } 1 .. 20_000; print checksum(map { $own{$_} } 1 .. 20_000); exit 0; }
	print "child $child: ", <$from>, "\n";
}
END
same 'perl: hashes, strings, regular expressions, sorting, fork' perl "$scratch/work.pl"

done_testing
