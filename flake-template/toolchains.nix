# Every toolchain of the matrix, by id, and how pins become files.
{
  pkgs,
  matrix,
  sources,
  # musl-cross-make's tree, whose patches toolchains built from source may name.
  muslCrossMake ? null,
}:
let
  inherit (pkgs) lib;

  elfTools = builtins.path {
    name = "kflake-elf.sh";
    path = ./elf.sh;
  };

  # The package set's own table comes first, then what NIX_MIRRORS_<scheme> names, then the addresses that the data has.
  expand =
    url:
    let
      match = builtins.match "mirror://([a-zA-Z0-9_]+)/(.*)" url;
      scheme = builtins.head match;
      bases = import ./debian-packages/mirrors.nix scheme ++ sources.mirrors.${scheme} or [ ];
    in
    [ url ] ++ lib.optionals (match != null) (map (base: base + builtins.elemAt match 1) bases);

  # More than any file that is pinned without its size.
  largest = 2 * 1024 * 1024 * 1024;

  # The file behind a pin: a fixed-output derivation, so where it comes from does not matter once its hash is right.
  fetch =
    pin:
    pkgs.fetchurl {
      inherit (pin) name hash;
      urls = lib.concatMap expand pin.urls;
      # A mirror may have no end; curl goes on to the next one.
      curlOptsList = [
        "--max-filesize"
        (toString (if pin.size or null == null then largest else pin.size))
      ];
    };

  fetchPin = key: fetch (sources.pins.${key} or (throw "kflake: sources.nix has no pin `${key}`"));

  callPackage = import ./call-package.nix pkgs;
  prebuilt = callPackage ./mk-prebuilt-toolchain.nix { inherit elfTools; };
  fromSource = callPackage ./mk-source-toolchain.nix {
    inherit elfTools fetchPin muslCrossMake;
    inherit (matrix) patches;
  };

  build =
    id: spec:
    let
      arch = matrix.arches.${spec.arch};
    in
    if
      builtins.elem spec.source [
        "debian"
        "bootlin"
        "korg"
        "llvm"
      ]
    then
      prebuilt.toolchain {
        inherit id spec arch;
        archives = map fetchPin spec.pins;
        runtime =
          if spec.runtime == null then
            null
          else
            prebuilt.runtime {
              name = spec.source;
              archives = map fetchPin matrix.runtimes.${spec.runtime};
            };
        targets =
          if spec.shared == null then
            null
          else
            lib.mapAttrsToList (name: triple: {
              inherit triple;
              arch = matrix.arches.${name};
            }) matrix.shared.${spec.shared};
      }
    else if
      builtins.elem spec.source [
        "musl"
        "kernel-only"
      ]
    then
      fromSource.toolchain { inherit id spec arch; }
    else
      throw "kflake: toolchain ${id}: no builder for the source `${spec.source}`";
in
{
  inherit elfTools fetch fetchPin;

  toolchains = lib.mapAttrs (
    id: spec:
    if builtins.elem pkgs.stdenv.hostPlatform.system spec.systems then
      build id spec
    else
      throw "kflake: toolchain ${id} runs on ${lib.concatStringsSep ", " spec.systems}, not on ${pkgs.stdenv.hostPlatform.system}"
  ) matrix.toolchains;
}
