# What kflake's commands realise: derivations and their outputs, described in one evaluation.
#
#   nix-instantiate --eval --strict --json --read-write-mode describe.nix --argstr asked FILE
#
# asked     JSON: { lenient, requests = [ request ] }; where lenient, what cannot be described is { error }, and sinks nothing else
# packages  the package set to import; null: what flake.lock has as nixpkgs
#
# A request is { id, version, arch, toolchain, board, config, fragments, strict, targets, dtbs, proof, module, boot, sdk, fresh,
# wanted }; the id of one that wants an image is its cell, or, for an image without one, its toolchain:
#   version    of the kernel; null where only a toolchain is wanted
#   config     "board" for the board's own defconfig, { profile }, { named } or { file }
#   fragments  [ { label, file } | { label, tree } ], files as absolute paths
#   targets    as buildKernel takes them
#   proof      null, or { wall_timeout, silence_timeout } of the boot test that proves a cell
#   module     null, or { name, folder, make_flags, symvers, boot }; boot is null, or { expect, before } for a boot test that loads it
#              after the modules `before`
#   boot       null, or { interactive, kernel, dtb, initrd, toolchain, shell, modules, program }: files instead of what would be
#              built, or null; toolchain links init, which loads modules and runs program, null or { name, file, arguments }, or
#              a shell
#   sdk        null, or { name, toolchain }: of what programs are built with
#   fresh      { kernel = TEXT; ... }: stages (toolchain, kernel, module, boot) that are built although the store has them; TEXT is new
#   wanted     names of `things` below
# Paths name files of the user's; but for those of boot, which QEMU opens, they enter the store under fixed names. Nothing of
# a request becomes Nix code.
{
  asked,
  packages ? null,
  system ? builtins.currentSystem,
}:
let
  pkgs = import ./package-set.nix { inherit packages system; };
  inherit (pkgs) lib;
  matrix = import ./matrix.nix;
  sources = import ./sources.nix;
  cells = import ./cells.nix {
    inherit pkgs matrix sources;
    resolve = import ./resolve.nix;
  };
  inherit (cells) versionOf;
  questions = builtins.fromJSON (
    builtins.readFile (if builtins.isString asked then /. + asked else asked)
  );

  imported =
    name: path:
    builtins.path {
      inherit name;
      path = /. + path;
    };

  describe = drv: {
    inherit (drv) drvPath name system;
    outputs = lib.genAttrs drv.outputs (output: drv.${output}.outPath);
  };

  # What a thing is made of and by. All of it is read from what would be built, never from the request, so that whoever asked can
  # compare the two.
  ofToolchain = toolchain: {
    toolchain = toolchain.id;
    tools.cc = versionOf pkgs.stdenv.cc;
  };
  ofKernel = kernel: {
    toolchain = kernel.toolchain.id;
    arch = kernel.arch.id;
    inherit (kernel) version;
    board = kernel.board.id or null;
    config =
      if kernel.profile != "" then
        "profile ${kernel.profile}"
      else if kernel.defconfig != "" then
        "defconfig ${kernel.defconfig}"
      else
        "file";
    source = kernel.kernelSource.src.outputHash;
    tools = {
      cc = versionOf pkgs.stdenv.cc;
      make = versionOf pkgs.gnumake;
    };
  };
  ofTest =
    test:
    ofKernel test.kernel
    // {
      board = test.board.id or null;
      tools.qemu = versionOf pkgs.qemu;
    };

  # tryEval catches what is thrown, and hides its words; the reasons worth telling are found beforehand.
  attempt =
    { problem, thing }:
    if !questions.lenient then
      if problem == null then thing else throw "kflake: ${problem}"
    else if problem != null then
      { error = problem; }
    else
      let
        tried = builtins.tryEval (builtins.deepSeq thing thing);
      in
      if tried.success then tried.value else { error = "evaluation failed"; };

  thingsOf =
    request:
    let
      known =
        set: what: key:
        if set ? ${key} then null else "${what} `${key}` is not in the matrix";
      firstOf = builtins.foldl' (a: b: if a != null then a else b) null;
      toolchainProblem = firstOf [
        (known matrix.arches "architecture" request.arch)
        (known matrix.toolchains "toolchain" request.toolchain)
        (
          if lib.elem system matrix.toolchains.${request.toolchain}.systems then
            null
          else
            "toolchain `${request.toolchain}` does not run on ${system}"
        )
      ];
      kernelProblem = firstOf [
        toolchainProblem
        (if request.version == null then "no kernel version is known for this cell" else null)
        (known sources.kernels "kernel" request.version)
        (
          if request.board != null then
            known matrix.boards "board" request.board
          else if request.config == "board" || request.config ? profile then
            "no board is known for this cell"
          else
            null
        )
      ];
      machineProblem = firstOf [
        toolchainProblem
        (if request.board == null then "no board is known for this cell" else null)
        (known matrix.boards "board" request.board)
      ];

      board =
        if request.board == null then null else matrix.boards.${request.board} // { id = request.board; };
      # A stage that is asked for anew gets something that makes its hash one that no store has.
      anew =
        stage: drv:
        if request.fresh ? ${stage} then
          drv.overrideAttrs (_: {
            kflakeFresh = request.fresh.${stage};
          })
        else
          drv;

      toolchain = anew "toolchain" cells.toolchains.${request.toolchain};
      kernel = anew "kernel" (
        cells.lib.buildKernel (
          {
            inherit (request) version arch board;
            inherit toolchain;
          }
          // (
            if request.config == "board" then
              {
                inherit (board) defconfig;
                strict = true;
              }
            else if request.config ? profile then
              { inherit (request.config) profile; }
            else if request.config ? named then
              { defconfig = request.config.named; }
            else
              { config = imported "base.config" request.config.file; }
          )
          # Left out where nothing is asked: the kernel is then the one that validation builds.
          // lib.optionalAttrs (request.fragments != [ ]) {
            configFragments = map (
              fragment:
              if fragment ? file then
                {
                  inherit (fragment) label;
                  file = imported "fragment.config" fragment.file;
                }
              else
                { inherit (fragment) label tree; }
            ) request.fragments;
          }
          // lib.optionalAttrs request.strict { strict = true; }
          // lib.optionalAttrs (request.targets != null) { inherit (request) targets; }
          // lib.optionalAttrs (request.dtbs != [ ]) { inherit (request) dtbs; }
        )
      );

      proof = cells.prove {
        inherit kernel anew;
        name = request.id;
        wallTimeout = request.proof.wall_timeout;
        silenceTimeout = request.proof.silence_timeout;
      };

      module = cells.lib.buildModule {
        inherit kernel;
        inherit (request.module) name;
        src = imported "module-source" request.module.folder;
        makeFlags = request.module.make_flags;
        symvers = map (imported "Module.symvers") request.module.symvers;
      };

      moduleBoot = cells.lib.bootTest {
        inherit kernel board;
        modules = [ module ] ++ map (imported "module.ko") request.module.boot.before;
        inherit (request.module.boot) expect;
        name = module.name;
      };

      # What QEMU is started with: the user's files, else what validation of the cell boots.
      machine =
        let
          inherit (request) boot;
          toolchain = cells.toolchains.${boot.toolchain};
          modules = map (imported "module.ko") boot.modules;
          initramfs =
            if boot.program == null && boot.shell then
              cells.boots.programInitramfs { inherit toolchain modules; }
            else if boot.program == null then
              cells.boots.initramfs {
                inherit toolchain modules;
                kernel = request.version;
              }
            else
              cells.boots.programInitramfs {
                inherit toolchain modules;
                program = imported "program" boot.program.file;
                programName = boot.program.name;
                inherit (boot.program) arguments;
              };
          given = lib.filterAttrs (_: file: file != null) {
            image = boot.kernel;
            inherit (boot) dtb initrd;
          };
          own = boot.initrd == null;
          initrd = if own then "${initramfs}/initramfs.cpio" else boot.initrd;
        in
        {
          inherit initrd;
          command = cells.boots.qemuCommand (
            {
              inherit board kernel initramfs;
              inherit (boot) interactive;
            }
            # A kernel of one's own comes without device trees.
            // lib.optionalAttrs (boot.kernel != null) { dtb = null; }
            // given
          );
          # what says a line with the nonce of a run
          ours = lib.optionalAttrs own { inherit initrd; };
        };

      image = cells.imageOf {
        cell = if request.id == request.toolchain then null else request.id;
        inherit (request) arch toolchain board;
      };

      bootImage = cells.bootImageOf { inherit (request) arch toolchain; };

      sdk = cells.sdks.sdk {
        inherit kernel;
        inherit (request.sdk) name;
        toolchain = cells.toolchains.${request.sdk.toolchain};
      };

      sdkImage = cells.sdkImageOf {
        cell = request.id;
        inherit sdk;
      };

      forKernel = drv: {
        problem = kernelProblem;
        thing = describe drv // {
          made = ofKernel (drv.kernel or drv);
        };
      };
      onMachine = drv: {
        problem = firstOf [
          kernelProblem
          machineProblem
        ];
        thing = describe drv // {
          made = ofTest drv;
        };
      };
    in
    {
      toolchain = {
        problem = toolchainProblem;
        thing = describe toolchain // {
          made = ofToolchain toolchain;
        };
      };
      image = {
        problem = firstOf [
          toolchainProblem
          (if request.board == null then null else known matrix.boards "board" request.board)
        ];
        thing = describe image // {
          made = ofToolchain image.toolchain;
        };
      };
      bootimage = {
        problem = toolchainProblem;
        thing = describe bootImage // {
          made = ofToolchain bootImage.toolchain;
        };
      };
      kernel = forKernel kernel;
      module = forKernel module;
      sdk = forKernel sdk;
      sdkimage = forKernel sdkImage;
      probe = forKernel proof.module;
      boottest = onMachine proof.boot;
      moduleboot = onMachine moduleBoot;
      machine = {
        # a kernel of the user's own need not be one that there is a source of
        problem = machineProblem;
        thing =
          describe (
            cells.boots.bootCommand {
              inherit board;
              inherit (machine) command initrd;
            }
          )
          // machine.ours
          // {
            inherit (machine) command;
          };
      };
    };
in
{
  inherit system;
  answers = map (request: {
    inherit (request) id;
    things = lib.genAttrs request.wanted (name: attempt (thingsOf request).${name});
  }) questions.requests;
}
