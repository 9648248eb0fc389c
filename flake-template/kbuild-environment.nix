# What `kbuild` sources: the environment for building one kernel version for one architecture.
{
  packages,
  system,
  version,
  arch,
}:
let
  pkgs = import ./package-set.nix {
    packages = builtins.toPath packages;
    inherit system;
  };
  matrix = import ./matrix.nix;
  resolve = import ./resolve.nix;
  inherit
    (import ./toolchains.nix {
      inherit pkgs matrix;
      sources = import ./sources.nix;
    })
    toolchains
    ;
  toolchain = toolchains.${resolve.toolchainFor version arch};
in
pkgs.writeText "kbuild-environment" ''
  export PATH=${toolchain}/bin:$PATH
  export ARCH=${matrix.arches.${arch}.linuxArch}
  export CROSS_COMPILE=${toolchain.crossCompile}
''
