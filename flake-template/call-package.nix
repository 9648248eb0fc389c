# nixpkgs' callPackage, for package sets that have none: a builder gets the packages that its arguments name, and what it is given.
pkgs: path: given:
let
  builder = import path;
in
builder (builtins.intersectAttrs (builtins.functionArgs builder) (pkgs // given))
