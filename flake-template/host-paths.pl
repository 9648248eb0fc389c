# Makes a kernel tree independent of where a host keeps its programs. A sandbox has /bin/sh and nothing else outside the store, while
# makefiles and scripts call /bin/pwd, and scripts name /usr/bin/perl as their interpreter: both become the program of that name on PATH.
#   host-paths.pl TREE
# What is not on PATH, and what lies in /sbin, is left alone: those are programs of the system that the kernel will run on.
use strict;
use warnings;
use File::Find;

my ($tree) = @ARGV;
die "usage: host-paths.pl TREE\n" unless defined $tree && -d $tree;

# The program of that name on PATH, or nothing.
my %programs;
sub program {
    my ($name) = @_;
    if (!exists $programs{$name}) {
        ($programs{$name}) = grep { -f && -x _ } map { "$_/$name" } grep { m{^/} } split /:/, $ENV{PATH};
    }
    return $programs{$name};
}

# A whole path: not the end of a longer one, as in $(prefix)/bin/x, ../bin/x, "$dir"/bin/x or s/\/bin\/x/.
my $path = qr{
    (?<! [\w./\\\$)\}\]*?+~%@-] ) (?<! [\w)\}\]] ["'] )
    (?<whole> / (?: usr/ (?: local/ )? )? bin/ (?<name> [A-Za-z\[] (?: [\w.+-]* \w )? ) ) (?! [\w/] )
}x;

# What may follow a dash is a default: ${AWK:-/usr/bin/awk}.
$path = qr{$path|(?<=:-)(?<whole>/(?:usr/(?:local/)?)?bin/(?<name>[A-Za-z](?:[\w.+-]*\w)?))(?![\w/])};

sub without_host_paths {
    my ($line) = @_;
    $line =~ s{$path}{$+{whole} eq '/bin/sh' ? $+{whole} : program($+{name}) // $+{whole}}ge;
    return $line;
}

# The first line of a script. env finds the programs that it is given on PATH.
sub shebang {
    my ($line) = @_;
    my ($interpreter, $rest) = $line =~ /^#!\s*(\S+)(?:\s+(.*?))?\s*$/ or return $line;
    my ($name) = $interpreter =~ m{^/(?:usr/(?:local/)?)?bin/([^/]+)$} or return $line;
    if ($name eq 'env' && defined $rest && $rest =~ /^[\w.+-]+$/) {
        my $found = program($rest);
        return $found ? "#!$found\n" : $line;
    }
    my $found = program($name) // return $line;
    return "#!$found" . (defined $rest && $rest ne '' ? " $rest" : '') . "\n";
}

# Tests of a running kernel, and its manual: no build runs what they call.
my %passed_over = map { ("$tree/$_" => 1) } qw(Documentation tools/testing samples);

find({ no_chdir => 1, wanted => sub {
    my $file = $File::Find::name;
    if ($passed_over{$file} && -d $file) { $File::Find::prune = 1; return }
    my ($base) = $file =~ m{([^/]+)\z};
    return if -l $file || !-f _ || $base =~ /\.(?:[chS]|dtsi?|rst|txt|yaml|json|o|a|bin|patch)\z/;
    my $mode = (stat _)[2] & 07777;
    my $makefile = $base =~ /^(?:Makefile|Kbuild|Platform)|Makefile\z|\.mk\z/;
    my $kconfig = $base =~ /^Kconfig/;
    my $script = $base =~ /\.(?:sh|pl|py|awk)\z/;

    open my $in, '<:raw', $file or die "$file: $!\n";
    read $in, my $start, 2;
    my $interpreted = ($start // '') eq '#!';
    return unless $makefile || $kconfig || $script || $interpreted;
    seek $in, 0, 0;
    my @old = <$in>;
    close $in;
    my @new = @old;
    $new[0] = shebang($new[0]) if $interpreted;
    # What packages contain is run where they are installed.
    if ($file !~ m{/scripts/package/[^/]+\z}) {
        for my $n (($interpreted ? 1 : 0) .. $#new) {
            # In Kconfig only what is run: most paths are values for the kernel.
            $new[$n] = without_host_paths($new[$n]) if !$kconfig || $new[$n] =~ /\$\(/;
        }
    }
    my $text = join '', @new;
    return if $text eq join '', @old;
    chmod $mode | 0200, $file;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
    chmod $mode, $file;
} }, $tree);
