#!/usr/bin/perl
# accounting.pl: the kernel's own record of every process that ended in a PID namespace, acct(5), so that no death goes
# unseen, whoever swallowed its message.
# usage: accounting.pl on FILE | off         switch it, in this namespace
#        accounting.pl count FILE            how many processes ended
#        accounting.pl crashes FILE          those that a signal of a crash ended: "TIMES NAME SIGNAL"
use strict;
use warnings;
use Config;

my ($verb, $file) = @ARGV;
my $record_size = 64;    # of struct acct_v3
my %crashes = map { $_ => 1 } qw(ABRT SEGV BUS ILL FPE TRAP SYS);
my @names = split ' ', $Config{sig_name};

sub switch_to {
	my ($path) = @_;
	require 'sys/syscall.ph';
	exit(syscall(SYS_acct(), $path) == 0 ? 0 : 1);
}

sub records {
	my ($path) = @_;
	open my $from, '<:raw', $path or die "accounting.pl: $path: $!\n";
	my @records;
	while (read($from, my $bytes, $record_size) == $record_size) {
		my ($exit, $name) = unpack 'x4 V x40 Z16', $bytes;
		push @records, [$exit & 0x7f, $name];
	}
	return @records;
}

if ($verb eq 'on') {
	switch_to($file);
} elsif ($verb eq 'off') {
	switch_to(0);
} elsif ($verb eq 'count') {
	print scalar(records($file)), "\n";
} else {
	my %times;
	for my $record (records($file)) {
		my ($signal, $name) = @$record;
		$times{"$name $names[$signal]"}++ if $crashes{ $names[$signal] };
	}
	print "$times{$_} $_\n" for sort keys %times;
}
