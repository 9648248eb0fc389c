# The first program of an empty store: busybox, as Debian links it, without libraries. Nix cannot unpack a package by itself, so
# kflake adds this folder (bin/busybox, and bin/sh, which is a link to it) before it builds anything with this package set.
{ system, seed }:
let
  say = "kflake: debian-packages: the store lacks ${seed.name}, which everything here is unpacked with: run `kflake nix -- build` in the place of `nix build`, or `kflake gen --packages debian` once";
in
builtins.derivation {
  inherit (seed) name;
  inherit system;
  builder = "/bin/sh";
  args = [
    "-c"
    "echo '${say}' >&2; exit 1"
  ];
  outputHashMode = "recursive";
  outputHash = seed.hash;
}
