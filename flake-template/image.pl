# Puts an image together, for image.nix: an OCI image layout in the folder OUT, of layers that are there already.
#
#   image.pl SPEC OUT
#
# SPEC is JSON: name, system, config (Env, Cmd, ...), annotations, layers (a list of { path, by, digest }; one without files is left
# out; digest, if any, is the annotation that is to hold the layer's digest when it is not compressed), environment: null, or a
# script for a shell, whose variables are the image's too; and kernelMisc: null, or the folder that says what an SDK's kernel is.
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

# Variables, `NAME=VALUE` each, once a shell that had $before has read $script: those of $before in their order, then the new ones by name.
sub sourced {
    my ($script, $before) = @_;
    my %is = map { split /=/, $_, 2 } @$before;
    my @names = map { /^([^=]*)/ } @$before;
    my $shell = 'path=$1; . "$2"; exec "$path" -0e \'foreach my $name (sort keys %ENV) { print "$name=$ENV{$name}\\0" }\'';
    local %ENV = %is;
    open my $in, '-|', '/bin/sh', '-euc', $shell, 'sh', $^X, $script or fail("a shell cannot be started: $!");
    local $/ = "\0";
    my %has = map { chomp; split /=/, $_, 2 } <$in>;
    close $in or fail("$script ended with $?");
    delete @has{qw(_ OLDPWD PWD SHLVL)};
    my %known = map { $_ => 1 } @names;
    return [ map { "$_=$has{$_}" } (grep { exists $has{$_} } @names), sort grep { !$known{$_} } keys %has ];
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
    $spec->{annotations}{ $layer->{digest} } = "sha256:$id" if $layer->{digest};
}
@layers or fail('it has no layers');
for my $fact ($spec->{kernelMisc} ? qw(release vermagic) : ()) {
    my $file = "$spec->{kernelMisc}/kernel-$fact";
    chomp($spec->{annotations}{"kflake.sdk.$fact"} = slurp($file)) if -e $file;
}
my $annotations = $spec->{annotations};
$spec->{config}{Env} = sourced($spec->{environment}, $spec->{config}{Env}) if $spec->{environment};

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
