# sdk-verify.pl OPTIONS DIR...: every ELF file below the folders, its class, machine, loader, and where each library that it needs
# is found. Exits 1 when one is for another machine or does not find something, 2 when there is nothing to look at.
use strict;
use warnings;
use Cwd ();
use File::Find;
use Getopt::Long;
use JSON::PP;

my ($reader, $bits, $endian, $machine, $interpreter, $libraries, $json);
GetOptions('reader=s' => \$reader, 'bits=i' => \$bits, 'endian=s' => \$endian, 'machine=i' => \$machine,
    'interpreter=s' => \$interpreter, 'libraries=s' => \$libraries, 'json' => \$json) or exit 2;
require $reader;
if (!@ARGV) { print STDERR "usage: sdk-verify [--json] DIR...\n"; exit 2 }
for my $dir (@ARGV) {
    if (!-e $dir) { print STDERR "sdk-verify: $dir: no such folder\n"; exit 2 }
}

my @paths;
find({ no_chdir => 1, wanted => sub { push @paths, $File::Find::name if -f && !-l } }, @ARGV);
my (@found, %own, %links);
find({ no_chdir => 1, wanted => sub { $links{(split m{/})[-1]} //= $_ if -l } }, @ARGV);
for my $path (sort @paths) {
    open my $in, '<:raw', $path or do { print STDERR "sdk-verify: $path: $!\n"; exit 2 };
    my $magic = '';
    next unless read($in, $magic, 4) == 4 && $magic eq "\x7fELF";
    push @found, $path;
    $own{(split m{/}, $path)[-1]} //= $path;
}

# Where a library is: staged, under its name or a link's, or the toolchain's own.
sub locate {
    my ($name) = @_;
    return 'staged' if $own{$name} || ($links{$name} && -e $links{$name});
    for my $dir (split /:/, $libraries) {
        return 'sysroot' if -e "$dir/$name";
    }
    return;
}

# Text of unknown origin, fit to print.
sub clean { my ($text) = @_; $text =~ s/[^\x20-\x7e]/?/g; return $text }

my (@report, $wrong);
for my $path (@found) {
    my %entry = (path => clean($path), problems => []);
    my $elf = Elf::read_file($path);
    if (!$elf) {
        push @{ $entry{problems} }, 'cut short';
    } else {
        $entry{class} = "ELF$elf->{bits}";
        $entry{endian} = $elf->{endian};
        $entry{machine} = $elf->{machine};
        $entry{type} = { 1 => 'object', 2 => 'program', 3 => defined $elf->{interpreter} ? 'program' : 'library' }->{ $elf->{type} } // "type $elf->{type}";
        push @{ $entry{problems} }, "is for a $elf->{bits}-bit $elf->{endian}-endian machine $elf->{machine}, not a $bits-bit $endian-endian machine $machine"
            if $elf->{bits} != $bits || $elf->{endian} ne $endian || $elf->{machine} != $machine;
        if (defined $elf->{interpreter}) {
            $entry{interpreter} = clean($elf->{interpreter});
            push @{ $entry{problems} }, "is loaded by $entry{interpreter}, not $interpreter" if $elf->{interpreter} ne $interpreter;
        }
        $entry{rpath} = clean($elf->{rpath}) if defined $elf->{rpath};
        push @{ $entry{problems} }, "looks for libraries where it was built: $entry{rpath}" if ($elf->{rpath} // '') =~ m{(^|:)(/nix/|/tmp/|/build|/home/)};
        $entry{needed} = [map { { name => clean($_), found => locate($_) } } @{ $elf->{needed} }];
        for my $needed (@{ $entry{needed} }) {
            push @{ $entry{problems} }, "needs $needed->{name}, which is neither staged nor in the sysroot" unless $needed->{found};
        }
    }
    $wrong += @{ $entry{problems} };
    push @report, \%entry;
}

if ($json) {
    print JSON::PP->new->canonical->pretty->encode({ schema_version => 1, files => \@report, problems => $wrong // 0 });
} else {
    for my $entry (@report) {
        my $line = $entry->{path};
        $line .= ": $entry->{class} $entry->{endian}-endian machine $entry->{machine}, $entry->{type}" if $entry->{class};
        $line .= ", loaded by $entry->{interpreter}" if $entry->{interpreter};
        $line .= ', needs ' . join ', ', map { "$_->{name} (" . ($_->{found} // 'missing') . ')' } @{ $entry->{needed} } if @{ $entry->{needed} // [] };
        print "$line\n";
        print "  $_\n" for @{ $entry->{problems} };
    }
    printf "%d ELF files, %d problems\n", scalar @report, $wrong // 0;
}
if (!@report) { print STDERR "sdk-verify: no ELF file in @ARGV\n"; exit 2 }
exit($wrong ? 1 : 0);
