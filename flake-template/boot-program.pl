# boot-program.pl ELF.pl PROGRAM BITS ENDIAN MACHINE WHAT ARGUMENTS OUT: checks that PROGRAM can run alone in an initramfs, and writes its
# arguments, from a JSON list, as strings that end in a zero byte.
use strict;
use warnings;
use JSON::PP;

my ($reader, $program, $bits, $endian, $machine, $what, $arguments, $out) = @ARGV;
require $reader;

sub fail { print STDERR "kflake: boot: $_[0]: $_[1]\n"; exit 1 }

my $elf = Elf::read_file($program) or fail('not-elf', "$what is not an ELF program, or is cut short");
my $is = "$elf->{bits}-bit $elf->{endian}-endian machine $elf->{machine}";
my $want = "$bits-bit $endian-endian machine $machine";
fail('wrong-machine', "$what is for a $is, and the kernel runs on a $want") if $is ne $want;
fail('not-static', "$what needs $elf->{interpreter}, which is not in the initramfs: link it with -static") if defined $elf->{interpreter};
fail('not-elf', "$what is not a program (ELF type $elf->{type})") unless $elf->{type} == 2 || $elf->{type} == 3;

open my $to, '>:raw', $out or die "$out: $!\n";
print $to $what, "\0";
for my $argument (@{ JSON::PP->new->utf8->decode($arguments) }) {
    utf8::encode(my $bytes = $argument);
    print $to $bytes, "\0";
}
close $to or die "$out: $!\n";
