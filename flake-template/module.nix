# buildModule: an out-of-tree module against a kernel that buildKernel made.
{ pkgs, elfTools }:
let
  inherit (pkgs) lib;
  script = builtins.path {
    name = "kflake-module.sh";
    path = ./module.sh;
  };
  reportScript = builtins.path {
    name = "kflake-module-report.sh";
    path = ./module-report.sh;
  };
  moduleCheck = builtins.path {
    name = "kflake-module-check.pl";
    path = ./module-check.pl;
  };
  elfReader = builtins.path {
    name = "kflake-elf.pl";
    path = ./elf.pl;
  };
in
{
  # kernel  from buildKernel
  # src     the module's folder, with a Kbuild makefile
  # name    of the module; by default, of the source
  # report  check each module against the kernel in full, and write module-report.json
  buildModule =
    {
      kernel,
      src,
      name ? "module",
      makeFlags ? [ ],
      report ? false,
    }:
    pkgs.stdenv.mkDerivation (
      {
        name = "${name}-${kernel.name}";
        inherit src makeFlags;
        kernelDev = "${kernel.dev}";
        # A module that named the folder it was built against would keep all of that.
        disallowedReferences = lib.optional (kernel.prefixMapFlag == "-ffile-prefix-map") kernel.dev;
        NIX_NO_SELF_RPATH = true;
        inherit (kernel) linuxArch prefixMapFlag;
        target = kernel.toolchain.target;
        wantBits = toString kernel.arch.bits;
        wantEndian = kernel.arch.endian;
        wantMachine = toString kernel.arch.elfMachine;
        inherit elfTools;
        depsBuildBuild = [ pkgs.stdenv.cc ];
        nativeBuildInputs = [
          kernel.toolchain
          pkgs.perl
          pkgs.bc
          pkgs.elfutils
          pkgs.openssl
        ];
        dontConfigure = true;
        dontFixup = true;
        dontStrip = true;
        dontPatchELF = true;
        hardeningDisable = [ "all" ];
        buildPhase = ". ${script}; build_module";
        installPhase = "install_module";
        passthru = {
          inherit kernel;
        };
      }
      // lib.optionalAttrs report {
        inherit moduleCheck elfReader;
        unpackPhase = ". ${script}; . ${reportScript}; unpack_module";
        buildPhase = "build_reported_module";
        installPhase = "install_module; report_module";
      }
    );
}
