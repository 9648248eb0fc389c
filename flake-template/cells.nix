# Puts the parts together for one package set: every cell's toolchain, kernel, module and boot test, and groups of them.
{
  pkgs,
  matrix,
  sources,
  resolve,
  muslCrossMake ? import ./musl-cross-make.nix { inherit pkgs; },
}:
let
  inherit (pkgs) lib;

  tools = import ./toolchains.nix {
    inherit
      pkgs
      matrix
      sources
      muslCrossMake
      ;
  };
  inherit (tools) toolchains elfTools;

  # nixpkgs' callPackage, without its `override`.
  callPackage =
    path: given:
    let
      builder = import path;
    in
    builder (builtins.intersectAttrs (builtins.functionArgs builder) (pkgs // given));

  kernels = callPackage ./build-kernel.nix {
    inherit elfTools;
    inherit (boots) bootTest;
    fixes = import ./fixes.nix;
  };
  modules = import ./module.nix { inherit pkgs elfTools; };
  boots = import ./boot.nix { inherit pkgs elfTools; };
  sdks = import ./sdk.nix { inherit pkgs elfTools; };

  probeSource = builtins.path {
    name = "kflake-probe-source";
    path = ./validate/module;
  };

  # The tarball of a kernel version, unpacked and repaired. Asking for one that no source is registered for is an error.
  sourceOf =
    version:
    kernels.kernelSource {
      inherit version;
      src = tools.fetch (
        sources.kernels.${version}
          or (throw "kflake: no source for kernel ${version}: add one with `kflake kernel add FILE`")
      );
    };

  # What proves a kernel: the probe module, and a boot test that loads it.
  prove =
    {
      kernel,
      name,
      wallTimeout,
      silenceTimeout,
    }:
    rec {
      module = modules.buildModule {
        inherit kernel;
        src = probeSource;
        name = "kflake-probe";
      };
      boot = boots.bootTest {
        inherit
          kernel
          module
          name
          wallTimeout
          silenceTimeout
          ;
      };
    };

  # era, arch, toolchain, kernel, board as in matrix.cells; the rest is how to prove it.
  mkCell =
    {
      name,
      arch,
      toolchain,
      kernel,
      board,
      profile ? "tiny",
      wallTimeout ? 120,
      silenceTimeout ? 30,
    }:
    let
      theBoard = matrix.boards.${board};
      # A profile is a file of validate/kconfig; "board" is the board's own defconfig.
      configuration =
        if profile == "board" then
          {
            inherit (theBoard) defconfig;
            strict = true;
          }
        else
          { inherit profile; };
    in
    rec {
      inherit name;
      tools = toolchains.${toolchain};
      linux = kernels.buildKernel (
        configuration
        // {
          version = kernel;
          arch = matrix.arches.${arch};
          board = theBoard;
          src = sourceOf kernel;
          toolchain = tools;
        }
      );
      inherit
        (prove {
          kernel = linux;
          inherit name wallTimeout silenceTimeout;
        })
        module
        boot
        ;
      # A kernel's compiler without a C library is joined by one that has one.
      sdk = sdks.sdk {
        kernel = linux;
        toolchain = if tools.libc != null then tools else toolchains.${programs.toolchain};
        inherit name;
      };
      programs = resolve.resolve {
        version = kernel;
        inherit arch;
        purpose = "userland";
      };
      hasSdk =
        tools.libc != null
        || lib.elem system (matrix.toolchains.${toString programs.toolchain} or { systems = [ ]; }).systems;
    };

  system = pkgs.stdenv.hostPlatform.system;
  runsHere = cell: lib.elem system matrix.toolchains.${cell.toolchain}.systems;
  hasKernel = cell: cell.kernel != null && cell.board != null && sources.kernels ? ${cell.kernel};

  # Cells that this system can build, as the matrix has them.
  usable = lib.filterAttrs (_: runsHere) matrix.cells;
  bootable = lib.filterAttrs (_: hasKernel) usable;
  built = lib.mapAttrs (
    name: cell:
    mkCell {
      inherit name;
      inherit (cell)
        arch
        toolchain
        kernel
        board
        ;
    }
  ) bootable;

  cellPackages = lib.mapAttrs (_: cell: toolchains.${cell.toolchain}) usable;
  prefixed =
    prefix: stage:
    lib.mapAttrs' (name: cell: lib.nameValuePair "${prefix}-${name}" cell.${stage}) built;
  sdkPackages = lib.mapAttrs' (name: cell: lib.nameValuePair "sdk-${name}" cell.sdk) (
    lib.filterAttrs (_: cell: cell.hasSdk) built
  );
  kernelPackages = prefixed "kernel" "linux";
  modulePackages = prefixed "module" "module";
  bootPackages = prefixed "boot" "boot";

  farm = name: packages: pkgs.linkFarm name packages;

  # debian-all, bootlin-all, ...: every toolchain of one source that a cell uses.
  sourceNames = lib.attrNames (
    lib.mapAttrs' (_: cell: lib.nameValuePair matrix.toolchains.${cell.toolchain}.source null) usable
  );
  sourceGroups = lib.listToAttrs (
    map (
      source:
      lib.nameValuePair "${source}-all" (
        farm "${source}-all" (
          lib.filterAttrs (
            name: _: matrix.toolchains.${usable.${name}.toolchain}.source == source
          ) cellPackages
        )
      )
    ) sourceNames
  );
  # spike, k26-all, ...: what the data puts together.
  dataGroups = lib.mapAttrs (
    name: members:
    farm name (
      lib.mapAttrs (_: id: toolchains.${id}) (
        lib.filterAttrs (_: id: lib.elem system matrix.toolchains.${id}.systems) members
      )
    )
  ) (matrix.groups or { });
  # k6-all, ...: everything of one band.
  ofEra = era: lib.filterAttrs (name: _: usable.${name}.era == era);
  eraGroups = lib.listToAttrs (
    lib.concatMap (
      era:
      let
        packages = ofEra era cellPackages;
        boots' = lib.mapAttrs (_: cell: cell.boot) (ofEra era built);
      in
      lib.optional (packages != { }) (lib.nameValuePair "${era}-all" (farm "${era}-all" packages))
      ++ lib.optional (boots' != { }) (
        lib.nameValuePair "boot-${era}-all" (farm "boot-${era}-all" boots')
      )
    ) (lib.attrNames matrix.eras)
  );
in
{
  inherit
    toolchains
    elfTools
    mkCell
    prove
    sourceOf
    boots
    sdks
    ;

  # For projects that build kernels of their own.
  lib = {
    inherit toolchains;
    inherit (kernels) buildKernel kernelSource;
    # The probe module of a cell is proved by loading it; a module that is not booted is checked in full.
    buildModule = args: modules.buildModule ({ report = true; } // args);
    inherit (boots) bootTest;
  };

  packages =
    cellPackages
    // kernelPackages
    // modulePackages
    // bootPackages
    // sdkPackages
    // sourceGroups
    // eraGroups
    // dataGroups;

  # What `nix flake check` builds: every cell that can be booted.
  checks = bootPackages;

  apps = lib.mapAttrs' (
    name: cell:
    lib.nameValuePair "boot-${name}" {
      type = "app";
      program = "${boots.interactive cell.boot}/bin/kflake-boot";
      meta.description = "Boot the kernel of ${name}, with this terminal as its console";
    }
  ) built;

  formatter = pkgs.nixfmt-rfc-style or pkgs.nixfmt;

  devShell = import ./kbuild.nix { inherit pkgs; };
}
