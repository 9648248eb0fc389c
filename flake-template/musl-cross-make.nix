# The flake's input of that name, for what is evaluated without the flake: fetched when a build needs its patches, not when something
# is evaluated. Its path is that of the input, so that a tree which is in the store already is taken from there.
{ pkgs }:
let
  input = (builtins.fromJSON (builtins.readFile ./flake.lock)).nodes.musl-cross-make.locked or null;
in
if input == null then
  null
else if input.type != "github" then
  import ./locked.nix { name = "musl-cross-make"; }
else
  pkgs.fetchzip {
    url = "https://github.com/${input.owner}/${input.repo}/archive/${input.rev}.tar.gz";
    hash = input.narHash;
  }
