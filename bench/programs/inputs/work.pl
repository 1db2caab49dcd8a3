# work.pl: hashes, arrays of arrays, strings built and cut, a sort. usage: work.pl COUNT
use strict;
use warnings;

my $count = shift;
my $seed = 7;
sub random { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $_[0]; }

my (%words, %length, @rows);
for my $i (1 .. $count) {
	my $word = sprintf '%x-%d', random($count), $i % 31;
	push @{ $words{$word} }, $i;
	$length{ length $word }++;
	delete $words{$word} if random(4) == 0;
}
print join(' ', scalar(keys %words), map { "$_=$length{$_}" } sort { $a <=> $b } keys %length), "\n";

for my $i (1 .. $count / 5) {
	push @rows, { id => $i, name => 'x' x random(120), list => [ map { random(1000) } 1 .. random(8) ] };
	splice @rows, 0, $count / 20 if @rows > $count / 10;
}
my @sorted = sort { $a->{name} cmp $b->{name} || $a->{id} <=> $b->{id} } @rows;
print scalar(@sorted), " $sorted[0]{id} $sorted[-1]{id}\n";

my $text = join ' ', map { random(100000) } 1 .. $count / 2;
(my $changed = $text) =~ s/(\d)(\d+)/$2$1/g;
my %seen;
$seen{$_}++ for split / /, $changed;
print length $changed, ' ', scalar(keys %seen), "\n";
