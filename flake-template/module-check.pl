# Checks modules against the kernel they were built for, and says what they are.
#   module-check.pl ELF_PL DEV VERMAGIC BITS ENDIAN MACHINE OUT MODULE...
# VERMAGIC is what the kernel's own headers say; empty where they could not be asked, and then the release and the flags of the
# configuration are what is compared. Writes OUT (JSON), prints a line per module, and fails on the first that does not fit.
use strict;
use warnings;
use JSON::PP;

my ($elf_pl, $dev, $vermagic, $bits, $endian, $machine, $out, @modules) = @ARGV;
require $elf_pl;

sub fail { my ($class, $message) = @_; print STDERR "kflake: module: $class: $message\n"; exit 1 }
sub slurp { my ($file) = @_; open my $in, '<', $file or return; local $/; return scalar <$in> }
# Text of a module's author, fit for a log.
sub plain { my ($text) = @_; $text =~ s/[^\x20-\x7e]/?/g; return substr $text, 0, 200 }

my $config = slurp("$dev/.config") // fail('no-kernel', 'the kernel has no configuration');
my %on = map { $_ => 1 } $config =~ /^CONFIG_(\w+)=y$/mg;
my $release = slurp("$dev/release") // fail('no-kernel', 'the kernel has no release');
chomp $release;
my $versioned = $on{MODVERSIONS};

# What the headers write into a module's vermagic, as far as the configuration decides it.
my @flags = grep { defined } $on{SMP} ? 'SMP' : undef, $on{PREEMPT_RT} ? 'preempt_rt' : ($on{PREEMPT_BUILD} || $on{PREEMPT}) ? 'preempt' : undef,
    $on{MODULE_UNLOAD} ? 'mod_unload' : undef, $versioned ? 'modversions' : undef;

# symbol => crc, as the kernel exports it
my %exported;
my $symvers = slurp("$dev/Module.symvers");
if (defined $symvers) {
    for my $line (split /\n/, $symvers) {
        my ($crc, $symbol) = split /\t/, $line;
        $exported{$symbol} = hex $crc if defined $symbol;
    }
}

my @report;
for my $file (@modules) {
    my ($name) = $file =~ m{([^/]+)$};
    my $elf = Elf::read_file($file) or fail('not-elf', "$name is not an ELF file");
    my $is = "$elf->{bits}-bit $elf->{endian}-endian machine $elf->{machine}";
    my $should = "$bits-bit $endian-endian machine $machine";
    fail('wrong-machine', "$name is $is, expected $should") if $is ne $should;

    my %info;
    for my $pair (split /\0+/, Elf::section($elf, '.modinfo') // fail('no-modinfo', "$name has no .modinfo section: it is not a module")) {
        my ($key, $value) = split /=/, $pair, 2;
        push @{ $info{$key} }, $value if defined $value;
    }
    my $got = $info{vermagic}[0] // fail('no-modinfo', "$name has no vermagic");
    $got =~ s/\s+$//;
    (my $want = $vermagic) =~ s/\s+$//;
    if ($want ne '') {
        fail('wrong-vermagic', "$name was built for `" . plain($got) . "`, the kernel is `$want`") if $got ne $want;
    }
    else {
        my @words = split / /, $got;
        my $for = shift @words // '';
        fail('wrong-vermagic', "$name was built for " . plain($for) . ", the kernel is $release") if $for ne $release;
        my %has = map { $_ => 1 } @words;
        for my $flag (qw(SMP preempt preempt_rt mod_unload modversions)) {
            my $wanted = grep { $_ eq $flag } @flags;
            fail('wrong-vermagic', "$name was built for `" . plain($got) . "`, the kernel is " . ($wanted ? '' : 'not ') . $flag) if !!$wanted != !!$has{$flag};
        }
    }

    my $versions = Elf::section($elf, '__versions');
    my %crc;
    if (defined $versions) {
        my $long = $elf->{bits} == 64 ? 8 : 4;
        fail('bad-versions', "$name has a __versions section of " . length($versions) . ' bytes') if length($versions) % 64;
        for my $entry (unpack '(a64)*', $versions) {
            my ($crc, $symbol) = unpack "$elf->{wide} Z*", $entry;
            $crc{$symbol} = $crc & 0xffffffff;
        }
    }
    if ($versioned) {
        fail('no-versions', "$name has no __versions, and the kernel has CONFIG_MODVERSIONS") unless %crc;
        for my $symbol (sort keys %crc) {
            my $want = $exported{$symbol};
            # the module's own symbols and those of modules built with it are not the kernel's
            next if !defined $want;
            fail('wrong-version', sprintf '%s wants %s with version 0x%08x, the kernel has 0x%08x', $name, plain($symbol), $crc{$symbol}, $want) if $crc{$symbol} != $want;
        }
    }
    elsif (%crc) { fail('wrong-version', "$name has versioned symbols, and the kernel has no CONFIG_MODVERSIONS") }

    my @undefined = Elf::undefined_symbols($elf);
    my @not_exported = defined $symvers ? grep { !exists $exported{$_} } @undefined : ();
    my @depends = grep { $_ ne '' } split /,/, $info{depends}[0] // '';
    my $licence = $info{license}[0];
    fail('no-licence', "$name names no licence") unless defined $licence;
    push @report, {
        name => $name, vermagic => $got, licence => join(', ', @{ $info{license} }), depends => \@depends,
        description => $info{description}[0], version => $info{version}[0], versioned_symbols => scalar keys %crc,
        undefined_symbols => scalar @undefined,
        # null: the kernel was only prepared, so what it exports is not known
        unresolved => defined $symvers ? \@not_exported : undef,
        alias => $info{alias} // [],
    };
    my $checked = %crc ? scalar(keys %crc) . ' symbol versions agree' : defined $symvers ? scalar(@undefined) . ' symbols from the kernel' : 'symbols not checked: the kernel was only prepared';
    print plain("$name: vermagic `$got`, licence $report[-1]{licence}, depends on " . (@depends ? join(' ', @depends) : 'nothing') . ", $checked") . "\n";
}
open my $json, '>', $out or fail('write', "$out: $!");
print {$json} JSON::PP->new->canonical->pretty->encode({ schema_version => 1, release => $release, versioned => $versioned ? JSON::PP::true : JSON::PP::false, modules => \@report });
close $json or fail('write', "$out: $!");
