#!/usr/bin/perl
# prove.pl: prove, which also says at its end what was skipped and why, and repeats on stderr each check that failed, with
# what the test said of it. Takes prove's arguments. With BM_TALLY=FILE it appends to FILE, for check.sh, lines of
#	count PASSED FAILED SKIPPED
#	skip NAME<tab>REASON
use strict;
use warnings;

package Telling;
use parent 'TAP::Harness';
$INC{'Telling.pm'} = __FILE__; # for prove, which loads its harness by name

my %seen; # of each test program: what it skipped, as [NAME, REASON], and the lines about checks that failed

sub new {
	my $self = shift->SUPER::new(@_);
	$self->callback(made_parser => sub { my ($parser, $job) = @_; watch($parser, $job->[1]) });
	return $self;
}

sub watch { # PARSER PROGRAM
	my ($parser, $program) = @_;
	my $seen = $seen{$program} = {skips => [], said => []};
	my $failing;
	my $skip = sub { push @{$seen->{skips}}, [$_[0] =~ s/^- //r, $_[1]] };
	$parser->callback(plan => sub { $skip->($program, $_[0]->explanation) if $_[0]->has_skip });
	$parser->callback(test => sub {
		my $test = shift;
		$failing = !$test->is_ok;
		push @{$seen->{said}}, $test->as_string if $failing;
		$skip->($test->description, $test->explanation) if $test->has_skip;
	});
	$parser->callback(comment => sub {
		my $line = shift->as_string;
		push @{$seen->{said}}, $line if $failing;
		# A shell test that runs a program of many checks as one has the program's skips as comments.
		$skip->("$1", "$2") if $line =~ /^#\s*ok \d+ (.*?) # SKIP (.*)/;
	});
}

sub numbers { # PARSER SEEN: passed, failed, skipped; a program that ends badly is a failure, whatever it printed
	my ($parser, $seen) = @_;
	my $failed = () = $parser->failed;
	my $skipped = () = $parser->skipped;
	my $passed = () = $parser->passed;
	$failed ||= $parser->has_problems ? 1 : 0;
	return ($passed - $skipped, $failed, scalar @{$seen->{skips}});
}

sub summary {
	my ($self, $aggregate, @rest) = @_;
	$self->SUPER::summary($aggregate, @rest);
	my @sum = (0, 0, 0);
	my @skips;
	for my $program ($aggregate->descriptions) {
		my ($parser) = $aggregate->parsers($program);
		my ($seen, @numbers) = ($seen{$program}, numbers($parser, $seen{$program}));
		$sum[$_] += $numbers[$_] for 0 .. 2;
		push @skips, @{$seen->{skips}};
		print STDERR map { "$_\n" } "$program:", @{$seen->{said}} if @{$seen->{said}};
	}
	print "Skipped: $_->[0]: $_->[1]\n" for @skips;
	tally("count @sum", map { "skip $_->[0]\t$_->[1]" } @skips) if $ENV{BM_TALLY};
}

sub tally { # LINE...
	open my $file, '>>', $ENV{BM_TALLY} or die "$ENV{BM_TALLY}: $!\n";
	print $file map { "$_\n" } @_;
}

package main;
use App::Prove;

# make -j has a job server, which the makes that a test calls are not part of.
$ENV{MAKEFLAGS} =~ s/(^| )(-j\d*|--jobserver-[a-z]+=\S*)//g if $ENV{MAKEFLAGS};

my $prove = App::Prove->new;
$prove->process_args('--harness=Telling', @ARGV);
exit($prove->run ? 0 : 1);
