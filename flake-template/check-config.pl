# Compares what was asked of a kernel configuration with what came out.
#   prune ASKED KNOWN          prints the lines of ASKED whose symbols the tree knows
#   check ASKED KNOWN CONFIG   fails, naming each symbol, unless CONFIG says what ASKED says
use strict;
use warnings;

my ($mode, $asked, $known_file, $config) = @ARGV;

sub lines { open my $in, '<', $_[0] or die "$_[0]: $!\n"; chomp(my @lines = <$in>); return @lines }

# (symbol, value) of a configuration line; n for "is not set"; nothing for other lines.
sub setting {
    my ($line) = @_;
    return ($1, $2) if $line =~ /^(CONFIG_\w+)=(.*?)\s*$/;
    return ($1, 'n') if $line =~ /^# (CONFIG_\w+) is not set\s*$/;
    return;
}

my %known = map { $_ => 1 } lines($known_file);

if ($mode eq 'prune') {
    for my $line (lines($asked)) {
        my ($symbol) = setting($line) or next;
        print "$line\n" if $known{$symbol};
    }
    exit 0;
}

my %got = map { setting($_) } lines($config);
my (%want, @order);
for my $line (lines($asked)) {
    my ($symbol, $value) = setting($line);
    if (!defined $symbol) {
        next if $line =~ /^\s*(#.*)?$/;
        print STDERR "kflake: kernel: config: not a configuration line: $line\n";
        exit 1;
    }
    push @order, $symbol unless exists $want{$symbol};
    $want{$symbol} = $value;
}
my @lost;
for my $symbol (@order) {
    my $got = $got{$symbol} // 'n';
    next if $got eq $want{$symbol};
    push @lost, "$symbol requested $want{$symbol}, " . ($known{$symbol} ? "got $got" : 'no such symbol in this kernel');
}
print STDERR "kflake: kernel: config: $_\n" for @lost;
exit(@lost ? 1 : 0);
