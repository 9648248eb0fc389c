#!/usr/bin/env perl
# conf.pl SRC BEHAVIOUR ASKED: a configuration with the symbols of SRC/Kconfig as ASKED has them, off otherwise.
use strict;
use warnings;
my ($src, $behaviour, $asked) = @ARGV;
my %value;
if (defined $asked) {
    open my $in, '<', $asked or die "$asked: $!\n";
    while (<$in>) { $value{$1} = $2 if /^CONFIG_(\w+)=(.*)$/; delete $value{$1} if /^# CONFIG_(\w+) is not set/ }
}
delete $value{PRINTK} if $behaviour eq 'lost-symbol';
open my $in, '<', "$src/Kconfig" or die "$src/Kconfig: $!\n";
while (<$in>) {
    next unless /^config (\w+)/;
    print exists $value{$1} ? "CONFIG_$1=$value{$1}\n" : "# CONFIG_$1 is not set\n";
}
# As kernels from 5.15 on keep the version of a host's tool, whether or not they use it.
my $pahole = $ENV{PAHOLE} // 'pahole';
print 'CONFIG_PAHOLE_VERSION=', (grep { -x "$_/$pahole" } split /:/, $ENV{PATH}) ? 124 : 0, "\n";
