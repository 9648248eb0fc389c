# Reads ELF files, without any tool of binutils: of any class, byte order and machine. `require`d by the checks.
package Elf;
use strict;
use warnings;

# { bits, endian, machine, type, sections => { name => { offset, size, type } }, interpreter, needed => [names], soname, data }
# of a file; undef when it is not ELF or is cut short.
sub read_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or return;
    local $/;
    my $data = <$in> // '';
    return unless length $data >= 52 && substr($data, 0, 4) eq "\x7fELF";
    my ($class, $order) = unpack 'x4 C C', $data;
    return unless ($class == 1 || $class == 2) && ($order == 1 || $order == 2);
    my $end = $order == 1 ? '<' : '>';
    my ($half, $word, $wide) = ("S$end", "L$end", $class == 2 ? "Q$end" : "L$end");
    my %elf = (bits => $class * 32, endian => $order == 1 ? 'little' : 'big', data => $data, half => $half, word => $word, wide => $wide);
    @elf{qw(type machine)} = unpack "x16 $half $half", $data;
    my ($shoff, $shentsize, $shnum, $shstrndx) =
        $class == 2 ? unpack("x40 $wide x10 $half $half $half", $data) : unpack("x32 $wide x10 $half $half $half", $data);
    my ($phoff, $phentsize, $phnum) =
        $class == 2 ? unpack("x32 $wide x14 $half $half", $data) : unpack("x28 $wide x10 $half $half", $data);
    return unless $shoff + $shentsize * $shnum <= length $data && $phoff + $phentsize * $phnum <= length $data;
    my @raw;
    for my $index (0 .. $shnum - 1) {
        my $header = substr $data, $shoff + $index * $shentsize, $shentsize;
        my ($name, $type, $flags, $address, $offset, $size, $link) = unpack "$word $word $wide $wide $wide $wide $word", $header;
        push @raw, { name => $name, type => $type, offset => $offset, size => $size, link => $link };
    }
    my $names = $raw[$shstrndx];
    $elf{sections} = {};
    for my $section (@raw) {
        # NOBITS has no bytes in the file
        next if $section->{type} != 8 && $section->{offset} + $section->{size} > length $data;
        my $name = $names ? string_at($data, $names->{offset} + $section->{name}) : '';
        $elf{sections}{$name} //= $section;
    }
    $elf{raw} = \@raw;
    my (@load, $dynamic);
    $elf{needed} = [];
    for my $index (0 .. $phnum - 1) {
        my $header = substr $data, $phoff + $index * $phentsize, $phentsize;
        my ($type, $offset, $address, $filesz) =
            $class == 2 ? (unpack "$word $word $wide $wide $wide $wide", $header)[0, 2, 3, 5] : (unpack "$word $wide $wide $wide $wide", $header)[0, 1, 2, 4];
        next if $offset + $filesz > length $data;
        push @load, [$address, $filesz, $offset] if $type == 1;
        $dynamic = [$offset, $filesz] if $type == 2;
        $elf{interpreter} = string_at($data, $offset) if $type == 3;
    }
    read_dynamic(\%elf, $dynamic, \@load) if $dynamic;
    return \%elf;
}

sub string_at {
    my ($data, $offset) = @_;
    return '' if $offset >= length $data;
    my $end = index $data, "\0", $offset;
    return $end < 0 ? '' : substr $data, $offset, $end - $offset;
}

sub read_dynamic {
    my ($elf, $dynamic, $load) = @_;
    my @entries = unpack "($elf->{wide})*", substr $elf->{data}, $dynamic->[0], $dynamic->[1];
    my (@named, $strings);
    while (@entries > 1) {
        my ($tag, $value) = splice @entries, 0, 2;
        last if $tag == 0;
        $strings = $value if $tag == 5;
        push @named, [$tag, $value] if $tag == 1 || $tag == 14 || $tag == 15 || $tag == 29;
    }
    return unless defined $strings;
    my ($segment) = grep { $strings >= $_->[0] && $strings < $_->[0] + $_->[1] } @$load;
    return unless $segment;
    my $base = $strings - $segment->[0] + $segment->[2];
    for my $entry (@named) {
        my ($tag, $text) = ($entry->[0], string_at($elf->{data}, $base + $entry->[1]));
        if ($tag == 1) { push @{ $elf->{needed} }, $text }
        elsif ($tag == 14) { $elf->{soname} = $text }
        else { $elf->{rpath} = $text }
    }
}

# The bytes of a section; undef where there is none.
sub section {
    my ($elf, $name) = @_;
    my $section = $elf->{sections}{$name} or return;
    return $section->{type} == 8 ? '' : substr $elf->{data}, $section->{offset}, $section->{size};
}

# Names of the symbols that a file leaves undefined.
sub undefined_symbols {
    my ($elf) = @_;
    my $table = $elf->{sections}{'.symtab'} or return;
    my $strings = $elf->{raw}[$table->{link}] or return;
    my $entry = $elf->{bits} == 64 ? 24 : 16;
    my @names;
    for (my $at = $entry; $at + $entry <= $table->{size}; $at += $entry) {
        my $raw = substr $elf->{data}, $table->{offset} + $at, $entry;
        my ($name, $info, $shndx) =
            $elf->{bits} == 64 ? (unpack "$elf->{word} C C $elf->{half}", $raw)[0, 1, 3] : (unpack "$elf->{word} $elf->{wide} $elf->{wide} C C $elf->{half}", $raw)[0, 3, 5];
        # what is weak may stay undefined
        next if $shndx != 0 || !$name || $info >> 4 == 2;
        push @names, string_at($elf->{data}, $strings->{offset} + $name);
    }
    return @names;
}

1;
