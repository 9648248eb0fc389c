# buildKernel and the unpacked source it builds from.
#
# A kernel tarball is unpacked, and its fixes applied, once per version into a store path; every kernel of that version
# is built from it out of tree.
{
  pkgs,
  elfTools,
  # Repairs that a range of versions needs: { id; from; below; reason; apply; }, `apply` being shell that runs in the
  # unpacked tree. An open end is null.
  fixes ? [ ],
}:
let
  inherit (pkgs) lib;

  script = builtins.path {
    name = "kflake-build-kernel.sh";
    path = ./build-kernel.sh;
  };
  sourceScript = builtins.path {
    name = "kflake-kernel-source.sh";
    path = ./kernel-source.sh;
  };
  checkConfig = builtins.path {
    name = "kflake-check-config.pl";
    path = ./check-config.pl;
  };
  profileFile =
    profile:
    builtins.path {
      name = "kflake-${profile}.config";
      path = ./validate/kconfig + "/${profile}.config";
    };

  inRange =
    version: range:
    (range.from == null || lib.versionAtLeast version range.from)
    && (range.below == null || lib.versionOlder version range.below);

  # One symbol as a line of a configuration: FOO is y, FOO=value as written.
  enableLine =
    symbol: if builtins.match ".*=.*" symbol != null then "CONFIG_${symbol}" else "CONFIG_${symbol}=y";
  disableLine = symbol: "# CONFIG_${symbol} is not set";

  tools = [
    pkgs.bc
    pkgs.bison
    pkgs.flex
    pkgs.perl
    pkgs.python3
    pkgs.kmod
    pkgs.rsync
    pkgs.cpio
    pkgs.openssl
    pkgs.elfutils
  ];

  # src: the tarball, or an unpacked tree, of exactly this version.
  kernelSource =
    { version, src }:
    let
      applied = lib.filter (inRange version) fixes;
    in
    pkgs.stdenvNoCC.mkDerivation {
      name = "linux-source-${version}";
      inherit src version;
      nativeBuildInputs = [
        pkgs.xz
        pkgs.perl
      ];
      fixScript = lib.concatMapStrings (fix: ''
        echo "fix ${fix.id}: "${lib.escapeShellArg fix.reason}
        (
        ${fix.apply}
        ) || { echo "kflake: kernel: fix-failed: ${fix.id} could not be applied to ${version}" >&2; exit 1; }
      '') applied;
      passAsFile = [ "fixScript" ];
      dontUnpack = true;
      dontConfigure = true;
      dontFixup = true;
      buildPhase = ". ${sourceScript}; unpack_kernel_source";
      installPhase = "true";
      passthru = {
        inherit version;
        fixes = map (fix: fix.id) applied;
        isKernelSource = true;
      };
    };

  # version          what the tree calls itself, without local suffix
  # arch             the architecture's entry in the matrix
  # src              tarball, tree, or what `kernelSource` made
  # toolchain        a derivation from toolchains.nix
  # config           a .config file; or
  # defconfig        a named configuration of the tree (may be several words: "defconfig tiny.config"); or
  # profile          "tiny": all off, then validate/kconfig/tiny.config and the board's symbols
  # board            board entry of the matrix: image, make target and symbols; optional
  # configFragments  files, or strings with CONFIG_ lines, in order; each line must come out as asked
  # modules          whether to build the configuration's modules
  # dtbs             device tree names (file names ending in .dtb)
  # targets          further make targets
  buildKernel =
    {
      version,
      arch,
      src,
      toolchain,
      config ? null,
      defconfig ? null,
      profile ? null,
      board ? null,
      configFragments ? [ ],
      modules ? true,
      dtbs ? [ ],
      targets ? [ ],
      makeTarget ? if board == null then "vmlinux" else board.makeTarget,
      image ? if board == null then "vmlinux" else board.image,
      linuxArch ? if board == null then arch.linuxArch else board.kernelArch,
      name ? null,
    }:
    let
      source = if src.isKernelSource or false then src else kernelSource { inherit version src; };
      base = lib.filter (x: x != null) [
        config
        defconfig
        profile
      ];
      asFile =
        fragment:
        if builtins.isString fragment && !(lib.hasPrefix builtins.storeDir fragment) then
          pkgs.writeText "fragment.config" fragment
        else
          fragment;
      boardLines =
        if board == null then [ ] else map enableLine board.enable ++ map disableLine board.disable;
      allDtbs = dtbs ++ lib.optional (board != null && board.dtb != null) board.dtb;
      imageName = baseNameOf image;
      drv = pkgs.stdenv.mkDerivation {
        name = if name != null then name else "linux-${version}-${toolchain.spec.arch}";
        outputs = [
          "out"
          "dev"
        ];
        inherit
          version
          makeTarget
          image
          linuxArch
          ;
        source = "${source}";
        target = toolchain.target;
        config = if config == null then "" else config;
        defconfig = if defconfig == null then "" else defconfig;
        profile = if profile == null then "" else profileFile profile;
        boardConfig = lib.concatMapStrings (line: line + "\n") boardLines;
        fragments = map asFile configFragments;
        passAsFile = [ "boardConfig" ];
        wantModules = if modules then "1" else "";
        dtbs = map baseNameOf allDtbs;
        inherit targets;
        # From gcc 8 on one option covers macros and debug information.
        prefixMapFlag =
          if lib.versionAtLeast toolchain.gcc "8" then "-ffile-prefix-map" else "-fdebug-prefix-map";
        wantBits = toString arch.bits;
        wantEndian = arch.endian;
        wantMachine = toString arch.elfMachine;
        inherit checkConfig elfTools;
        depsBuildBuild = [ pkgs.stdenv.cc ];
        nativeBuildInputs = [ toolchain ] ++ tools;
        dontUnpack = true;
        dontFixup = true;
        dontStrip = true;
        dontPatchELF = true;
        hardeningDisable = [ "all" ];
        configurePhase = ". ${script}; configure_kernel";
        buildPhase = "build_kernel";
        installPhase = "install_kernel; install_dev";
        passthru = {
          inherit
            version
            arch
            toolchain
            board
            linuxArch
            ;
          kernelSource = source;
          image = "${drv.out}/${imageName}";
          vmlinux = "${drv.out}/vmlinux";
        };
      };
    in
    if builtins.length base != 1 then
      throw "buildKernel: give exactly one of config, defconfig and profile (got ${toString (builtins.length base)})"
    else
      drv;
in
{
  inherit buildKernel kernelSource;
}
