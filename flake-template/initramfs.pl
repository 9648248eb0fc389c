# initramfs.pl OUT /path=FILE...   writes a cpio archive (newc) with these files, executable, owned by root, all dates zero;
# and /dev/console, so that a kernel without devtmpfs has somewhere to write.
use strict;
use warnings;

my $out = shift;
open my $to, '>:raw', $out or die "$out: $!\n";
my $inode = 0;

sub entry {
    my ($name, $mode, $data, $major, $minor) = @_;
    $inode++;
    my $links = ($mode & 0170000) == 0040000 ? 2 : 1;
    my $header = sprintf '070701' . '%08x' x 13, $inode, $mode, 0, 0, $links, 0, length $data, 0, 0, $major // 0, $minor // 0,
        length($name) + 1, 0;
    my $head = "$header$name\0";
    $head .= "\0" x (-length($head) % 4);
    print $to $head, $data, "\0" x (-length($data) % 4);
}

entry('dev', 0040755, '');
entry('dev/console', 0020600, '', 5, 1);
entry('proc', 0040755, '');
for my $pair (@ARGV) {
    my ($path, $file) = $pair =~ m{^/([^=]+)=(.+)$} or die "not /path=FILE: $pair\n";
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    entry($path, 0100755, scalar <$in>);
}
$inode = -1;
entry('TRAILER!!!', 0, '');
close $to or die "$out: $!\n";
