# The package set to build with: `packages`, a folder, or what flake.lock has as nixpkgs.
{
  packages ? null,
  system,
}:
let
  packageSet = import (
    if packages == null then import ./locked.nix { name = "nixpkgs"; } else packages
  );
in
# A user's own settings and overlays of nixpkgs stay out, as they do where the flake is evaluated.
packageSet (
  builtins.intersectAttrs (builtins.functionArgs packageSet) {
    inherit system;
    config = { };
    overlays = [ ];
  }
)
