/**
  A toolchain built from source: binutils and gcc, and around musl also kernel headers and musl itself.

  Two derivations, so that a gcc that does not build leaves the binutils that did. One recipe serves gcc 4.4 to 14; what a
  version needs said differently is in source-gcc.sh. What is built, with which options and patches, is data.
*/
{
  lib,
  stdenv,
  bison,
  flex,
  m4,
  perl,
  rsync,
  xz,

  # Reads ELF headers; shared with every other check.
  elfTools,
  # Pin id to file.
  fetchPin,
  # Names of musl-cross-make's patches, by pin.
  patches,
  # musl-cross-make's tree, for its patches; null where it cannot be had. Toolchains without patches never look at it.
  muslCrossMake ? null,
}:
let
  # One file per derivation, so that work on one does not rebuild the others.
  file =
    name:
    builtins.path {
      name = "kflake-${name}";
      path = ./. + "/${name}";
    };
  load = name: ". ${file "source-common.sh"}; . ${file name}";
  selfCheck = builtins.path {
    name = "kflake-toolchain-self-check.sh";
    path = ./toolchain-self-check.sh;
  };

  common = {
    dontUnpack = true;
    dontConfigure = true;
    dontFixup = true;
    dontStrip = true;
    dontPatchELF = true;
    NIX_NO_SELF_RPATH = true;
    # Format strings and fortified headers of a modern distribution stop compilers of another decade.
    hardeningDisable = [ "all" ];
    nativeBuildInputs = [
      xz
      m4
      bison
      flex
    ];
  };

  # The machine that builds, as the config.sub of every release spells it.
  buildTriple = "${builtins.head (lib.splitString "-" stdenv.buildPlatform.system)}-linux-gnu";

  # "gcc/5.3.0" is version 5.3.0 of gcc.
  versionOf = pin: lib.concatStringsSep "/" (builtins.tail (lib.splitString "/" pin));

  # The patches of one component, as files of musl-cross-make; the builder says so when they are not there.
  patchesOf =
    build: kind:
    let
      component = build.components.${kind};
      names = if component == null then [ ] else patches.${component} or [ ];
      dir = "patches/${kind}-${versionOf component}";
    in
    map (name: "${if muslCrossMake == null then "/missing" else muslCrossMake}/${dir}/${name}") names;

  binutils =
    spec:
    let
      inherit (spec) build;
    in
    stdenv.mkDerivation (
      common
      // {
        name = "binutils-${spec.binutils}-${spec.target}";
        inherit buildTriple;
        inherit (spec) target;
        binutilsVersion = spec.binutils;
        binutilsSource = fetchPin build.components.binutils;
        binutilsPatches = patchesOf build "binutils";
        buildPhase = ''
          runHook preBuild
          ${load "source-binutils.sh"}
          build_binutils
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          runHook postInstall
        '';
      }
    );

  # What a program may include from <linux/…> and <asm/…>.
  linuxHeaders =
    spec: arch:
    stdenv.mkDerivation (
      common
      // {
        name = "linux-headers-${versionOf spec.build.components.linux}-${arch.linuxArch}";
        inherit (arch) linuxArch;
        linuxSource = fetchPin spec.build.components.linux;
        nativeBuildInputs = common.nativeBuildInputs ++ [
          perl
          rsync
        ];
        buildPhase = ''
          runHook preBuild
          ${load "source-headers.sh"}
          build_linux_headers
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          runHook postInstall
        '';
      }
    );
in
{
  inherit binutils linuxHeaders;

  /**
    A toolchain.

    # Arguments

    - id: the toolchain's id in the matrix
    - spec: its entry there; `build` names components, patches and configure options
    - arch: the entry of its architecture
  */
  toolchain =
    {
      id,
      spec,
      arch,
    }:
    let
      inherit (spec) build;
      source = kind: if build.components.${kind} == null then "" else fetchPin build.components.${kind};
      withLibc = spec.libc != null;
    in
    stdenv.mkDerivation (
      common
      // {
        name = "toolchain-${id}";
        inherit buildTriple;
        inherit (spec) target;
        gccVersion = spec.gcc;
        gccSource = source "gcc";
        gccPatches = patchesOf build "gcc";
        gmpSource = source "gmp";
        mpfrSource = source "mpfr";
        mpcSource = source "mpc";
        muslSource = if withLibc then source "musl" else "";
        muslPatches = if withLibc then patchesOf build "musl" else [ ];
        linuxHeaders = if withLibc then linuxHeaders spec arch else "";
        builtBinutils = binutils spec;
        disallowedReferences = [ (binutils spec) ];
        configureOptions = build.configure;

        wantGcc = spec.gcc;
        wantBinutils = spec.binutils;
        wantLibc = if withLibc then spec.libc else "";
        wantBits = toString arch.bits;
        wantEndian = arch.endian;
        wantMachine = toString arch.elfMachine;
        wantInterpreter = if withLibc then toString arch.interpreter.musl else "";

        buildPhase = ''
          runHook preBuild
          ${load "source-gcc.sh"}
          build_toolchain
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          . ${elfTools}
          . ${selfCheck}
          self_check
          runHook postInstall
        '';
        meta = {
          description = "gcc ${spec.gcc} for ${spec.target}, built from source";
          platforms = spec.systems;
        };
        passthru = import ./compiler.nix spec // {
          inherit id spec arch;
          inherit (spec)
            target
            gcc
            binutils
            libc
            ;
          inherit (build) overridden;
          builtBinutils = binutils spec;
        };
      }
    );
}
