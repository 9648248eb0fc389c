# Checks modules against the kernel they were built for, and says what they are.
#   module-check.pl ELF_PL DEV VERMAGIC BITS ENDIAN MACHINE OUT SOURCE PLACES MODULE...
# VERMAGIC is what the kernel's own headers say; empty where they could not be asked, and then the release and the flags of the
# configuration are what is compared. SOURCE is the kernel's source, which is asked for exports where the kernel was only prepared. PLACES
# has a line per module: its path, name and the folder to install it under, split by tabs. Writes OUT (JSON), prints a line per module, and fails on the first that does not fit.
use strict;
use warnings;
use JSON::PP;

my ($elf_pl, $dev, $vermagic, $bits, $endian, $machine, $out, $source, $places, @modules) = @ARGV;
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

# symbol => { crc, gpl, namespace } of a Module.symvers; the order of its fields changed more than once
sub symvers {
    my ($text) = @_;
    my %found;
    for my $line (split /\n/, $text) {
        my ($crc, $symbol, @rest) = split /\t/, $line, -1;
        next unless defined $symbol && $crc =~ /^0x[0-9a-f]+$/i;
        # module and type, then a namespace; in 5.4 the namespace came first
        my $namespace = ($rest[1] // '') =~ /^EXPORT_/ ? $rest[2] : @rest > 2 ? shift @rest : undef;
        $namespace = undef if defined $namespace && $namespace eq '';
        $found{$symbol} = { crc => hex $crc, gpl => scalar(($rest[1] // '') =~ /GPL/), namespace => $namespace };
    }
    return %found;
}

# What of the symbols the kernel's source exports: the same without a crc.
sub exports_in_source {
    my %found = plain_exports(@_);
    my @others = grep { !$found{$_} } @_;
    return (%found, macro_exports(@others));
}

# The folders of the source that the kernel may be made of. Of arch/ it is its own; arm64 takes Xen's part of arm's.
sub searched {
    my $own = $ENV{linuxArch} // '';
    return $source unless $own ne '' && -d "$source/arch/$own";
    opendir my $folder, $source or fail('no-kernel', "$source cannot be searched: $!");
    my @folders = sort grep { !/^(?:\.\.?|arch|Documentation|scripts|tools)$/ } readdir $folder;
    push @folders, "arch/$own", $own eq 'arm64' ? 'arch/arm/xen' : ();
    return grep { -d } map { "$source/$_" } @folders;
}

# Those whose name stands where it is exported.
sub plain_exports {
    my %wanted = map { /^__tracepoint_(.+)$/ ? ($1 => $_) : ($_ => $_) } @_;
    my %found;
    return %found unless %wanted && -d $source;
    my $names = join '|', map { quotemeta } sort keys %wanted;
    open my $grep, '-|', 'grep', '-rHoE', '--include=*.[chS]', "EXPORT_[A-Z_]*\\([[:space:]]*($names)[[:space:]]*[,)][^;]*", searched()
        or fail('no-kernel', "$source cannot be searched: $!");
    while (my $line = <$grep>) {
        my ($file, $macro, $name, $rest) = $line =~ /^(.*?):(EXPORT\w*)\(\s*(\w+)\s*(.*)/ or next;
        my $namespace = $macro =~ /_NS/ && $rest =~ /^,\s*"?(\w+)/ ? $1
            : $macro =~ /_FOR_MODULES/ && $rest =~ /^,\s*"([^"]*)"/ ? "module:$1"
            : default_namespace($file);
        # exported in one way by any of several is exported in that way
        my $known = $found{ $wanted{$name} };
        my $gpl = $macro =~ /GPL|_FOR_MODULES/ && !($known && !$known->{gpl});
        $namespace = undef if $known && !defined $known->{namespace};
        $found{ $wanted{$name} } = { gpl => $gpl, namespace => $namespace };
    }
    close $grep;
    return %found;
}

# Those that a macro exports, which is given the name or puts it together, and is used in its own file.
sub macro_exports {
    my %wanted = map { $_ => 1 } @_;
    my %found;
    return %found unless %wanted && -d $source;
    open my $grep, '-|', 'grep', '-rlE', '--include=*.[ch]', 'EXPORT_SYMBOL[A-Z_]*[(]', searched() or fail('no-kernel', "$source cannot be searched: $!");
    chomp(my @files = <$grep>);
    close $grep;
    for my $file (@files) {
        my $text = slurp($file) // next;
        $text =~ s/\\\n/ /g;
        my %macros;
        while ($text =~ /^#\s*define\s+(\w+)\(([^)]*)\)(.*)$/mg) {
            my ($name, $parameters, $body) = ($1, $2, $3);
            # how, what, and of some a namespace
            my @exports = $body =~ /\b(EXPORT_SYMBOL\w*)\(\s*([^,)]+?)\s*(?:,\s*([^)]*?)\s*)?\)/g or next;
            $macros{$name} = { parameters => [ split /\s*,\s*/, trimmed($parameters) ], exports => \@exports };
        }
        next unless %macros;
        my $names = join '|', map { quotemeta } keys %macros;
        while ($text =~ /^[ \t]*($names)\(([^()]*(?:\([^()]*\)[^()]*)*)\)/mg) {
            my ($macro, @values) = ($macros{$1}, split /\s*,\s*/, trimmed($2));
            my %value;
            @value{ @{ $macro->{parameters} } } = @values;
            my @exports = @{ $macro->{exports} };
            while (my ($how, $symbol, $namespace) = splice @exports, 0, 3) {
                for ($symbol, grep { defined } $namespace) {
                    s/(\w+)/$value{$1} \/\/ $1/ge;
                    s/\s*#+\s*|"//g;
                }
                $namespace = default_namespace($file) unless $how =~ /_NS/;
                $found{$symbol} = { gpl => scalar($how =~ /GPL/), namespace => $namespace } if $wanted{$symbol};
            }
        }
    }
    return %found;
}
sub trimmed { my ($text) = @_; $text =~ s/^\s+|\s+$//g; return $text }

# What a file or the makefile beside it says about all that the file exports.
sub default_namespace {
    my ($file) = @_;
    (my $makefile = $file) =~ s{[^/]+$}{Makefile};
    return $1 if (slurp($file) // '') =~ /^#\s*define\s+DEFAULT_SYMBOL_NAMESPACE\s+"?(\w+)/m;
    return $1 if (slurp($makefile) // '') =~ /^(?:ccflags-y|subdir-ccflags-y)\s*[+:]?=.*-DDEFAULT_SYMBOL_NAMESPACE=['"\\]*(\w+)/m;
    return undef;
}

# Whether the kernel lets a module have what it exports into $namespace; `module:kvm,kvm-*` names the modules that may, and none can import it.
sub may_use {
    my ($namespace, $module, $imported) = @_;
    return $imported->{$namespace} unless $namespace =~ s/^module://;
    (my $is = $module) =~ s/\.ko$//;
    $is =~ tr/-/_/;
    return scalar grep { /^(.*)\*$/ ? index($is, $1) == 0 : $is eq $_ } map { tr/-/_/r } split /,/, $namespace;
}

my $symvers = slurp("$dev/Module.symvers");
my %exported = defined $symvers ? symvers($symvers) : ();
# What other modules export: those of this build, and those that were named.
my %of_modules = map { symvers(slurp($_) // '') } split(/ /, $ENV{extraSymbols} // ''), grep { -f } "$ENV{NIX_BUILD_TOP}/exported.symvers";

my %destination;
for my $line (split /\n/, slurp($places) // '') {
    my (undef, $name, $folder) = split /\t/, $line, -1;
    $destination{$name} = $folder if defined $folder && $folder ne '';
}
my %gpl_compatible = map { $_ => 1 } 'GPL', 'GPL v2', 'GPL and additional rights', 'Dual BSD/GPL', 'Dual MIT/GPL', 'Dual MPL/GPL';
# What the linker makes up.
my $linkers = qr/^(?:_GLOBAL_OFFSET_TABLE_|\.?TOC\.|_gp|_gp_disp|__gnu_local_gp|__this_module)$/;

# Asked for all modules at once: the source is large.
my %in_source = defined $symvers ? () : exports_in_source(
    grep { !/$linkers/ && !$of_modules{$_} } map { Elf::undefined_symbols($_) } grep { $_ } map { Elf::read_file($_) } @modules
);

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
            my $want = $exported{$symbol} && $exported{$symbol}{crc};
            # the module's own symbols and those of modules built with it are not the kernel's
            next if !defined $want;
            fail('wrong-version', sprintf '%s wants %s with version 0x%08x, the kernel has 0x%08x', $name, plain($symbol), $crc{$symbol}, $want) if $crc{$symbol} != $want;
        }
    }
    elsif (%crc) { fail('wrong-version', "$name has versioned symbols, and the kernel has no CONFIG_MODVERSIONS") }

    my @undefined = grep { !/$linkers/ } Elf::undefined_symbols($elf);
    my %known = (%of_modules, defined $symvers ? %exported : %in_source);
    my @unresolved = sort grep { !$known{$_} } @undefined;
    my @depends = grep { $_ ne '' } split /,/, $info{depends}[0] // '';
    my $licence = $info{license}[0];
    fail('no-licence', "$name names no licence") unless defined $licence;
    my $free = !grep { !$gpl_compatible{$_} } @{ $info{license} };
    my @gpl_only = $free ? () : sort grep { $known{$_} && $known{$_}{gpl} } @undefined;
    my %imported = map { $_ => 1 } @{ $info{import_ns} // [] };
    my @outside = sort grep { $known{$_} && defined $known{$_}{namespace} && !may_use($known{$_}{namespace}, $name, \%imported) } @undefined;
    push @report, {
        name => $name, destination => $destination{$name}, vermagic => $got, licence => join(', ', @{ $info{license} }), depends => \@depends,
        description => $info{description}[0], version => $info{version}[0], versioned_symbols => scalar keys %crc,
        undefined_symbols => scalar @undefined,
        # how it is known what the kernel exports: as it was built, or, where it was only prepared, as its source has it
        exports_from => defined $symvers ? 'kernel' : 'source',
        unresolved => \@unresolved, gpl_only => \@gpl_only,
        not_imported => [map { { symbol => $_, namespace => $known{$_}{namespace} } } @outside],
        alias => $info{alias} // [],
    };
    my $checked = %crc ? scalar(keys %crc) . ' symbol versions agree' : scalar(@undefined) . ' symbols from outside';
    print plain("$name: vermagic `$got`, licence $report[-1]{licence}, depends on " . (@depends ? join(' ', @depends) : 'nothing') . ", $checked") . "\n";
}
open my $json, '>', $out or fail('write', "$out: $!");
print {$json} JSON::PP->new->canonical->pretty->encode({ schema_version => 1, release => $release, versioned => $versioned ? JSON::PP::true : JSON::PP::false, modules => \@report });
close $json or fail('write', "$out: $!");
