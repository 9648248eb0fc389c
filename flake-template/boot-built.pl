# boot [OPTION]... [FOLDER]: starts the kernel that was built in FOLDER under QEMU, and judges it as a boot test does. `boot --help`
# lists the options. Needs beside it: ../lib with machines.json, init, initramfs.pl, boot-supervise.pl and splats.json.
#
# machines.json has the arch, what uname calls it, and its boards, the preferred ones first: { id, from, below, image, dtb, target,
# programs, command }, where from (inside) and below (outside) are null or a version as a list of four numbers and the candidate's,
# 65536 for a release.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find qw(find);
use File::Temp qw(tempdir);
use FindBin;
use Getopt::Long qw(:config no_ignore_case);
use JSON::PP;
use POSIX ();

my $lib = "$FindBin::RealBin/../lib";
my $usage = <<'TEXT';
usage: boot [OPTION]... [FOLDER]

Starts the kernel that was built in FOLDER (/out) under QEMU, to an init that says that it runs, and powers off.
Exit code: 0 if it booted, 1 if not, 2 if there is nothing to boot.

  --module FILE     have init load this module; may be repeated, in the order in which they need each other
  --append WORDS    add words to the kernel's command line
  --expect TEXT     count it as booted only if this text is on the console; may be repeated
  --wall SECONDS    stop the machine after this time (120)
  --silence SECONDS stop it after this time without output (30)
  --keep FOLDER     leave boot.log, boot.raw and boot.json there
TEXT

sub fail { my ($what, $help) = @_; print STDERR "boot: $what\n", defined $help ? "  help: $help\n" : (); exit 2 }

my ($wall, $silence) = (120, 30);
my (@modules, @append, @expect, $keep, $help);
$SIG{__WARN__} = sub { chomp(my $said = $_[0]); fail(lcfirst $said, '`boot --help` lists the options') };
GetOptions('module=s' => \@modules, 'append=s' => \@append, 'expect=s' => \@expect, 'wall=f' => \$wall, 'silence=f' => \$silence,
    'keep=s' => \$keep, 'help' => \$help);
delete $SIG{__WARN__};
if ($help) { print $usage; exit 0 }
fail('more than one folder is named', '`boot --help` lists the options') if @ARGV > 1;
my $folder = $ARGV[0] // '/out';

# What the kernel that was built there calls itself, as make leaves it, or `kflake build --out`.
my ($release) = grep { defined } map { first_line("$folder/$_") } 'include/config/kernel.release', '.kernelrelease', 'release';
fail("$folder: no kernel was built there", 'build one first, or name the folder that make knows as O=, or `kflake build` as --out')
    unless defined $release;
my ($numbers, $candidate) = $release =~ /^(\d+(?:\.\d+){1,3})(?:-rc(\d+))?[!-~]*\z/
    or fail("$folder: it has no kernel's release but \"" . ($release =~ s/[^ -~]/?/gr) . '"', 'build it again');
my @rank = split /\./, $numbers;
push @rank, 0 while @rank < 4;
push @rank, $candidate // 65536;

my $machines = JSON::PP->new->decode(slurp("$lib/machines.json"));
my ($board) = grep { (!$_->{from} || !less(\@rank, $_->{from})) && (!$_->{below} || less(\@rank, $_->{below})) } @{ $machines->{boards} };
fail("no machine is known that boots $machines->{arch} kernels like $numbers") unless $board;

my ($image) = grep { -f } "$folder/$board->{image}", "$folder/" . ($board->{image} =~ s{.*/}{}r);
defined $image or fail("$folder: $board->{image} is missing, which $board->{id} boots",
    "build it: make $board->{target}; an image for another arch boots its kernels only");
my $dtb = '';
if (defined $board->{dtb}) {
    my @trees = grep { -d } "$folder/arch/" . ($board->{image} =~ m{^arch/([^/]+)/} ? $1 : '') . '/boot/dts', "$folder/dtbs";
    (my $name = $board->{dtb}) =~ s{.*/}{};
    find({ no_chdir => 1, wanted => sub { $dtb = $_ if m{/\Q$name\E$} && -f } }, @trees) if @trees;
    $dtb ne '' or fail("$folder: $name is missing, which $board->{id} needs", 'build it: make dtbs');
}
for my $file (@modules) { -f $file && -r _ or fail("$file: there is no such module") }
if (defined $keep) { -d $keep && -w _ or fail("$keep: it is not a folder that can be written to") }

# Absolute, as the machine is started elsewhere.
($image, $dtb, @modules) = map { $_ eq '' ? '' : abs_path($_) } $image, $dtb, @modules;
my $scratch = tempdir('kflake-boot-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
my $result = defined $keep ? abs_path($keep) : "$scratch/result";
-d $_ or mkdir $_ or fail("$_: $!") for "$scratch/initramfs", $result;
my @put = map { "/kflake_module.$_.ko=$modules[$_]" } 0 .. $#modules;
spew("$scratch/initramfs/modules", map { m{([^/]*)$} ? "$1\n" : () } @modules);
spew("$scratch/nonce", 'KFLAKE-NONCE:' . '0' x 32 . "\n");
# The nonce has to come last.
system($^X, "$lib/initramfs.pl", "$scratch/initramfs/initramfs.cpio", "/init=$lib/init", @put, "/kflake_nonce=$scratch/nonce") == 0
    or fail('the initramfs could not be written', 'see whether there is room in ' . ($scratch =~ s{/[^/]*$}{}r));

my @command = map { s/\@image\@/$image/r =~ s/\@dtb\@/$dtb/r } @{ $board->{command} };
for my $at (1 .. $#command) { $command[$at] = join ' ', $command[$at], @append if $command[ $at - 1 ] eq '-append' }
$ENV{PATH} = "$board->{programs}:" . ($ENV{PATH} // '/usr/bin:/bin');
chdir $scratch or fail("$scratch: $!");

my $child = fork // fail("fork: $!");
if ($child == 0) {
    exec $^X, "$lib/boot-supervise.pl", '--wall', $wall, '--silence', $silence, '--release', $release, '--machine', $machines->{uname},
        (map { ('--expect', $_) } @expect), '--initramfs', "$scratch/initramfs", '--splats', "$lib/splats.json", '--out', $result, '--', @command
        or POSIX::_exit(127);
}
# The first process of a container is ended by no signal that it does not take.
my %stopped = (INT => 2, TERM => 15, HUP => 1);
for my $name (keys %stopped) {
    $SIG{$name} = sub { kill 'TERM', $child; waitpid $child, 0; chdir '/'; File::Temp::cleanup(); exit 128 + $stopped{$name} };
}
waitpid $child, 0;
chdir '/';
exit($? & 127 ? 1 : $? >> 8);

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or fail("$path: $!"); local $/; return scalar <$in> }

sub spew { my ($path, @text) = @_; open my $to, '>:raw', $path or fail("$path: $!"); print $to @text; close $to or fail("$path: $!") }

sub first_line {
    my ($path) = @_;
    open my $in, '<:raw', $path or return undef;
    chomp(my $line = <$in> // return undef);
    return $line;
}

# Whether one version is older than another.
sub less {
    my ($one, $other) = @_;
    for my $at (0 .. $#$one) { return $one->[$at] < $other->[$at] if $one->[$at] != $other->[$at] }
    return 0;
}
