# Kernel configurations inside a build: merges what was asked for, and afterwards explains what did not come out.
#
#   merge  SPEC OUT BASE   writes the settings of every fragment of SPEC, in order, without those the tree does not know, and to
#                          BASE those of its base
#   report SPEC CONFIG DIR compares CONFIG with SPEC; writes DIR/config-report.json and DIR/config-report.txt
#   files  SPEC CONFIG     fails if CONFIG names files that are not there: a kernel of it cannot be built
#
# SPEC is JSON: source, arch, version, strict, base (a .config file, or null), renames (symbol => { to, reason }, or null), files
# (symbol => { clears, list, folder, made }, or null), and fragments: a list of { label, file } or { label, tree } (the name of a fragment in the tree); of one with `soft`, what the
# tree does not know is passed over; one with `wishes` asks for what the tree can have: what comes out otherwise is told, and is
# no difference; one with a `purpose` was asked for by nobody, so what it changes of the base is told, and for what.
#
# Why a symbol is not as asked is read from the tree's Kconfig files. Only what they say for certain is reported; a test of
# the compiler, for one, is named but not judged. Works on every generation of the Kconfig language.
use strict;
use warnings;
use JSON::PP;

my ($mode, $spec_file, @rest) = @ARGV;
die "usage: kconfig.pl merge SPEC OUT BASE | report SPEC CONFIG DIR | files SPEC CONFIG\n"
    unless defined $spec_file && @rest == ({ merge => 2, report => 2, files => 1 }->{$mode} // -1);
my $spec = JSON::PP->new->decode(slurp($spec_file));
my $source = $spec->{source};
my $srcarch = source_arch($spec->{arch});
my $version = $spec->{version};

# The folder under arch/ that a kernel's ARCH stands for.
sub source_arch {
    my ($arch) = @_;
    return $arch if -f "$source/arch/$arch/Kconfig";
    return { i386 => 'x86', x86_64 => 'x86', sparc32 => 'sparc', sparc64 => 'sparc', sh64 => 'sh' }->{$arch} // $arch;
}

sub fail { my ($message) = @_; print STDERR "kflake: kernel: config: $message\n"; exit 1 }

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or fail("$file cannot be read: $!");
    local $/;
    my $text = <$in>;
    return $text // '';
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or fail("$file cannot be written: $!");
    print {$out} $text;
    close $out or fail("$file cannot be written: $!");
}

# Control characters out of text that came from outside, so that a log stays a log.
sub plain { my ($text) = @_; $text =~ s/[^\x20-\x7e]/?/g; return $text }

# ---- Configuration lines ----------------------------------------------------------------------------------------------

# What a symbol may be set to: y, m, n, a number, or a text in its quotes and with its escapes.
my $value = qr{
    [ymn] | "(?:[^"\\]|\\.)*"
    | 0[xX][0-9a-fA-F]+ | -?[0-9]+ | [0-9][0-9a-fA-F]* | (?=[a-fA-F]*[0-9])[0-9a-fA-F]{4,}
}x;

# (symbol without CONFIG_, value) of a line; nothing for blank lines and comments; fails on anything else. The grammar is that of
# kflake itself, which has the same table of cases for a test.
sub setting {
    my ($line, $where) = @_;
    $line =~ s/\s+$//;
    return if $line eq '' || $line =~ /^\s*#(?!\s*CONFIG_)/;
    if ($line !~ /[\x00-\x08\x0a-\x1f\x7f]/) {
        return ($1, 'n') if $line =~ /^\s*#\s*CONFIG_(\w+)\s+is\s+not\s+set$/a;
        # a remark about a symbol
        return if $line =~ /^\s*#/ && $line !~ /^\s*#\s*CONFIG_\s+is\s+not\s+set$/;
        return ($1, $2) if $line =~ /^CONFIG_(\w+)=($value)$/a && $2 !~ /\t/;
    }
    fail("$where: not a configuration line: " . plain(substr $line, 0, 120));
}

# [[symbol, value], ...] of what a user, a board or the tree asks for, in order.
sub settings {
    my ($file, $label) = @_;
    my ($number, @found) = (0);
    for my $line (split /\n/, slurp($file)) {
        $number++;
        my ($symbol, $value) = setting($line, plain($label) . " line $number") or next;
        push @found, [$symbol, $value];
    }
    return \@found;
}

# A setting as the kernel's own programs write and read it.
sub canonical { my ($symbol, $value) = @_; return $value eq 'n' ? "# CONFIG_$symbol is not set\n" : "CONFIG_$symbol=$value\n" }

# symbol => value of what the kernel's own programs wrote.
sub written {
    my ($file) = @_;
    return map { /^CONFIG_(\w+)=(.*)$/ ? ($1 => $2) : /^# CONFIG_(\w+) is not set$/ ? ($1 => 'n') : () } split /\n/, slurp($file);
}

# Kbuild looks for a fragment of the tree in these two folders, and applies both where both have it.
sub tree_fragment {
    my ($name) = @_;
    my @places = $name =~ m{/} ? ($name) : ("kernel/configs/$name", "arch/$srcarch/configs/$name");
    my @found = grep { -f } map { "$source/$_" } @places;
    return @found if @found;
    my @have = sort map { m{([^/]+)$} } glob("$source/kernel/configs/*.config $source/arch/$srcarch/configs/*.config");
    fail("the tree of $version has no fragment `" . plain($name) . "`; it has: " . (@have ? join(' ', @have) : 'none'));
}

# Every request, in order: { symbol, value, label }. The last one for a symbol counts.
sub requests {
    my (@order, %last);
    for my $fragment (@{ $spec->{fragments} }) {
        my @files = defined $fragment->{tree} ? tree_fragment($fragment->{tree}) : ($fragment->{file});
        for my $file (@files) {
            for my $pair (@{ settings($file, $fragment->{label}) }) {
                my ($symbol, $value) = @$pair;
                push @order, $symbol unless $last{$symbol};
                $last{$symbol} = {
                    symbol => $symbol, value => $value, label => $fragment->{label},
                    soft => $fragment->{soft} || $fragment->{wishes}, wish => $fragment->{wishes},
                    purpose => $fragment->{purpose},
                };
            }
        }
    }
    return map { $last{$_} } @order;
}

# ---- The tree's Kconfig files -----------------------------------------------------------------------------------------

# symbol => [ { type, prompt, prompt_if, depends => [expr], defaults, ranges, choice, file } ], one per definition
my %symbols;
# symbol => [ { by, condition => [expr] } ]
my (%selected_by, %implied_by);
my %seen_file;

my %variables = (
    ARCH => $spec->{arch}, SRCARCH => $srcarch, KERNELVERSION => $version, srctree => $source,
    UTS_MACHINE => $spec->{arch}, HEADER_ARCH => $srcarch,
);

sub expand {
    my ($text) = @_;
    $text =~ s/\$\((\w+)\)/$variables{$1} \/\/ "\$($1)"/ge;
    $text =~ s/\$\{(\w+)\}/$variables{$1} \/\/ "\${$1}"/ge;
    $text =~ s/\$(\w+)/$variables{$1} \/\/ "\$$1"/ge;
    return $text;
}

# Logical lines of a Kconfig file: [indent, text], continuations joined, comments and help texts gone.
sub logical_lines {
    my ($file) = @_;
    my @physical = split /\n/, slurp($file);
    my @lines;
    while (@physical) {
        my $line = shift @physical;
        $line = substr($line, 0, -1) . ' ' . shift @physical while $line =~ /\\$/ && @physical;
        $line =~ /^(\s*)/;
        my $indent = columns($1);
        $line =~ s/^\s+//;
        # a # inside quotes is text
        $line =~ s/^((?:[^"'#]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*)#.*$/$1/;
        $line =~ s/\s+$//;
        next if $line eq '';
        if ($line =~ /^(?:---help---|help)$/) {
            # The text is what is indented at least as far as its first line.
            my $text_indent;
            while (@physical) {
                if ($physical[0] =~ /^\s*$/) { shift @physical; next }
                $physical[0] =~ /^(\s*)/;
                my $here = columns($1);
                $text_indent //= $here;
                last if $here < $text_indent || $here == 0 || $text_indent <= 0;
                shift @physical;
            }
            next;
        }
        push @lines, $line;
    }
    return @lines;
}

sub columns {
    my ($blank) = @_;
    my $column = 0;
    $column += $_ eq "\t" ? 8 - $column % 8 : 1 for split //, $blank;
    return $column;
}

# A prompt or a string at the start of $$text, removed from it.
sub take_string {
    my ($text) = @_;
    return $2 if $$text =~ s/^\s*(["'])((?:[^\\]|\\.)*?)\1//;
    return;
}

sub condition_of { my ($text) = @_; return $text =~ /^\s*if\s+(.+)$/ ? $1 : undef }

# The blocks around the line being read: { kind, depends => [expr], prompt, name }.
my @blocks;
sub around { return map { @{ $_->{depends} } } @blocks }

sub read_kconfig {
    my ($file) = @_;
    # A file may be read for two places (arch/um reads x86's); twice from one place is a loop.
    return if ++$seen_file{$file} > 8 || !-f "$source/$file";
    my $depth = @blocks;
    # What attributes belong to: a definition, or the block just opened.
    my $entry;
    for my $line (logical_lines("$source/$file")) {
        if ($line =~ /^(?:menuconfig|config)\s+(\w+)$/) {
            my ($choice) = grep { $_->{kind} eq 'choice' } reverse @blocks;
            # own: what the definition says itself; outer: what the blocks around it say, by reference, as a menu's
            # `depends on` follows its opening line.
            $entry = { name => $1, own => [], outer => [@blocks], defaults => [], ranges => [], choice => $choice, file => $file };
            push @{ $symbols{$1} }, $entry;
            push @{ $choice->{members} }, $1 if $choice;
        }
        elsif ($line =~ /^choice\b/) {
            $entry = { kind => 'choice', depends => [], members => [] };
            push @blocks, $entry;
        }
        elsif ($line =~ /^menu\s+(.*)$/) {
            my $text = $1;
            $entry = { kind => 'menu', depends => [], prompt => take_string(\$text) };
            push @blocks, $entry;
        }
        elsif ($line =~ /^if\s+(.+)$/) {
            push @blocks, { kind => 'if', depends => [expand($1)] };
            $entry = undef;
        }
        elsif ($line =~ /^(?:endif|endmenu|endchoice)\b/) {
            pop @blocks if @blocks > $depth;
            $entry = undef;
        }
        elsif ($line =~ /^comment\b/) { $entry = { kind => 'comment', depends => [] } }
        elsif ($line =~ /^mainmenu\b/) { $entry = undef }
        elsif ($line =~ /^(o?r?)source\s+"?([^"]+?)"?$/) {
            my ($kind, $name) = ($1, expand($2));
            $name = ($file =~ m{^(.*/)} ? $1 : '') . $name if $kind =~ /r/;
            $name =~ s{^\Q$source\E/}{};
            $entry = undef;
            read_kconfig($name) unless $name =~ /\.\./;
        }
        elsif ($line =~ /^([\w-]+)\s*(?::=|\+=|=)\s*(.*)$/) {
            # a macro; plain text only is worth remembering
            my ($name, $value) = ($1, $2);
            $variables{$name} = $value if $name !~ /-/ && $value !~ /\$/;
        }
        elsif ($entry) { attribute($entry, $line) }
    }
    splice @blocks, $depth;
}

sub attribute {
    my ($entry, $line) = @_;
    my $own = $entry->{own} // $entry->{depends};
    if ($line =~ /^(?:depends\s+on|depends|requires)\s+(.+)$/) {
        push @$own, expand($1);
        return;
    }
    if ($line =~ /^(bool|boolean|tristate|int|hex|string)\b\s*(.*)$/) {
        $entry->{type} = $1 eq 'boolean' ? 'bool' : $1;
        my $text = $2;
        my $prompt = take_string(\$text);
        @{$entry}{qw(prompt prompt_if)} = ($prompt, condition_of(expand($text))) if defined $prompt;
    }
    elsif ($line =~ /^def_(bool|tristate)\s+(.+)$/) {
        $entry->{type} = $1;
        push @{ $entry->{defaults} }, expand($2) if $entry->{defaults};
    }
    elsif ($line =~ /^prompt\s+(.+)$/) {
        my $text = $1;
        @{$entry}{qw(prompt prompt_if)} = (take_string(\$text), undef);
        $entry->{prompt_if} = condition_of(expand($text));
    }
    elsif ($line =~ /^default\s+(.+)$/) { push @{ $entry->{defaults} }, expand($1) if $entry->{defaults} }
    elsif ($line =~ /^range\s+(\S+)\s+(\S+)\s*(.*)$/) {
        push @{ $entry->{ranges} }, [$1, $2, condition_of(expand($3))] if $entry->{ranges};
    }
    elsif ($line =~ /^(select|imply)\s+(\w+)\s*(.*)$/) {
        my $table = $1 eq 'select' ? \%selected_by : \%implied_by;
        push @{ $table->{$2} }, { by => $entry->{name}, condition => condition_of(expand($3)), entry => $entry };
    }
    elsif ($line =~ /^visible\s+if\s+(.+)$/) { $entry->{visible} = expand($1) }
}

# Everything that a definition depends on, outermost first.
sub dependencies { my ($entry) = @_; return ((map { @{ $_->{depends} } } @{ $entry->{outer} }), @{ $entry->{own} }) }

# ---- Expressions ------------------------------------------------------------------------------------------------------

# Tree of an expression: ['and'|'or', l, r], ['not', e], ['cmp', op, l, r], ['symbol', name], ['text', string],
# ['macro', text]; undef when it cannot be read.
sub parse_expression {
    my ($text) = @_;
    my @tokens = tokens($text) or return;
    my $tree = parse_or(\@tokens);
    return @tokens ? undef : $tree;
}

sub tokens {
    my ($text) = @_;
    my @tokens;
    while ($text =~ /\S/) {
        if ($text =~ s/^\s*(&&|\|\||!=|<=|>=|=|<|>|!|\(|\))//) { push @tokens, [$1] }
        elsif ($text =~ s/^\s*"((?:[^"\\]|\\.)*)"// || $text =~ s/^\s*'((?:[^'\\]|\\.)*)'//) { push @tokens, ['text', $1] }
        elsif ($text =~ s/^\s*(\$\()//) {
            my ($depth, $macro) = (1, '$(');
            while ($depth && $text =~ s/^(.)//s) {
                $macro .= $1;
                $depth += $1 eq '(' ? 1 : $1 eq ')' ? -1 : 0;
            }
            push @tokens, ['macro', $macro];
        }
        elsif ($text =~ s/^\s*([\w.\/-]+)//) { push @tokens, ['symbol', $1] }
        else { return }
    }
    return @tokens;
}

sub next_is { my ($tokens, $kind) = @_; return @$tokens && $tokens->[0][0] eq $kind }

sub parse_or {
    my ($tokens) = @_;
    my $left = parse_and($tokens) or return;
    while (next_is($tokens, '||')) {
        shift @$tokens;
        my $right = parse_and($tokens) or return;
        $left = ['or', $left, $right];
    }
    return $left;
}

sub parse_and {
    my ($tokens) = @_;
    my $left = parse_unary($tokens) or return;
    while (next_is($tokens, '&&')) {
        shift @$tokens;
        my $right = parse_unary($tokens) or return;
        $left = ['and', $left, $right];
    }
    return $left;
}

sub parse_unary {
    my ($tokens) = @_;
    if (next_is($tokens, '!')) {
        shift @$tokens;
        my $inner = parse_unary($tokens) or return;
        return ['not', $inner];
    }
    if (next_is($tokens, '(')) {
        shift @$tokens;
        my $inner = parse_or($tokens) or return;
        return unless next_is($tokens, ')');
        shift @$tokens;
        return $inner;
    }
    my $left = shift @$tokens or return;
    return unless $left->[0] =~ /^(?:symbol|text|macro)$/;
    if (@$tokens && $tokens->[0][0] =~ /^(?:=|!=|<|>|<=|>=)$/) {
        my $operator = shift(@$tokens)->[0];
        my $right = shift @$tokens or return;
        return ['cmp', $operator, $left, $right];
    }
    return $left;
}

# Final values: symbol => value as in .config.
my %config;

# Variables of the environment that Kconfig files ask for, and that are not set here, with what they would be.
my %not_set = (CROSS_COMPILE_COMPAT => 'a 32-bit compiler');

# 0 (n), 1 (m), 2 (y); undef: cannot be told.
sub tristate {
    my ($text) = @_;
    return { n => 0, m => 1, y => 2 }->{$text};
}
sub letter { my ($number) = @_; return defined $number ? qw(n m y)[$number] : '?' }

sub value_of {
    my ($leaf) = @_;
    my ($kind, $text) = @$leaf;
    return undef if $kind eq 'macro';
    # a variable that no Kconfig file sets; of the few that come from outside, builds here set none
    return $not_set{$1} ? '' : undef if $kind eq 'text' && $text =~ /^\$\((\w+)\)$/;
    return $text if $kind eq 'text' || $text =~ /^(?:[nmy]|-?\d+|0x[0-9a-fA-F]+)$/;
    return $config{$text} // ($symbols{$text} && ($symbols{$text}[0]{type} // '') =~ /^(?:int|hex|string)$/ ? '' : 'n');
}

sub evaluate {
    my ($tree) = @_;
    return undef unless $tree;
    my ($kind, @parts) = @$tree;
    if ($kind eq 'and' || $kind eq 'or') {
        my ($l, $r) = map { evaluate($_) } @parts;
        my $decisive = $kind eq 'and' ? 0 : 2;
        for my $side ($l, $r) { return $side if defined $side && $side == $decisive }
        return undef unless defined $l && defined $r;
        return $kind eq 'and' ? ($l < $r ? $l : $r) : ($l > $r ? $l : $r);
    }
    if ($kind eq 'not') {
        my $inner = evaluate($parts[0]);
        return defined $inner ? 2 - $inner : undef;
    }
    if ($kind eq 'cmp') {
        my ($operator, $l, $r) = ($parts[0], value_of($parts[1]), value_of($parts[2]));
        return undef unless defined $l && defined $r;
        s/^"(.*)"$/$1/ for $l, $r;
        return ($l eq $r) ? 2 : 0 if $operator eq '=';
        return ($l ne $r) ? 2 : 0 if $operator eq '!=';
        ($l, $r) = map { /^0x/ ? hex : $_ } $l, $r;
        return undef if grep { !/^-?\d+$/ } $l, $r;
        return eval { $operator eq '<' ? $l < $r : $operator eq '>' ? $l > $r : $operator eq '<=' ? $l <= $r : $l >= $r } ? 2 : 0;
    }
    my $value = value_of($tree);
    return undef unless defined $value;
    return tristate($value) // 0;
}

# The expression with the value of each symbol in it: `NET (n) || !PCI (y)`.
sub show {
    my ($tree, $inside) = @_;
    my ($kind, @parts) = @$tree;
    if ($kind eq 'and' || $kind eq 'or') {
        my $text = join($kind eq 'and' ? ' && ' : ' || ', map { show($_, $kind) } @parts);
        return $inside && $inside ne $kind ? "($text)" : $text;
    }
    return '!' . show($parts[0], 'not') if $kind eq 'not';
    return show($parts[1], 'cmp') . " $parts[0] " . show($parts[2], 'cmp') if $kind eq 'cmp';
    if ($kind eq 'text' && $parts[0] =~ /^\$\((\w+)\)$/) {
        return "\"$parts[0]\" (" . ($not_set{$1} ? "$not_set{$1}, which no build here has" : 'not known') . ')';
    }
    return "\"$parts[0]\"" if $kind eq 'text';
    return plain($parts[0]) . ' (not known)' if $kind eq 'macro';
    my $value = value_of($tree);
    return $parts[0] =~ /^(?:[nmy]|-?\d+|0x[0-9a-fA-F]+)$/ ? $parts[0] : "$parts[0] ($value)";
}

# The conjuncts of an expression that keep it below `want` (0..2): [text, ...]; those that cannot be told count.
sub obstacles {
    my ($text, $want) = @_;
    my $tree = parse_expression($text) or return plain($text) . ' (cannot be read)';
    my (@open, @found) = ($tree);
    while (my $part = shift @open) {
        if ($part->[0] eq 'and') { unshift @open, @{$part}[1, 2]; next }
        my $value = evaluate($part);
        push @found, show($part) if !defined $value || $value < $want;
    }
    return @found;
}

# What definitely stands in the way is all that is said, if there is any; what cannot be judged is said only otherwise.
sub unmet {
    my ($want, @expressions) = @_;
    my %once;
    my @all = grep { !$once{$_}++ } map { obstacles($_, $want) } @expressions;
    my @sure = grep { !/\((?:not known|cannot be read)\)/ } @all;
    return @sure ? @sure : @all;
}

# ---- Why --------------------------------------------------------------------------------------------------------------

my %renames;
my %everywhere;

# Files in which a symbol is defined, for symbols outside this arch's Kconfig files.
sub find_everywhere {
    return if %everywhere;
    require File::Find;
    File::Find::find({ no_chdir => 1, wanted => sub {
        return unless m{/Kconfig[^/]*$} && -f;
        my ($file) = m{^\Q$source\E/(.*)$} or return;
        open my $in, '<', $_ or return;
        while (my $line = <$in>) { $everywhere{$2} //= $file if $line =~ /^\s*(menu)?config\s+(\w+)/ }
    } }, $source);
}

sub no_such_symbol {
    my ($symbol) = @_;
    my $rename = $renames{$symbol};
    my $text = "no such symbol in $version";
    if ($rename) {
        my ($new) = grep { known($_) } @{ $rename->{to} };
        return ("$text (renamed to $new)", $new) if $new;
        return ("$text (removed: " . plain($rename->{reason}) . ')', undef) if !@{ $rename->{to} };
        # asked for by a newer name in an older tree
    }
    for my $old (sort keys %renames) {
        next unless grep { $_ eq $symbol } @{ $renames{$old}{to} };
        return ("$text (it is called $old there)", $old) if known($old);
    }
    return ($text, undef);
}

# The same of a symbol that somebody typed, which may be a slip.
sub mistyped {
    my ($symbol) = @_;
    my ($text, $renamed) = no_such_symbol($symbol);
    return ($text, $renamed) if $text =~ /\)$/;
    my @near = near($symbol);
    my $last = pop @near;
    $text .= '; did you mean ' . (@near ? join(', ', @near) . " or $last?" : "$last?") if defined $last;
    return ($text, undef);
}

# The symbols of the tree, three at most, that `symbol` may be a slip of: a letter too many, too few, wrong or swapped, or two in
# long names; those of this architecture first.
sub near {
    my ($symbol) = @_;
    my $upper = uc($symbol =~ s/^CONFIG_//ir);
    my $allowed = length $upper < 3 ? 0 : length $upper < 8 ? 1 : 2;
    find_everywhere();
    my @found;
    my %seen;
    for my $name (grep { !$seen{$_}++ } keys %symbols, keys %everywhere) {
        next if abs(length($name) - length $upper) > $allowed;
        my $distance = distance($upper, $name, $allowed);
        push @found, [$distance, $symbols{$name} ? 0 : 1, $name] if $distance <= $allowed;
    }
    @found = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] || $a->[2] cmp $b->[2] } @found;
    # further away is no better guess
    @found = grep { $_->[0] == $found[0][0] } @found;
    return map { $_->[2] } @found[0 .. ($#found > 2 ? 2 : $#found)];
}

# How many letters two names are apart; more than `most` is as good as any.
sub distance {
    my ($left, $right, $most) = @_;
    my @l = split //, $left;
    my @r = split //, $right;
    my @rows = ([0 .. @r]);
    for my $i (1 .. @l) {
        my @row = ($i);
        for my $j (1 .. @r) {
            my $here = $rows[$i - 1][$j - 1] + ($l[$i - 1] eq $r[$j - 1] ? 0 : 1);
            for my $other ($rows[$i - 1][$j] + 1, $row[$j - 1] + 1) { $here = $other if $other < $here }
            if ($i > 1 && $j > 1 && $l[$i - 1] eq $r[$j - 2] && $l[$i - 2] eq $r[$j - 1]) {
                my $swapped = $rows[$i - 2][$j - 2] + 1;
                $here = $swapped if $swapped < $here;
            }
            push @row, $here;
        }
        return $most + 1 unless grep { $_ <= $most } @row;
        push @rows, \@row;
    }
    return $rows[-1][-1];
}

# ---- Files that a configuration names -----------------------------------------------------------------------------------

# { symbol, value, file, clears } of each file that the kernel is to hold, and that is not there.
sub missing_files {
    my @missing;
    for my $symbol (sort keys %{ $spec->{files} // {} }) {
        my $rule = $spec->{files}{$symbol};
        my $value = $config{$symbol} // next;
        my ($text) = $value =~ /^"(.*)"$/ or next;
        # what a shell makes of the rest cannot be told
        next if $text =~ /[\$`\\]/;
        for my $file ($rule->{list} ? split(' ', $text) : $text eq '' ? () : $text) {
            next if grep { $_ eq $file } @{ $rule->{made} // [] };
            next if $file =~ /^pkcs11:/ || is_there($file, $rule->{folder});
            push @missing, { symbol => $symbol, value => $value, file => $file, clears => $rule->{clears} };
        }
    }
    return @missing;
}

# Whether the tree, or this machine, has the file; `folder` is the symbol that says where it is looked for.
sub is_there {
    my ($file, $folder) = @_;
    my @folders = ('');
    if (defined $folder) {
        my ($below) = ($config{$folder} // '""') =~ /^"(.*)"$/;
        # what old trees bring is kept as text
        @folders = (($below // '') . '/', 'firmware/');
    }
    for my $path (map { "$_$file" } @folders) {
        my @places = $path =~ m{^/} ? ($path) : ("$source/$path");
        return 1 if grep { -e } map { ($_, "$_.ihex", "$_.HEX") } @places;
    }
    return 0;
}

# `words` behind `title:` in lines of a hundred columns or so.
sub wrapped {
    my ($title, @words) = @_;
    return '' unless @words;
    my @lines = ("$title:");
    for my $word (map { plain($_) } @words) {
        push @lines, ' ' x length "$title:" if length("$lines[-1] $word") > 100 && $lines[-1] =~ /\S\s+\S/;
        $lines[-1] .= " $word";
    }
    return join '', map { "$_\n" } '', @lines;
}

sub missing_words {
    my ($missing) = @_;
    return "$missing->{symbol} names " . plain($missing->{file}) . ", which the tree of $version does not have; "
        . "-K 'CONFIG_$missing->{symbol}=$missing->{clears}' does without";
}

sub known {
    my ($symbol) = @_;
    return 1 if $symbols{$symbol};
    find_everywhere();
    return exists $everywhere{$symbol};
}

# Why `symbol` is `got` where `want` was asked; undef: not known.
sub why {
    my ($symbol, $want, $got) = @_;
    my $definitions = $symbols{$symbol};
    if (!$definitions) {
        find_everywhere();
        return exists $everywhere{$symbol} ? "not for $spec->{arch}: defined in $everywhere{$symbol}" : undef;
    }
    my ($type) = map { $_->{type} // () } @$definitions;
    if (($type // '') =~ /^(?:bool|tristate)$/) {
        return why_tristate($symbol, $type, $want, $got, $definitions);
    }
    my @missing = missing_for($definitions, 1);
    return reason_of('depends on', @missing) if @missing;
    if (defined $type && $type =~ /^(?:int|hex)$/) {
        return "is a number ($type)" if $want !~ /^-?(?:\d+|(?:0x)?[0-9a-fA-F]+)$/;
        my $number = $type eq 'hex' || $want =~ /^0x/ ? hex $want : $want;
        for my $range (map { @{ $_->{ranges} } } @$definitions) {
            my ($low, $high, $condition) = @$range;
            next if defined $condition && (evaluate(parse_expression($condition)) // 0) == 0;
            my ($l, $h) = map { /^0x/ ? hex : $_ } map { $config{$_} // $_ } $low, $high;
            next if grep { !/^-?\d+$/ } $l, $h;
            return "outside its range of $low to $high" if $number < $l || $number > $h;
        }
    }
    return 'is a text: it is written in quotes' if ($type // '') eq 'string' && $want !~ /^".*"$/;
    return no_prompt($symbol, $definitions);
}

# What no definition of a symbol has met: the obstacles of the one that is nearest.
sub missing_for {
    my ($definitions, $want) = @_;
    my $best;
    for my $entry (@$definitions) {
        my @unmet = unmet($want, dependencies($entry));
        return () if !@unmet;
        $best = \@unmet if !$best || @unmet < @$best;
    }
    return @{ $best // [] };
}

sub reason_of { my ($words, @obstacles) = @_; return "$words " . join(', ', @obstacles) }

sub has_prompt { my ($symbol) = @_; return scalar grep { defined $_->{prompt} } @{ $symbols{$symbol} // [] } }

# Why nobody can set the symbol by hand, if so.
sub no_prompt {
    my ($symbol, $definitions) = @_;
    my @prompted = grep { defined $_->{prompt} } @$definitions;
    if (!@prompted) {
        my %once;
        my @by = sort grep { !$once{$_}++ } map { $_->{by} } @{ $selected_by{$symbol} // [] };
        my $more = @by > 7 ? ' and ' . (@by - 6) . ' more' : '';
        my $set_by = @by ? 'only others select it: ' . join(', ', $more ? @by[0 .. 5] : @by) . $more : 'its default decides';
        return "has no prompt; $set_by";
    }
    for my $entry (@prompted) {
        my @conditions = grep { defined } $entry->{prompt_if}, map { $_->{visible} } @{ $entry->{outer} };
        my @unmet = unmet(1, @conditions);
        return unless @unmet;
        return reason_of('can be set only if', @unmet);
    }
    return;
}

sub why_tristate {
    my ($symbol, $type, $want, $got, $definitions) = @_;
    my $wanted = tristate($want);
    return "is a $type: it takes " . ($type eq 'bool' ? 'y or n' : 'y, m or n') unless defined $wanted;
    return 'is a bool: it takes y or n' if $type eq 'bool' && $want eq 'm';
    my $had = tristate($got) // 0;
    if ($had > $wanted) {
        return 'modules are off: MODULES (n)' if $want eq 'm' && ($config{MODULES} // 'n') eq 'n';
        my @by;
        for my $select (@{ $selected_by{$symbol} // [] }) {
            my @conditions = (evaluate(['symbol', $select->{by}]), defined $select->{condition} ? evaluate(parse_expression($select->{condition})) : 2);
            next if grep { !defined || $_ <= $wanted } @conditions;
            push @by, $select->{by};
        }
        my %once;
        @by = sort grep { !$once{$_}++ } @by;
        return 'selected by ' . join(', ', map { "$_ (" . ($config{$_} // 'n') . ')' } @by) if @by;
        if (my ($entry) = grep { $_->{choice} } @$definitions) {
            my @others = grep { $_ ne $symbol && ($config{$_} // 'n') eq 'y' } @{ $entry->{choice}{members} };
            return "one of a choice" . choice_name($entry) . ' must be on' unless @others;
        }
        return no_prompt($symbol, $definitions);
    }
    my @missing = missing_for($definitions, $wanted);
    return reason_of('depends on', @missing) if @missing;
    for my $entry (grep { $_->{choice} } @$definitions) {
        my ($taken) = grep { $_ ne $symbol && ($config{$_} // 'n') eq 'y' } @{ $entry->{choice}{members} };
        return 'the choice' . choice_name($entry) . " took $taken" if $taken;
    }
    return no_prompt($symbol, $definitions);
}

sub choice_name { my ($entry) = @_; my $prompt = $entry->{choice}{prompt}; return defined $prompt ? ' "' . plain($prompt) . '"' : '' }

# ---- The two modes ----------------------------------------------------------------------------------------------------

sub read_tree {
    # Before 2.6.38 each arch has the root.
    read_kconfig(-f "$source/Kconfig" ? 'Kconfig' : "arch/$srcarch/Kconfig");
    %symbols or fail("the tree of $version has no Kconfig files for $srcarch");
    %renames = %{ $spec->{renames} // {} };
}

if ($mode eq 'merge') {
    read_tree();
    my $text = '';
    for my $request (requests()) {
        next unless $request->{soft} ? $symbols{ $request->{symbol} } : known($request->{symbol});
        $text .= canonical(@{$request}{qw(symbol value)});
    }
    spew($rest[0], $text);
    spew($rest[1], join '', map { canonical(@$_) } @{ settings($spec->{base}, 'base configuration') }) if defined $spec->{base};
    exit 0;
}

my ($config_file, $dir) = @rest;
%config = written($config_file);
if ($mode eq 'files') {
    my @missing = missing_files();
    print STDERR 'kflake: kernel: no-file: ' . missing_words($_) . "\n" for @missing;
    exit(@missing ? 1 : 0);
}
read_tree();

my (@entries, @lines, $differences);
$differences = 0;
for my $request (requests()) {
    my ($symbol, $want, $label) = @{$request}{qw(symbol value label)};
    next if $request->{soft} && !$symbols{$symbol};
    my $got = $config{$symbol} // 'n';
    my %entry = (symbol => $symbol, requested => $want, from => $label);
    if (!known($symbol)) {
        my ($text, $renamed) = mistyped($symbol);
        # Asking for n of what does not exist is no wish left open.
        my $status = $want eq 'n' ? 'met' : 'unknown';
        @entry{qw(status got reason renamed_to)} = ($status, undef, $text, $renamed);
        if ($status eq 'unknown') {
            $differences++;
            push @lines, "$symbol: requested $want: $text; the line is left out";
        }
    }
    elsif ($got eq $want) { @entry{qw(status got reason renamed_to)} = ('met', $got, undef, undef) }
    else {
        my $reason = why($symbol, $want, $got);
        if ($request->{wish}) {
            push @lines, "$symbol: wished $want, got $got: " . ($reason // 'not known why');
            next;
        }
        @entry{qw(status got reason renamed_to)} = ('different', $got, $reason, undef);
        $differences++;
        push @lines, "$symbol: requested $want, got $got: " . ($reason // 'not known why');
    }
    push @entries, \%entry;
}

# What became of a whole configuration from elsewhere.
my $drift;
if (defined $spec->{base}) {
    my %old = map { @$_ } @{ settings($spec->{base}, 'base configuration') };
    my %asked = map { $_->{symbol} => $_ } requests();
    my ($title) = slurp($spec->{base}) =~ /^# (Linux.*Configuration)/m;
    my (@new, @gone, @changed);
    for my $symbol (sort keys %config) {
        push @new, { symbol => $symbol, value => $config{$symbol} } unless exists $old{$symbol} || $asked{$symbol};
    }
    for my $symbol (sort keys %old) {
        my ($asked, $got) = ($asked{$symbol}, $config{$symbol} // 'n');
        # What did not come out as asked was told above.
        next if $asked && !(defined $asked->{purpose} && $asked->{value} eq $got);
        if (!known($symbol)) {
            my ($text, $renamed) = no_such_symbol($symbol);
            my ($reason) = $text =~ /^no such symbol in \S+ \((.*)\)$/;
            push @gone, { symbol => $symbol, value => $old{$symbol}, renamed_to => $renamed, reason => $reason };
            next;
        }
        # A value that no longer applies is written nowhere.
        next if $got eq $old{$symbol};
        my $reason = $asked ? $asked->{purpose} : why($symbol, $old{$symbol}, $got);
        push @changed, { symbol => $symbol, old => $old{$symbol}, new => $got, reason => $reason };
    }
    $drift = { title => $title, new => \@new, gone => \@gone, changed => \@changed };
    push @lines, sprintf 'base configuration: %d symbols new in %s, %d gone, %d changed', scalar @new, $version, scalar @gone, scalar @changed;
}

my %report = (
    schema_version => 1, version => $version, arch => $spec->{arch}, strict => $spec->{strict} ? JSON::PP::true : JSON::PP::false,
    requested => scalar @entries, differences => $differences, requests => \@entries, drift => $drift,
    missing_files => [ map { { symbol => $_->{symbol}, file => $_->{file}, clears => $_->{clears} } } missing_files() ],
);
spew("$dir/config-report.json", JSON::PP->new->canonical->pretty->encode(\%report));
my $text = join '', map { plain($_) . "\n" } sprintf('symbols requested: %d, not as requested: %d', scalar @entries, $differences), @lines,
    map { missing_words($_) } missing_files();
if ($drift) {
    # what was lost comes first: of that what a user could set before what follows from it, or from the compiler; and what is known of
    # it before what is not
    $text .= "\n" if @{ $drift->{changed} } || @{ $drift->{gone} };
    my @settable = grep { has_prompt($_->{symbol}) } @{ $drift->{changed} };
    my @follows = grep { !has_prompt($_->{symbol}) } @{ $drift->{changed} };
    $text .= plain("changed: $_->{symbol}: $_->{old} -> $_->{new}: " . ($_->{reason} // 'not known why')) . "\n" for @settable, @follows;
    my @hinted = grep { defined $_->{reason} } @{ $drift->{gone} };
    $text .= plain("gone: $_->{symbol}=$_->{value}: $_->{reason}") . "\n" for @hinted;
    $text .= wrapped('gone', map { "$_->{symbol}=$_->{value}" } grep { !defined $_->{reason} } @{ $drift->{gone} });
    $text .= wrapped('new', map { "$_->{symbol}=$_->{value}" } @{ $drift->{new} });
}
spew("$dir/config-report.txt", $text);
my $failed = $spec->{strict} && $differences;
print STDERR "kflake: kernel: config: $differences of " . scalar(@entries) . " requested symbols did not come out as asked\n" if $failed;
# What ends no build is no first error of one that another thing ends.
print STDERR ($failed ? 'kflake: kernel: config: ' : 'note: configuration: ') . plain($_) . "\n" for @lines;
exit($failed ? 1 : 0);
