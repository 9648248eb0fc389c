# Runs QEMU, reads its console, and says what became of the boot.
#   boot-supervise.pl --wall S --silence S --release R --machine M [--module] [--expect TEXT]... --initramfs DIR --splats FILE --out DIR -- QEMU ARGS...
# Writes DIR/boot.log (printable text), DIR/boot.raw (as it came) and DIR/boot.json; exits 0 only for a boot that passed.
# Its last line is `kflake: boot: CLASS: DETAIL` otherwise. QEMU is to start with initramfs.cpio in the working directory: the one of
# --initramfs, with a nonce that only its init knows. Every module whose name is in the file `modules` beside it has to load; with
# --module the probe module as well, and say its line; and each TEXT has to be in a line of the console. What the kernel complained of
# without dying, by the table FILE, is no failure: it is in boot.json, and in the last line of a boot that passed.
use strict;
use warnings;
use Getopt::Long;
use IO::Select;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);

my ($wall, $silence, $release, $machine, $module, $initramfs, $splats, $out) = (120, 30, '', '', 0, '.', '', '.');
my @expected;
GetOptions('wall=f' => \$wall, 'silence=f' => \$silence, 'release=s' => \$release, 'machine=s' => \$machine,
    'module' => \$module, 'expect=s' => \@expected, 'initramfs=s' => \$initramfs, 'splats=s' => \$splats, 'out=s' => \$out)
    or die "bad options\n";
my @command = @ARGV;
# How long a machine may take to leave after it said that it is done, or after a panic.
my $grace = 5;
# As many complaints of the kernel are told.
my $told = 100;

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or die "$path: $!\n"; local $/; return scalar <$in> }

my $table = JSON::PP->new->decode(slurp($splats));
my @rows = map { { kind => $_->{kind}, pattern => qr/$_->{pattern}/, words => $_->{words} } } @{ $table->{rows} };

my @modules = split /\n/, slurp("$initramfs/modules");
my $nonce = unpack 'H*', do {
    open my $in, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read($in, my $bytes, 16) == 16 or die "/dev/urandom: too short\n";
    $bytes;
};
{
    my $archive = slurp("$initramfs/initramfs.cpio");
    my $place = 'KFLAKE-NONCE:' . '0' x 32;
    my $at = rindex $archive, $place;
    die "$initramfs/initramfs.cpio has no room for a nonce\n" if $at < 0;
    substr $archive, $at, length $place, "KFLAKE-NONCE:$nonce";
    open my $to, '>:raw', 'initramfs.cpio' or die "initramfs.cpio: $!\n";
    print $to $archive;
    close $to or die "initramfs.cpio: $!\n";
}

$| = 1;
print 'qemu: ', join(' ', @command), "\n";
my $started = time;
pipe(my $read, my $write) or die "pipe: $!\n";
my $child = fork // die "fork: $!\n";
if ($child == 0) {
    POSIX::setsid();
    open STDIN, '<', '/dev/null';
    open STDOUT, '>&', $write;
    open STDERR, '>&', $write;
    exec { $command[0] } @command or
        print "cannot run $command[0]: $!\n";
    POSIX::_exit(127);
}
close $write;
# Whoever ends this ends the machine.
$SIG{TERM} = sub { kill 'KILL', -$child; POSIX::_exit(143) };

open my $raw, '>:raw', "$out/boot.raw" or die "$out/boot.raw: $!\n";
open my $log, '>:raw', "$out/boot.log" or die "$out/boot.log: $!\n";

my (%at, @markers, @failed, @warnings, %saw, %heard);
my $complaining = 0;
my $torn;
my ($pending, $bytes, $last_line, $last_output) = ('', 0, '', $started);
my ($ended, $timeout);

# One console line; everything a terminal could act on is taken out, and a prefix keeps it from posing as a line of ours.
sub line {
    my ($text) = @_;
    $text =~ s/\e\][^\a\e]*(?:\a|\e\\)?//g;
    $text =~ s/\e\[[0-9;?]*[ -\/]*[@-~]//g;
    $text =~ s/[^\x20-\x7e\t]//g;
    print $log "$text\n";
    print "| $text\n";
    $last_line = $text if $text =~ /\S/;
    my $now = time - $started;
    $at{banner} //= $now if $text =~ /Linux version \d/;
    $at{power_down} //= $now if exists $at{init} && $text =~ /\bPower down\.?\s*$/;
    if ($text =~ /Kernel panic - not syncing:?\s*(.*)/ && !exists $at{panic} && !(exists $at{power_down} && ends_init($1))) {
        $at{panic} = $now;
        $saw{panic} = $1;
    }
    for my $said ($text, mended($text)) {
        # The marker's own kernel-side twin must come from the kernel; both must fill their line.
        if ($said =~ /^kflake-init: $nonce ok pid=(\d+) release=(\S+) machine=(\S+) module=(\S+) loaded=(\d+)$/) {
            push @markers, { pid => $1, release => $2, machine => $3, module => $4, loaded => $5 };
            $at{init} //= $now;
        } elsif ($said =~ /^kflake-init: $nonce failed module=(\d+) error=(\d+)$/) {
            push @failed, [$modules[$1] // "module $1", $2];
        } elsif ($said =~ /^kflake-init: $nonce error (\S+)$/) {
            $saw{init_error} = $1;
            $at{init} //= $now;
        }
    }
    complaint($text);
    for my $wanted (@expected) { $heard{$wanted} = 1 if index($text, $wanted) >= 0 }
    $saw{probe} = $1 if $text =~ /kflake-probe: ok release=(\S+)$/;
}

# Whether a panic's words are of a kernel that asked its machine to go off, and was quicker than the machine: reboot(2) then ends who
# called it, which is init, with 0.
sub ends_init { my ($words) = @_; return $words =~ /^Attempted to kill init! exitcode=0x0+\s*$/ }

# A line of init's that the kernel spoke into, as serial ports without buffers let it: put together again when its rest comes.
sub mended {
    my ($text) = @_;
    my $stamp = qr/\[ *\d+\.\d+\] /;
    my @whole;
    if (defined $torn && $text !~ /^$stamp/) { @whole = ($torn . $text); $torn = undef }
    $torn = $1 if $text =~ /^(kflake-.*?)$stamp/;
    return @whole;
}

# A line of the kernel's that says that something is wrong with it.
sub complaint {
    my ($text) = @_;
    $text =~ s/$table->{prefix}//;
    for my $row (@rows) {
        $text =~ $row->{pattern} or next;
        my $group = $1 // '';
        my $new = $row->{kind} eq 'report' || !$complaining;
        $complaining = $row->{kind} ne 'end';
        if ($new && @warnings < $told) {
            my $words = $row->{words} =~ s/\$1/$group/r;
            push @warnings, length $words > 200 ? substr($words, 0, 200) . '...' : $words;
        }
        return;
    }
}

my $select = IO::Select->new($read);
while (1) {
    my $now = time;
    my $limit = $started + $wall;
    my $why = 'wall';
    ($limit, $why) = ($last_output + $silence, 'silence') if $last_output + $silence < $limit;
    my $done = $at{panic} // $at{init};
    ($limit, $why) = ($started + $done + $grace, 'grace') if defined $done && $started + $done + $grace < $limit;
    if ($now >= $limit) { $timeout = $why; last }
    next unless $select->can_read($limit - $now);
    my $got = sysread $read, my $chunk, 65536;
    last unless $got;
    $last_output = time;
    $bytes += $got;
    print $raw $chunk;
    $pending .= $chunk;
    line($1) while $pending =~ s/^([^\n]*)\n//;
    # A line without an end is not let grow forever.
    if (length $pending > 65536) { line($pending); $pending = '' }
}
line($pending) if length $pending;
$ended = time - $started;
my $status;
if (defined $timeout) {
    kill 'KILL', -$child;
    kill 'KILL', $child;
}
waitpid $child, 0;
$status = $?;
close $raw;
close $log;

my ($class, $detail) = verdict();

sub verdict {
    if (@markers) {
        my $m = $markers[0];
        return ('marker-repeated', 'init said its line ' . @markers . ' times') if @markers > 1;
        return ('wrong-pid', "init ran as process $m->{pid}") if $m->{pid} != 1;
        return ('wrong-release', "the running kernel says $m->{release}, expected $release") if $m->{release} ne $release;
        return ('wrong-machine', "the running kernel says $m->{machine}, expected $machine") if $m->{machine} ne $machine;
        my $put = @modules;
        if (@failed || $m->{loaded} != $put) {
            my @words = map { "$_->[0] ($_->[1]" . errno($_->[1]) . ')' } @failed[0 .. ($#failed > 4 ? 4 : $#failed)];
            my $more = @failed > @words ? ' and ' . (@failed - @words) . ' more' : '';
            my $which = @words ? ': ' . join(', ', @words) . $more : '';
            return ('module-not-loaded', "$m->{loaded} of $put modules loaded$which");
        }
        if ($module) {
            my $why = $m->{module} =~ /^error-(\d+)$/ ? errno($1) : '';
            return ('module-not-loaded', "init says module=$m->{module}$why") if $m->{module} ne 'loaded';
            return ('module-not-loaded', 'the module loaded but its own line is missing') unless defined $saw{probe};
            return ('wrong-release', "the module says $saw{probe}, expected $release") if $saw{probe} ne $release;
        }
        return ('panic-after-init', $saw{panic}) if exists $at{panic};
        my ($missing) = grep { !$heard{$_} } @expected;
        return ('message-missing', "no line of the console has: $missing") if defined $missing;
        return ('passed', '');
    }
    return ('init-failed', "init could not $saw{init_error}") if defined $saw{init_error};
    if (exists $at{panic}) {
        return ($saw{panic} =~ /kill init/ ? 'panic-after-init' : 'panic-before-init', $saw{panic});
    }
    my $tail = $last_line eq '' ? 'nothing at all was printed' : "last line: $last_line";
    return ('silent', sprintf 'no output for %g s; %s', $silence, $tail) if ($timeout // '') eq 'silence';
    return ($bytes ? 'wall-timeout' : 'silent', sprintf 'no end after %g s; %s', $wall, $tail) if defined $timeout;
    return ('qemu-exit', 'QEMU ' . ($status & 127 ? 'died of signal ' . ($status & 127) : 'ended with status ' . ($status >> 8)) . "; $tail");
}

# The first errors are the same on every architecture.
sub errno { my ($number) = @_; return '' if $number < 1 || $number > 34; local $! = $number; return ": $!" }

sub json { my ($s) = @_; return 'null' unless defined $s; $s =~ s/(["\\])/\\$1/g; $s =~ s/([^\x20-\x7e])/sprintf '\\u%04x', ord $1/ge; return "\"$s\"" }
sub seconds { defined $_[0] ? sprintf '%.3f', $_[0] : 'null' }
my $m = $markers[0] // {};
open my $json, '>', "$out/boot.json" or die "$out/boot.json: $!\n";
print $json '{"outcome":', json($class), ',"seconds_to_banner":', seconds($at{banner}), ',"seconds_to_init":', seconds($at{init}),
    ',"seconds_to_poweroff":', (defined $timeout ? 'null' : seconds($ended)), ',"release":', json($m->{release}), ',"machine":',
    json($m->{machine}), ',"pid":', ($m->{pid} // 'null'), ',"module":', json($m->{module}), ',"modules":', scalar @modules,
    ',"loaded":', ($m->{loaded} // 'null'), ',"warnings":[', join(',', map { json($_) } @warnings), '],"reason":',
    ($detail eq '' ? 'null' : json($detail)), "}\n";
close $json;

if ($class eq 'passed') {
    my $many = @warnings == 1 ? ' with 1 warning: ' : ' with ' . @warnings . ' warnings: ';
    printf "booted in %.1f s%s\n", $at{init}, @warnings ? $many . join('; ', @warnings[0 .. ($#warnings > 2 ? 2 : $#warnings)]) : '';
    exit 0;
}
print "kflake: boot: $class: $detail\n";
exit 1;
