# Puts an image together, for image.nix: an OCI image layout in the folder OUT, of layers that are there already.
#
#   image.pl SPEC OUT
#
# SPEC is JSON: name, system, config (Env, Cmd, ...), annotations, layers (a list of { path, by }; one without files is left
# out), and digest: the annotation that is to hold the uncompressed digest of the last layer.
use strict;
use warnings;
use Digest::SHA;
use File::Copy qw(copy);
use JSON::PP;

my ($spec_file, $out) = @ARGV;
die "usage: image.pl SPEC OUT\n" unless defined $out;
my $json = JSON::PP->new->utf8->canonical;
my $spec = $json->decode(slurp($spec_file));
my %processors = ('x86_64' => 'amd64', 'aarch64' => 'arm64');

sub fail { my ($message) = @_; print STDERR "kflake: image: $message\n"; exit 1 }

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or fail("$file cannot be read: $!");
    local $/;
    my $text = <$in>;
    return $text // '';
}

sub spew {
    my ($file, $text) = @_;
    open my $to, '>:raw', $file or fail("$file cannot be written: $!");
    print {$to} $text and close $to or fail("$file cannot be written: $!");
}

# A blob's descriptor; the blob is put in its place.
sub of_text {
    my ($type, $value) = @_;
    my $text = $json->encode($value);
    my $digest = Digest::SHA::sha256_hex($text);
    spew("$out/blobs/sha256/$digest", $text);
    return { mediaType => $type, digest => "sha256:$digest", size => length $text };
}

sub of_file {
    my ($type, $file) = @_;
    my $digest = Digest::SHA->new(256)->addfile($file, 'b')->hexdigest;
    my $blob = "$out/blobs/sha256/$digest";
    -e $blob or copy($file, $blob) or fail("$blob cannot be written: $!");
    return { mediaType => $type, digest => "sha256:$digest", size => -s $file };
}

my ($processor, $kernel) = split /-/, $spec->{system};
my $architecture = $processors{$processor} or fail("$processor is not a name that images have a word for");
for my $folder ($out, "$out/blobs", "$out/blobs/sha256") { mkdir $folder or fail("$folder: $!") }

my (@layers, @ids, @history);
for my $layer (@{ $spec->{layers} }) {
    my $file = "$layer->{path}/layer.tar.gz";
    next unless -e $file;
    chomp(my $id = slurp("$layer->{path}/diff-id"));
    push @ids, "sha256:$id";
    push @layers, of_file('application/vnd.oci.image.layer.v1.tar+gzip', $file);
    push @history, { created => '1970-01-01T00:00:01Z', created_by => $layer->{by} };
}
@layers or fail('it has no layers');
my $annotations = $spec->{annotations};
$annotations->{ $spec->{digest} } = $ids[-1];

my $config = of_text('application/vnd.oci.image.config.v1+json', {
    created => '1970-01-01T00:00:01Z',
    architecture => $architecture,
    os => $kernel,
    config => { %{ $spec->{config} }, Labels => $annotations },
    rootfs => { type => 'layers', diff_ids => \@ids },
    history => \@history,
});
my $manifest = of_text('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion => 2,
    mediaType => 'application/vnd.oci.image.manifest.v1+json',
    config => $config,
    layers => \@layers,
    annotations => $annotations,
});
spew("$out/oci-layout", $json->encode({ imageLayoutVersion => '1.0.0' }));
spew("$out/index.json", $json->encode({
    schemaVersion => 2,
    mediaType => 'application/vnd.oci.image.index.v1+json',
    manifests => [{
        %$manifest,
        platform => { architecture => $architecture, os => $kernel },
        annotations => { 'org.opencontainers.image.ref.name' => $spec->{name} },
    }],
}));
