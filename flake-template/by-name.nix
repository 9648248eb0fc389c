# The builders for a project that builds kernels of its own: version, architecture and board by name, the source and the
# toolchain found unless they are given.
{
  matrix,
  resolve,
  cells,
}:
let
  entry =
    what: set: name:
    set.${name}
      or (throw "kflake: unknown ${what} ${builtins.toJSON name}; one of ${toString (builtins.attrNames set)}");
in
{
  # version    as the tree calls itself
  # arch       "arm64"
  # src        tarball or tree; by default the matrix' own of this version
  # toolchain  a derivation of toolchains.nix; by default the one that the version and the architecture resolve to
  # board      "arm64-virt": its image, make target and symbols; optional
  # The rest is as in build-kernel.nix: exactly one of config, defconfig and profile; configFragments, modules, dtbs, ...
  buildKernel =
    {
      version,
      arch,
      src ? cells.sourceOf version,
      toolchain ? cells.toolchains.${resolve.toolchainFor version arch},
      board ? null,
      ...
    }@args:
    cells.lib.buildKernel (
      args
      // {
        arch = entry "architecture" matrix.arches arch;
        inherit src toolchain;
        board = if board == null then null else entry "board" matrix.boards board;
      }
    );

  # kernel, src, name ? "module", makeFlags ? [ ]
  inherit (cells.lib) buildModule;
}
