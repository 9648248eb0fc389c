/**
  A toolchain out of somebody else's binaries: a set of Debian packages, of gcc or LLVM, or one archive (Bootlin, kernel.org).

  What comes out is self-contained: plain `${target}-gcc` names, or `clang`, no path outside its own store paths, host libraries
  of its own. It has checked itself against the data it was made from before anything may use it.
*/
{
  lib,
  stdenv,
  file,
  patchelf,
  # Taken where the other is none to take; not every package set has it.
  patchelfUnstable ? null,
  perl,
  xz,
  zlib,
  # Reads ELF headers; shared with the checks of modules and programs.
  elfTools,
}:
let
  script = builtins.path {
    name = "kflake-prebuilt-toolchain.sh";
    path = ./mk-prebuilt-toolchain.sh;
  };
  archiveScript = builtins.path {
    name = "kflake-prebuilt-archive.sh";
    path = ./mk-prebuilt-archive.sh;
  };
  selfCheck = builtins.path {
    name = "kflake-toolchain-self-check.sh";
    path = ./toolchain-self-check.sh;
  };

  inherit (import ./patchelf.nix { inherit patchelf patchelfUnstable; }) sound problem advice;
  soundPatchelf = if sound != null then sound else throw "kflake: ${problem}: ${advice}";

  common = {
    dontUnpack = true;
    dontConfigure = true;
    dontFixup = true;
    dontStrip = true;
    dontPatchELF = true;
  };
in
{
  /**
    The libraries that a compiler's own binaries load, from the distribution it was built on, so that it runs on any
    host. One store path per distinct set: toolchains of one suite share it.
  */
  runtime =
    { name, archives }:
    stdenv.mkDerivation (
      common
      // {
        name = "${name}-host-libraries";
        inherit archives;
        nativeBuildInputs = [ soundPatchelf ];
        buildPhase = ''
          runHook preBuild
          . ${script}
          unpack_runtime
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          runHook postInstall
        '';
      }
    );

  /**
    A toolchain.

    # Arguments

    - id: the toolchain's id in the matrix
    - spec: its entry there: source, target, gcc, binutils, libc, suffix
    - arch: the entry of its architecture
    - archives: the fetched files
    - runtime: what `runtime` above made of its host libraries, or null where the archives bring their own
    - targets: where it compiles for several architectures, the entry of each, with its target triple; null: for this one alone.
      Whichever of them it is asked for, what is built is the same
  */
  toolchain =
    {
      id,
      spec,
      arch,
      archives,
      runtime ? null,
      targets ? null,
    }:
    let
      isLlvm = targets != null;
      # The host libraries of Debian's packages are packages, too.
      isArchive = runtime == null && spec.source != "debian";
      # The loader and libraries that programs of this package set run with.
      host = {
        hostLoader = "${stdenv.cc.bintools.dynamicLinker}";
        hostLibraries = lib.makeLibraryPath [
          stdenv.cc.libc
          stdenv.cc.cc.lib
          zlib
        ];
      };
      programs = import ./compiler.nix spec;
      family = if spec.libc == null then null else builtins.head (lib.splitString "-" spec.libc);
    in
    stdenv.mkDerivation (
      common
      // {
        name = "toolchain-${if isLlvm then spec.shared else id}";
        inherit archives;
        suffix = if spec.suffix == null then "" else spec.suffix;
        runtime = if runtime == null then "" else runtime;
        nativeBuildInputs = [
          soundPatchelf
        ]
        ++ lib.optionals isArchive [
          file
          perl
          xz
        ];
        buildPhase = ''
          runHook preBuild
          . ${if isArchive then archiveScript else script}
          ${
            if isLlvm then
              if isArchive then "unpack_archived_llvm" else "unpack_llvm"
            else if isArchive then
              "unpack_archived_toolchain"
            else
              "unpack_toolchain"
          }
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          . ${elfTools}
          . ${selfCheck}
          ${
            if isLlvm then
              "check_llvm"
            else if isArchive then
              "check_archived_toolchain"
            else
              "self_check"
          }
          runHook postInstall
        '';
        meta = {
          description = "${programs.compiler} for ${spec.target}, prebuilt";
          platforms = spec.systems;
        };
        passthru = programs // {
          inherit id spec arch;
          inherit (spec)
            target
            gcc
            binutils
            libc
            ;
        };
      }
      // lib.optionalAttrs isLlvm {
        wantClang = spec.clang;
        targets = map (
          it: "${it.triple} ${toString it.arch.bits} ${it.arch.endian} ${toString it.arch.elfMachine}\n"
        ) targets;
      }
      // lib.optionalAttrs (!isLlvm) {
        inherit (spec) target;
        wantGcc = spec.gcc;
        wantBinutils = spec.binutils;
        wantLibc = if spec.libc == null then "" else spec.libc;
        wantBits = toString arch.bits;
        wantEndian = arch.endian;
        wantMachine = toString arch.elfMachine;
        wantInterpreter = if family == null then "" else toString (arch.interpreter.${family} or null);
      }
      // lib.optionalAttrs isArchive host
    );
}
