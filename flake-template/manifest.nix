# What the command line realises: for every cell of a plan, each stage's derivation and outputs, in one evaluation.
#
#   nix-instantiate --eval --strict --json --read-write-mode manifest.nix --argstr plan FILE --argstr packages DIR
#
# plan      JSON: [ { id, era, arch, kernel, toolchain, board, profile, wall_timeout, silence_timeout } ]; kernel and board may be null
# packages  the package set to import (./host-packages, or a nixpkgs)
# A stage that cannot be described is { error }, and sinks neither the others of its cell nor the other cells.
{
  plan,
  packages ? ./host-packages,
  system ? builtins.currentSystem,
}:
let
  pkgs = import (if builtins.isString packages then /. + packages else packages) { inherit system; };
  matrix = import ./matrix.nix;
  cells = import ./cells.nix {
    inherit pkgs matrix;
    sources = import ./sources.nix;
    resolve = import ./resolve.nix;
  };

  planned = builtins.fromJSON (
    builtins.readFile (if builtins.isString plan then /. + plan else plan)
  );

  describe = drv: {
    inherit (drv) drvPath name system;
    outputs = builtins.listToAttrs (
      map (output: {
        name = output;
        value = drv.${output}.outPath;
      }) drv.outputs
    );
  };

  # tryEval catches what is thrown, and hides its words; the reasons worth telling are found beforehand.
  attempt =
    problem: drv:
    if problem != null then
      { error = problem; }
    else
      let
        tried = builtins.tryEval (
          let
            description = describe drv;
          in
          builtins.deepSeq description description
        );
      in
      if tried.success then tried.value else { error = "evaluation failed"; };

  stagesOf =
    cell:
    let
      known =
        set: what: key:
        if set ? ${key} then null else "${what} `${key}` is not in the matrix";
      firstOf = problems: builtins.foldl' (a: b: if a != null then a else b) null problems;
      toolchainProblem = firstOf [
        (known matrix.arches "architecture" cell.arch)
        (known matrix.toolchains "toolchain" cell.toolchain)
        (
          if builtins.elem system matrix.toolchains.${cell.toolchain}.systems then
            null
          else
            "toolchain `${cell.toolchain}` does not run on ${system}"
        )
      ];
      kernelProblem = firstOf [
        toolchainProblem
        (if cell.kernel == null then "no kernel version is known for this cell" else null)
        (if cell.board == null then "no board is known for this cell" else null)
        (known (import ./sources.nix).kernels "kernel" cell.kernel)
        (known matrix.boards "board" cell.board)
      ];
      made = cells.mkCell {
        name = cell.id;
        inherit (cell)
          arch
          toolchain
          kernel
          board
          profile
          ;
        wallTimeout = cell.wall_timeout;
        silenceTimeout = cell.silence_timeout;
      };
    in
    {
      toolchain = attempt toolchainProblem cells.toolchains.${cell.toolchain};
      kernel = attempt kernelProblem made.linux;
      module = attempt kernelProblem made.module;
      boot = attempt kernelProblem made.boot;
    };
in
map (cell: {
  inherit (cell) id;
  stages = stagesOf cell;
}) planned
