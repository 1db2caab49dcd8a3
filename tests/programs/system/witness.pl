#!/usr/bin/perl
# witness.pl: looks twice a second at the memory maps of all processes of a root folder, until it is told to end; then
# writes what it saw: "loaded N", how many had the library, and for each that has a dynamic loader but not
# the library, "bare PATH". A process may be seen while it is still being loaded: it is bare if it is at the second look.
# usage: witness.pl ROOT FILE
use strict;
use warnings;

my ($root, $file) = @ARGV;
my (%loaded, %bare, %doubtful, $done);
$SIG{TERM} = sub { $done = 1 };

sub maps_of {
	my ($pid) = @_;
	open my $from, '<', "$root/proc/$pid/maps" or return '';
	local $/;
	return <$from> // '';
}

sub look_at {
	my ($pid) = @_;
	my $program = readlink "$root/proc/$pid/exe" or return;    # a zombie, or gone
	return unless index($program, "$root/") == 0;              # one of those who watch
	my $maps = maps_of($pid);
	return unless $maps =~ m{/ld-linux};                       # static, or gone
	my $who = "$pid " . substr($program, length $root);
	if ($maps =~ m{/libbuddymalloc\.so}) {
		$loaded{$who} = 1;
	} elsif ($doubtful{$who}++) {
		$bare{$who} = 1;
	}
}

until ($done) {
	opendir my $processes, "$root/proc" or last;
	look_at($_) for grep { /^\d+$/ } readdir $processes;
	select undef, undef, undef, 0.5;
}
open my $to, '>', $file or die "witness.pl: $file: $!\n";
print $to 'loaded ', scalar(keys %loaded), "\n";
print $to 'bare ', (split / /, $_, 2)[1], "\n" for sort keys %bare;
