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
  versions = import ./versions.nix;
  versionOf = drv: drv.version or (builtins.parseDrvName drv.name).version;

  tools = import ./toolchains.nix {
    inherit
      pkgs
      matrix
      sources
      muslCrossMake
      ;
  };
  inherit (tools) toolchains elfTools;

  callPackage = import ./call-package.nix pkgs;

  kernels = callPackage ./build-kernel.nix {
    inherit elfTools;
    inherit (boots) bootTest;
    fixes = import ./fixes.nix;
  };
  modules = callPackage ./module.nix { inherit elfTools; };
  boots = callPackage ./boot.nix { inherit elfTools; };
  sdks = callPackage ./sdk.nix { inherit elfTools; };
  images = callPackage ./image.nix {
    kernelTools = kernels.tools;
    inherit (kernels) prefixMapFor;
  };

  # The image of a compiler, by names of the matrix; cell and board may be null.
  imageOf =
    {
      cell,
      arch,
      toolchain,
      board,
    }:
    let
      known = if cell == null then null else matrix.cells.${cell} or null;
    in
    images.image {
      name = if cell == null then toolchain else cell;
      inherit cell;
      toolchain = toolchains.${toolchain};
      linuxArch =
        if board == null then matrix.arches.${arch}.linuxArch else matrix.boards.${board}.kernelArch;
      # A compiler that was asked for by name has no other reason.
      reasons = if known != null && known.toolchain == toolchain then known.reasons else [ ];
    };

  # The image of a cell's SDK.
  sdkImageOf =
    { cell, sdk }:
    images.image {
      name = "sdk-${cell}";
      inherit cell sdk;
      inherit (sdk) toolchain;
      inherit (sdk.kernel) linuxArch;
    };

  # The image that boots kernels of an arch, by names of the matrix.
  bootImageOf =
    { arch, toolchain }:
    let
      named = {
        arch = matrix.arches.${arch} // {
          id = arch;
        };
        toolchain = toolchains.${toolchain};
      };
    in
    images.bootImage (
      named
      // {
        boot = boots.bootBuiltKernel (
          named // { boards = map (id: matrix.boards.${id} // { inherit id; }) named.arch.boards; }
        );
        qemu = versionOf pkgs.qemu;
      }
    );

  # The builders for a project of one's own, which takes from the matrix by name.
  byName = import ./by-name.nix {
    inherit matrix resolve;
    inherit (tools) toolchains;
    inherit kernels sourceOf;
  };

  probeSource = builtins.path {
    name = "kflake-probe-source";
    path = ./validate/module;
  };

  # A version as it is registered: 6.6.0 is 6.6. Asking for one that no source is registered for is an error.
  registered =
    version:
    let
      asked = resolve.parse version;
      same = lib.filter (known: resolve.parse known == asked) (lib.attrNames sources.kernels);
    in
    if sources.kernels ? ${version} then
      version
    else if same == [ ] then
      throw "kflake: no source for kernel ${version}: add one with `kflake kernel add FILE`"
    else
      lib.head same;

  # The tarball of a kernel version, unpacked and repaired.
  sourceOf =
    asked:
    let
      version = registered asked;
    in
    kernels.kernelSource {
      inherit version;
      src = tools.fetch sources.kernels.${version};
    };

  # What proves a kernel: the probe module, and a boot test that loads it. anew takes "module" or "boot" and the derivation of it.
  prove =
    {
      kernel,
      name,
      wallTimeout,
      silenceTimeout,
      anew ? (_: drv: drv),
    }:
    rec {
      module = anew "module" (
        modules.buildModule {
          inherit kernel;
          src = probeSource;
          name = "kflake-probe";
        }
      );
      boot = anew "boot" (
        boots.bootTest {
          inherit
            kernel
            module
            name
            wallTimeout
            silenceTimeout
            ;
        }
      );
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
      # A profile is a file of validate/kconfig; "board" is the board's own defconfig.
      configuration =
        if profile == "board" then
          {
            inherit (matrix.boards.${board}) defconfig;
            strict = true;
          }
        else
          { inherit profile; };
    in
    rec {
      inherit name;
      tools = toolchains.${toolchain};
      kernelWith =
        more:
        byName.buildKernel (
          configuration
          // {
            version = kernel;
            toolchain = tools;
            inherit arch board;
          }
          // more
        );
      linux = kernelWith { };
      inherit
        (prove {
          kernel = linux;
          inherit name wallTimeout silenceTimeout;
        })
        module
        boot
        ;
      # A kernel's compiler without a C library is joined by one that has one. Of the kernel it takes what modules are built with.
      sdk = sdks.sdk {
        kernel = kernelWith {
          targets = [
            "config"
            "dev"
          ];
        };
        toolchain = if tools.libc != null then tools else toolchains.${programs.toolchain};
        inherit name;
      };
      programs = resolve.resolve {
        version = kernel;
        inherit arch;
        purpose = "userland";
      };
      hasPrograms =
        lib.elem system
          (matrix.toolchains.${toString programs.toolchain} or { systems = [ ]; }).systems;
      hasSdk = tools.libc != null || hasPrograms;
      # What links a shell for the kernel: a compiler with a C library that the kernel will do for. Null: there is none.
      shell =
        let
          startsOn =
            it:
            it.libc != null && (it.spec.oldestKernel == null || !(versions.older kernel it.spec.oldestKernel));
        in
        if startsOn tools then
          tools
        else if hasPrograms && startsOn toolchains.${programs.toolchain} then
          toolchains.${programs.toolchain}
        else
          null;
    };

  system = pkgs.stdenv.hostPlatform.system;
  runsHere = cell: lib.elem system matrix.toolchains.${cell.toolchain}.systems;
  hasKernel = cell: cell.kernel != null && cell.board != null && sources.kernels ? ${cell.kernel};

  # Cells that this system can build, as the matrix has them.
  usable = lib.filterAttrs (_: runsHere) matrix.cells;
  bootable = lib.filterAttrs (_: hasKernel) usable;
  cellWith =
    profile: name: cell:
    mkCell {
      inherit name profile;
      inherit (cell)
        arch
        toolchain
        kernel
        board
        ;
    };
  built = lib.mapAttrs (cellWith "tiny") bootable;
  # Kernels as they are, with their boards' own configurations.
  stock = lib.filterAttrs (
    _: cell: runsHere cell && hasKernel cell && matrix.boards.${cell.board}.defconfig != null
  ) matrix.stock;
  stockKernels = lib.mapAttrs (name: cell: (cellWith "board" name cell).linux) stock;

  cellPackages = lib.mapAttrs (_: cell: toolchains.${cell.toolchain}) usable;
  prefixed =
    prefix: stage:
    lib.mapAttrs' (name: cell: lib.nameValuePair "${prefix}-${name}" cell.${stage}) built;
  sdkPackages = lib.mapAttrs' (name: cell: lib.nameValuePair "sdk-${name}" cell.sdk) (
    lib.filterAttrs (_: cell: cell.hasSdk) built
  );
  imagePackages = lib.mapAttrs' (
    name: cell:
    lib.nameValuePair "image-${name}" (imageOf {
      cell = name;
      inherit (cell) arch toolchain board;
    })
  ) usable;
  sdkImagePackages = lib.mapAttrs' (
    name: cell:
    lib.nameValuePair "image-sdk-${name}" (sdkImageOf {
      cell = name;
      inherit (cell) sdk;
    })
  ) (lib.filterAttrs (_: cell: cell.hasSdk) built);
  bootImagePackages =
    let
      from = cell: matrix.eras.${cell.era}.from;
      newestFirst = builtins.sort (a: b: versions.older (from b) (from a)) (
        lib.filter (cell: cell.board != null) (lib.attrValues usable)
      );
      # Of several of one name, the first counts.
      toolchainOf = lib.listToAttrs (map (cell: lib.nameValuePair cell.arch cell.toolchain) newestFirst);
    in
    lib.mapAttrs' (
      arch: toolchain:
      lib.nameValuePair "image-qemu-${arch}" (bootImageOf {
        inherit arch toolchain;
      })
    ) toolchainOf;
  kernelPackages = prefixed "kernel" "linux";
  modulePackages = prefixed "module" "module";
  bootPackages = prefixed "boot" "boot";

  # Groups of packages as one, without those that have none here.
  farms = groups: lib.mapAttrs pkgs.linkFarm (lib.filterAttrs (_: packages: packages != { }) groups);

  # debian-all, bootlin-all, ...: every toolchain of one source that a cell uses.
  sourceNames = lib.attrNames (
    lib.mapAttrs' (_: cell: lib.nameValuePair matrix.toolchains.${cell.toolchain}.source null) usable
  );
  sourceGroups = farms (
    lib.listToAttrs (
      map (
        source:
        lib.nameValuePair "${source}-all" (
          lib.filterAttrs (
            name: _: matrix.toolchains.${usable.${name}.toolchain}.source == source
          ) cellPackages
        )
      ) sourceNames
    )
  );
  # spike, k26-all, ...: what the data puts together.
  dataGroups = farms (
    lib.mapAttrs (
      _: members:
      lib.mapAttrs (_: id: toolchains.${id}) (
        lib.filterAttrs (_: id: lib.elem system matrix.toolchains.${id}.systems) members
      )
    ) matrix.groups
  );
  # k6-all, boot-k6-all, ...: everything of one era.
  ofEra = era: lib.filterAttrs (name: _: usable.${name}.era == era);
  eraGroups = farms (
    lib.listToAttrs (
      lib.concatMap (era: [
        (lib.nameValuePair "${era}-all" (ofEra era cellPackages))
        (lib.nameValuePair "boot-${era}-all" (lib.mapAttrs (_: cell: cell.boot) (ofEra era built)))
      ]) (lib.attrNames matrix.eras)
    )
  );

  # validate-bands, validate-band-k26, ...: the stock kernels, all and of one era.
  bandGroups = farms (
    {
      validate-bands = stockKernels;
    }
    // lib.mapAttrs' (
      era: _:
      lib.nameValuePair "validate-band-${era}" (
        lib.filterAttrs (name: _: stock.${name}.era == era) stockKernels
      )
    ) matrix.eras
  );

  packages =
    cellPackages
    // kernelPackages
    // modulePackages
    // bootPackages
    // sdkPackages
    // imagePackages
    // sdkImagePackages
    // bootImagePackages
    // sourceGroups
    // eraGroups
    // dataGroups
    // bandGroups;
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
    imageOf
    sdkImageOf
    bootImageOf
    versionOf
    ;

  /**
    For projects that build kernels of their own. Architectures, boards and toolchains go by their names in the matrix.
  */
  lib = {
    inherit toolchains sourceOf;
    inherit (byName) buildKernel;
    inherit (kernels) kernelSource;
    # The probe module of a cell is proved by loading it; a module that is not booted is checked in full.
    buildModule = args: modules.buildModule ({ report = true; } // args);
    inherit (boots) bootTest;
    inherit (sdks) sdk;
  };

  inherit packages;

  # What `nix flake check` builds: proof that everything can be evaluated. Compilers and kernels are built when asked for.
  checks.evaluation = pkgs.writeText "kflake-evaluation" (
    lib.concatMapStrings (
      name: "${name} ${builtins.unsafeDiscardStringContext packages.${name}.drvPath}\n"
    ) (lib.attrNames packages)
  );

  # What a build farm builds: every cell's toolchain, kernel, module and boot test.
  hydraJobs = cellPackages // kernelPackages // modulePackages // bootPackages;

  apps = lib.mapAttrs' (
    name: cell:
    lib.nameValuePair "boot-${name}" {
      type = "app";
      program = "${
        boots.interactive {
          test = cell.boot;
          inherit (cell) shell;
        }
      }/bin/kflake-boot";
      meta.description = "Boot the kernel of ${name}, with this terminal as its console";
    }
  ) built;

  formatter = pkgs.nixfmt;

  devShell = callPackage ./kbuild.nix { inherit pkgs; };
}
