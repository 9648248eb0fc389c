/**
  An SDK: what a userland, or a driver, for one cell is cross-built with. Text files and two programs, which name the toolchain
  and the kernel's prepared tree where they lie in the store.
*/
{
  lib,
  stdenv,
  perl,
  elfTools,
}:
let
  file =
    name: path:
    builtins.path {
      name = "kflake-${name}";
      inherit path;
    };
  script = file "sdk.sh" ./sdk.sh;
  vermagic = file "vermagic.sh" ./vermagic.sh;
  verify = file "sdk-verify.pl" ./sdk-verify.pl;
  export = file "sdk-export.sh" ./sdk-export.sh;
  elfReader = file "elf.pl" ./elf.pl;
in
{
  /**
    The SDK of a cell.

    # Arguments

    - kernel: from `buildKernel`, with the output `dev`
    - toolchain: for programs: needs a C library; by default, the kernel's own
    - name: of the cell
  */
  sdk =
    {
      kernel,
      toolchain ? kernel.toolchain,
      name ? kernel.name,
    }:
    let
      archName = toolchain.spec.arch;
      family = builtins.head (lib.splitString "-" toolchain.libc);
    in
    if toolchain.libc == null then
      throw "kflake: toolchain ${toolchain.id} has no C library: programs cannot be built with it"
    else
      stdenv.mkDerivation {
        name = "sdk-${name}";
        cell = name;
        toolchain = "${toolchain}";
        # What builds modules, where that is not gcc as for programs.
        llvm = lib.optionalString (kernel.toolchain.gcc == null) "${kernel.toolchain}";
        inherit (kernel.toolchain) kbuildSwitches;
        inherit (toolchain) target gcc libc;
        toolchainId = toolchain.id;
        kernelCc = "${kernel.toolchain}/bin/${kernel.toolchain.cc}";
        kernelDev = "${kernel.dev}";
        kernelVersion = kernel.version;
        inherit (kernel) linuxArch;
        inherit archName;
        meson = toolchain.arch.cpuFamily;
        inherit (toolchain.arch) systemd;
        interpreter = toString (toolchain.arch.interpreter.${family} or "");
        wantBits = toString toolchain.arch.bits;
        wantEndian = toolchain.arch.endian;
        wantMachine = toString toolchain.arch.elfMachine;
        inherit
          elfTools
          verify
          export
          elfReader
          ;
        depsBuildBuild = [ stdenv.cc ];
        nativeBuildInputs = [ perl ];
        perl = "${perl}/bin/perl";
        dontUnpack = true;
        dontConfigure = true;
        dontFixup = true;
        hardeningDisable = [ "all" ];
        buildPhase = ''
          runHook preBuild
          . ${vermagic}
          . ${script}
          make_sdk
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          check_sdk
          runHook postInstall
        '';
        passthru = {
          inherit kernel toolchain;
        };
      };
}
