/**
  An out-of-tree module against a kernel that `buildKernel` made.
*/
{
  lib,
  stdenv,
  bc,
  elfutils,
  openssl,
  perl,
  elfTools,
}:
let
  script = builtins.path {
    name = "kflake-module.sh";
    path = ./module.sh;
  };
  reportScript = builtins.path {
    name = "kflake-module-report.sh";
    path = ./module-report.sh;
  };
  vermagicScript = builtins.path {
    name = "kflake-vermagic.sh";
    path = ./vermagic.sh;
  };
  moduleCheck = builtins.path {
    name = "kflake-module-check.pl";
    path = ./module-check.pl;
  };
  moduleDkms = builtins.path {
    name = "kflake-module-dkms.sh";
    path = ./module-dkms.sh;
  };
  elfReader = builtins.path {
    name = "kflake-elf.pl";
    path = ./elf.pl;
  };
in
{
  /**
    A module.

    # Arguments

    - kernel: from `buildKernel`
    - src: the module's folder, with a Kbuild makefile
    - name: of the module
    - makeFlags: words for make
    - symvers: Module.symvers of modules whose symbols it uses
    - report: check each module against the kernel in full, and write module-report.json
  */
  buildModule =
    {
      kernel,
      src,
      name ? "module",
      makeFlags ? [ ],
      symvers ? [ ],
      report ? false,
    }:
    stdenv.mkDerivation (
      {
        name = "${name}-${kernel.name}";
        inherit src makeFlags;
        kernelDev = "${kernel.dev}";
        # A module that named the folder it was built against would keep all of that.
        disallowedReferences = lib.optional (kernel.prefixMapFlag == "-ffile-prefix-map") kernel.dev;
        NIX_NO_SELF_RPATH = true;
        inherit (kernel) linuxArch prefixMapFlag;
        inherit (kernel.toolchain) cc toolPrefix kbuildFlags;
        wantBits = toString kernel.arch.bits;
        wantEndian = kernel.arch.endian;
        wantMachine = toString kernel.arch.elfMachine;
        inherit elfTools;
        depsBuildBuild = [ stdenv.cc ];
        nativeBuildInputs = [
          kernel.toolchain
          perl
          bc
          elfutils
          openssl
        ];
        dontConfigure = true;
        dontFixup = true;
        dontStrip = true;
        dontPatchELF = true;
        hardeningDisable = [ "all" ];
        buildPhase = ''
          runHook preBuild
          . ${script}
          ${lib.optionalString report ". ${reportScript}"}
          ${if report then "build_reported_module" else "build_module"}
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          install_module
          ${lib.optionalString report ''
            . ${vermagicScript}
            report_module
          ''}
          runHook postInstall
        '';
        passthru = {
          inherit kernel;
        };
        meta = {
          description = "Module for Linux ${kernel.version}";
          platforms = kernel.toolchain.spec.systems;
        };
      }
      // lib.optionalAttrs (symvers != [ ]) { extraSymbols = map (file: "${file}") symvers; }
      // lib.optionalAttrs report {
        inherit moduleCheck moduleDkms elfReader;
        kernelSource = "${kernel.kernelSource}";
        wantUname = kernel.arch.uname;
        unpackPhase = ''
          runHook preUnpack
          . ${script}
          . ${reportScript}
          unpack_module
          runHook postUnpack
        '';
      }
    );
}
