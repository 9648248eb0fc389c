# buildKernel for a project that builds kernels of its own: version, architecture and board by name, the source and the toolchain
# found unless they are given.
{
  matrix,
  resolve,
  toolchains,
  kernels,
  sourceOf,
}:
let
  entry =
    what: set: name:
    set.${name}
      or (throw "kflake: unknown ${what} ${builtins.toJSON name}; one of ${toString (builtins.attrNames set)}");
  # What a kernel has of the matrix, with its name there.
  named =
    what: set: name:
    entry what set name // { id = name; };
in
{
  /**
    A kernel. Takes what `buildKernel` of build-kernel.nix does, but for:

    - version: as the tree calls itself
    - arch: "arm64"
    - src: tarball or tree; by default the matrix' own of this version
    - toolchain: an id of the matrix, or a derivation of toolchains.nix; by default the one that the version and the
      architecture resolve to
    - board: "arm64-virt"; its image, make target and symbols
  */
  buildKernel =
    {
      version,
      arch,
      src ? sourceOf version,
      toolchain ? resolve.toolchainFor version arch,
      board ? null,
      ...
    }@args:
    kernels.buildKernel (
      args
      // {
        arch = named "architecture" matrix.arches arch;
        inherit src;
        toolchain =
          if builtins.isString toolchain then entry "toolchain" toolchains toolchain else toolchain;
        board = if board == null then null else named "board" matrix.boards board;
      }
    );
}
