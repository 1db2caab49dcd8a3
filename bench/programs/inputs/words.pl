# words.pl: counts the words of a text, by word, by length and by first letters, line after line. usage: words.pl COUNT
use strict;
use warnings;

my $count = shift;
my $seed = 3;
sub random { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $_[0]; }

# Few words are common and many rare: a number drawn below one drawn at random.
sub word {
	my $number = random(1 + random(1 + random($count)));
	return ('a' .. 'z')[ $number % 26 ] . sprintf('%s%x', 'lo' x ($number % 7), $number);
}

my (%seen, %length, %lines);
for my $line (1 .. $count / 10) {
	my $text = join ' ', map { word() } 1 .. 10;
	for my $word (split ' ', $text) {
		$seen{$word}++;
		$length{ length $word }++;
		push @{ $lines{ substr $word, 0, 3 } }, $line;
	}
}
my @common = sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen;
print scalar(@common), " different\n";
print "$_ $seen{$_}\n" for @common[ 0 .. 9 ];
print join(' ', map { "$_=$length{$_}" } sort { $a <=> $b } keys %length), "\n";
print scalar(keys %lines), ' ', scalar(map { @$_ } values %lines), "\n";
