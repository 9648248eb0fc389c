/**
  The flake's packages without flakes: `nix-build -A kernel-k6-arm64`. `lib` has the builders.

  # Arguments

  - pkgs: the package set to build with; by default, what flake.lock has as nixpkgs
*/
{
  system ? builtins.currentSystem,
  pkgs ? import ./package-set.nix { inherit system; },
}:
let
  cells = import ./cells.nix {
    inherit pkgs;
    matrix = import ./matrix.nix;
    sources = import ./sources.nix;
    resolve = import ./resolve.nix;
  };
in
cells.packages // { inherit (cells) lib; }
