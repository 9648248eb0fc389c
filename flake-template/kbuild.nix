# The dev shell. Its `kbuild <version> <arch> [-- command...]` runs a command, or a shell, with PATH, ARCH and CROSS_COMPILE set
# for the toolchain that the matrix resolves for that kernel.
{
  pkgs,
  ncurses ? null,
  pkg-config ? null,
}:
let
  inherit (pkgs) lib;

  # This folder, without what a user may keep beside it.
  project = builtins.path {
    name = "kflake-project";
    path = ./.;
    filter =
      path: type:
      let
        name = baseNameOf path;
      in
      type == "regular" && builtins.match ".*\\.(nix|sh|pl|c|config|json)" name != null
      || name == "Makefile"
      ||
        type == "directory"
        && lib.elem name [
          "debian-packages"
          "validate"
          "init"
          "module"
          "kconfig"
        ];
  };

  tools = [
    pkgs.bc
    pkgs.bison
    pkgs.cpio
    pkgs.elfutils
    pkgs.flex
    pkgs.gnumake
    pkgs.hexdump
    pkgs.kmod
    pkgs.openssl
    pkgs.perl
    pkgs.python3
    pkgs.rsync
    pkgs.xz
  ]
  # For `make menuconfig`.
  ++ lib.filter (tool: tool != null) [
    ncurses
    pkg-config
  ];

  kbuild = pkgs.writeShellScriptBin "kbuild" ''
    set -eu
    usage="usage: kbuild <version> <arch> [-- command...]"
    usage() {
      echo "$usage" >&2
      exit 2
    }
    if [ "''${1-}" = --help ] || [ "''${1-}" = -h ]; then
      echo "$usage"
      exit 0
    fi
    [ $# -ge 2 ] || usage
    version=$1 arch=$2
    shift 2
    if [ $# -gt 0 ]; then
      [ "$1" = -- ] && [ $# -gt 1 ] || usage
      shift
    fi
    # Nix itself says why, when there is no such toolchain or it does not build.
    environment=$(nix-build --no-out-link ${project}/kbuild-environment.nix \
      --argstr packages ${toString pkgs.path} --argstr system ${pkgs.stdenv.hostPlatform.system} \
      --argstr version "$version" --argstr arch "$arch") || exit 1
    . "$environment"
    if [ -n "$kbuild_fixes" ]; then
      echo "kbuild: the tree is taken as it is, without what kflake build fixes in it: $kbuild_fixes (kflake explain says what each is)" >&2
    fi
    if [ $# -gt 0 ]; then exec "$@"; fi
    echo "kbuild: Linux $version for $ARCH, CROSS_COMPILE=$CROSS_COMPILE; exit leaves" >&2
    exec "''${SHELL:-/bin/sh}"
  '';
in
pkgs.mkShell {
  name = "kflake";
  packages = [ kbuild ] ++ tools;
  passthru = {
    inherit kbuild;
  };
}
