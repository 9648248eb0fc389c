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
  # What a build of kflake's own changes in the tree, or says to make, and this one does not.
  fixes = builtins.filter (import ./applies.nix {
    inherit version arch;
    inherit (toolchain) gcc;
  }) (import ./fixes.nix);
in
pkgs.writeText "kbuild-environment" ''
  export PATH=${toolchain}/bin:$PATH
  export ARCH=${matrix.arches.${arch}.linuxArch}
  export ${pkgs.lib.escapeShellArgs toolchain.kbuildEnvironment}
  kbuild_fixes="${toString (map (fix: fix.id) fixes)}"
''
