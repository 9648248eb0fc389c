# What `kflake build`, `build-module`, `boot` and `sdk` realise: one request, described by a JSON file.
#
#   nix-instantiate --eval --strict --json --read-write-mode request.nix --argstr request FILE --argstr packages DIR
#
# request   JSON: { version, arch, toolchain, board, config, fragments, strict, targets, dtbs, module, boot, sdk, wanted }
#             config     { profile }, { named } or { file }
#             fragments  [ { label, file } | { label, tree } ], files as absolute paths
#             targets    as buildKernel takes them
#             module     null, or { name, folder, make_flags, boot }; boot is null, or { expect } for a boot test that loads it
#             boot       null, or { interactive, kernel, dtb, initrd, toolchain, shell, modules, program }: files instead of what would be
#                        built, or null; toolchain links init, which loads modules and runs program, null or { name, file,
#                        arguments }, or a shell
#             sdk        null, or { name, toolchain }: of what programs are built with
#             wanted     which of source, toolchain, kernel, module, moduleboot, boot, sdk to describe
# Paths name files of the user's; but for those of boot, which QEMU opens, they enter the store under fixed names. Nothing of
# the request becomes Nix code.
{
  request,
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
  asked = builtins.fromJSON (
    builtins.readFile (if builtins.isString request then /. + request else request)
  );

  imported =
    name: path:
    builtins.path {
      inherit name;
      path = /. + path;
    };

  board = if asked.board == null then null else matrix.boards.${asked.board};
  toolchain = cells.toolchains.${asked.toolchain};
  source = cells.sourceOf asked.version;

  kernel = cells.lib.buildKernel (
    {
      inherit (asked) version;
      arch = matrix.arches.${asked.arch};
      src = source;
      inherit toolchain board;
    }
    // (
      if asked.config ? profile then
        { inherit (asked.config) profile; }
      else if asked.config ? named then
        { defconfig = asked.config.named; }
      else
        { config = imported "base.config" asked.config.file; }
    )
    # Left out where nothing is asked: the kernel is then the one that validation builds.
    // pkgs.lib.optionalAttrs (asked.fragments != [ ]) {
      configFragments = map (
        fragment:
        if fragment ? file then
          {
            inherit (fragment) label;
            file = imported "fragment.config" fragment.file;
          }
        else
          { inherit (fragment) label tree; }
      ) asked.fragments;
    }
    // pkgs.lib.optionalAttrs asked.strict { strict = true; }
    // pkgs.lib.optionalAttrs (asked.targets != null) { inherit (asked) targets; }
    // pkgs.lib.optionalAttrs (asked.dtbs != [ ]) { inherit (asked) dtbs; }
  );

  module = cells.lib.buildModule {
    inherit kernel;
    inherit (asked.module) name;
    src = imported "module-source" asked.module.folder;
    makeFlags = asked.module.make_flags;
  };

  moduleBoot = cells.lib.bootTest {
    inherit kernel board;
    modules = [ module ];
    inherit (asked.module.boot) expect;
    name = module.name;
  };

  # What QEMU is started with: the user's files, else what validation of the cell boots.
  bootParts =
    let
      inherit (asked) boot;
      toolchain = cells.toolchains.${boot.toolchain};
      modules = map (imported "module.ko") boot.modules;
      initramfs =
        if boot.program == null && boot.shell then
          cells.boots.programInitramfs { inherit toolchain modules; }
        else if boot.program == null then
          cells.boots.initramfs {
            inherit toolchain modules;
            kernel = asked.version;
          }
        else
          cells.boots.programInitramfs {
            inherit toolchain modules;
            program = imported "program" boot.program.file;
            programName = boot.program.name;
            inherit (boot.program) arguments;
          };
      given = pkgs.lib.filterAttrs (_: file: file != null) {
        image = boot.kernel;
        inherit (boot) dtb initrd;
      };
    in
    cells.boots.qemuCommand (
      {
        inherit board kernel initramfs;
        inherit (boot) interactive;
      }
      # A kernel of one's own comes without device trees.
      // pkgs.lib.optionalAttrs (boot.kernel != null) { dtb = null; }
      // given
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

  things = {
    inherit
      source
      toolchain
      kernel
      module
      ;
    moduleboot = moduleBoot;
    boot = cells.boots.bootCommand board bootParts;
    sdk = cells.sdks.sdk {
      inherit kernel;
      inherit (asked.sdk) name;
      toolchain = cells.toolchains.${asked.sdk.toolchain};
    };
  };
in
builtins.listToAttrs (
  map (name: {
    inherit name;
    value = describe things.${name} // pkgs.lib.optionalAttrs (name == "boot") { command = bootParts; };
  }) asked.wanted
)
