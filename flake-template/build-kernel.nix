/**
  `buildKernel`, and the unpacked source that it builds from.

  A kernel's source is unpacked, patched and repaired once per version into a store path; every kernel of that version is built
  from it out of tree.
*/
{
  lib,
  stdenv,
  stdenvNoCC,
  writeText,

  # Programs and libraries that kernels build with.
  bc,
  bison,
  cpio,
  elfutils,
  flex,
  hexdump,
  kmod,
  lz4 ? null,
  lzop ? null,
  openssl,
  pahole ? null,
  perl,
  python3,
  rsync,
  ubootTools ? null,
  xz,
  zlib ? null,
  zstd ? null,

  # Reads ELF headers; shared with every other check.
  elfTools,
  # Boots a kernel, for its `tests`; null where there is no machine to boot on.
  bootTest ? null,
  # Changes that a range of versions needs: { id; from; below; arches; gcc; reason; apply; }. An open end is null; arches
  # [ ] is any, gcc null any, else { from; below; }. apply is a list of
  #   { kind = "sed"; files; expression; }    on files of the tree; patterns that match none are passed over
  #   { kind = "write"; file; text; }         unless the file exists; @GCC_MAJOR@ in both is the compiler's first number
  #   { kind = "cc-flag"; flag; }, "host-cc-flag"
  #   { kind = "make-flag"; name; value; }
  fixes ? [ ],
}:
let
  versions = import ./versions.nix;
  renames = import ./kconfig-renames.nix;
  namedFiles = import ./kconfig-files.nix;

  file =
    name:
    builtins.path {
      name = "kflake-${name}";
      path = ./. + "/${name}";
    };
  script = file "build-kernel.sh";
  sourceScript = file "kernel-source.sh";

  profilePath = profile: ./validate/kconfig + "/${profile}.config";

  # Boards mark with ! what they cannot do without; the rest are wishes, for trees that have such a symbol.
  isMust = symbol: lib.hasPrefix "!" symbol;
  mustName = symbol: builtins.substring 1 (builtins.stringLength symbol - 1) symbol;

  # What a kernel needs to start what kflake gives it; `kflake boot` goes by the same list.
  startSettings = builtins.fromJSON (builtins.readFile ./start-settings.json);

  # One symbol as a line of a configuration: FOO is y, FOO=value as written.
  enableLine =
    symbol: if builtins.match ".*=.*" symbol != null then "CONFIG_${symbol}" else "CONFIG_${symbol}=y";
  disableLine = symbol: "# CONFIG_${symbol} is not set";
  linesOf = lib.concatMapStrings (line: line + "\n");

  tools = lib.filter (tool: tool != null) [
    bc
    bison
    cpio
    elfutils
    flex
    hexdump
    kmod
    lz4
    lzop
    openssl
    pahole
    perl
    python3
    rsync
    xz
    zlib
    zstd
  ];

  # From gcc 8 on, and with clang, one option covers macros and debug information.
  prefixMapFor =
    gcc:
    if
      gcc == null
      || versions.toolWithin {
        from = "8";
        below = null;
      } gcc
    then
      "-ffile-prefix-map"
    else
      "-fdebug-prefix-map";

  appliesTo = import ./applies.nix;

  # What the steps of one kind say, of all the fixes.
  stepsOf = kind: lib.concatMap (fix: lib.filter (step: step.kind == kind) fix.apply);
  flagsOf = kind: applied: toString (map (step: step.flag) (stepsOf kind applied));

  stepScript =
    gcc: step:
    let
      forCompiler =
        builtins.replaceStrings
          [ "@GCC_MAJOR@" ]
          [
            (if gcc == null then "@GCC_MAJOR@" else builtins.head (builtins.splitVersion gcc))
          ];
    in
    if step.kind == "sed" then
      "fix_sed ${lib.escapeShellArg step.expression} ${lib.escapeShellArgs step.files}\n"
    else if step.kind == "write" then
      "fix_write ${lib.escapeShellArg (forCompiler step.file)} ${lib.escapeShellArg (forCompiler step.text)}\n"
    else
      "";

  /**
    An unpacked kernel source.

    # Arguments

    - version: as the tree calls itself
    - src: the tarball, or an unpacked tree, of exactly this version
    - patches: files, applied in order before the fixes
    - arch, gcc: choose among the fixes; builds that need the same ones share the tree
  */
  kernelSource =
    {
      version,
      src,
      patches ? [ ],
      arch ? null,
      gcc ? null,
    }:
    let
      edits = fix: lib.concatMapStrings (stepScript gcc) fix.apply;
      applied = lib.filter (fix: appliesTo { inherit version arch gcc; } fix && edits fix != "") fixes;
    in
    stdenvNoCC.mkDerivation {
      pname = "linux-source";
      inherit version src patches;
      hostPaths = file "host-paths.pl";
      nativeBuildInputs = [
        perl
        python3
        xz
      ];
      fixScript = lib.concatMapStrings (
        fix: "fix_begin ${lib.escapeShellArg fix.id} ${lib.escapeShellArg fix.reason}\n${edits fix}"
      ) applied;
      passAsFile = [ "fixScript" ];
      dontConfigure = true;
      dontFixup = true;
      unpackPhase = ''
        runHook preUnpack
        . ${sourceScript}
        unpack_kernel_source
        runHook postUnpack
      '';
      patchPhase = ''
        runHook prePatch
        patch_kernel_source
        runHook postPatch
      '';
      buildPhase = ''
        runHook preBuild
        repair_kernel_source
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        runHook postInstall
      '';
      passthru = {
        inherit version;
        fixes = map (fix: fix.id) applied;
        isKernelSource = true;
        # The same kernel, with what a certain architecture and compiler need, and more patches.
        forBuild =
          build:
          kernelSource {
            inherit version src;
            inherit (build) arch gcc;
            patches = patches ++ build.patches;
          };
      };
      meta = meta // {
        description = "Source of Linux ${version}";
      };
    };

  meta = {
    homepage = "https://www.kernel.org/";
    license = {
      spdxId = "GPL-2.0-only";
      fullName = "GNU General Public License v2.0 only";
      free = true;
    };
  };

  /**
    A kernel, built out of tree.

    # Arguments

    - version: what the tree calls itself, without local suffix
    - arch: the architecture's entry in the matrix
    - src: tarball, tree, or what `kernelSource` made
    - toolchain: a derivation from toolchains.nix
    - exactly one of config (a .config file), defconfig (a named configuration of the tree, or several words:
      "defconfig tiny.config") and profile ("tiny": all off, then validate/kconfig/tiny.config and the board's symbols)
    - board: board entry of the matrix: image, make target and symbols
    - configFragments, in order: files, strings with CONFIG_ lines, or { label; file; }, { label; tree; } (the name of a
      fragment of the tree); config-report.json in the output says what became of each line
    - strict: fail when a requested line does not come out as asked; by default, where nobody but kflake requests any
    - modules: whether to build the configuration's modules
    - dtbs: device tree names (file names ending in .dtb)
    - targets: config, kernel, modules, dtbs, headers, dev (only what an out-of-tree module needs), and names of Kbuild targets
    - patches, nativeBuildInputs, makeFlags: as in nixpkgs; each is added to what kernels have anyway
  */
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
      strict ? profile != null && configFragments == [ ],
      modules ? true,
      dtbs ? [ ],
      targets ? [
        "config"
        "kernel"
      ]
      ++ lib.optional modules "modules",
      makeTarget ? if board == null then "vmlinux" else board.makeTarget,
      image ? if board == null then "vmlinux" else board.image,
      linuxArch ? if board == null then arch.linuxArch else board.kernelArch,
      pname ? "linux",
      name ? "${pname}-${version}-${toolchain.spec.arch}",
      patches ? [ ],
      nativeBuildInputs ? [ ],
      makeFlags ? [ ],
    }:
    let
      chosen = {
        arch = toolchain.spec.arch;
        inherit (toolchain) gcc;
      };
      source =
        if src.isKernelSource or false then
          src.forBuild (chosen // { inherit patches; })
        else
          kernelSource ({ inherit version src patches; } // chosen);
      applied = lib.filter (appliesTo ({ inherit version; } // chosen)) fixes;

      bases = lib.filter (base: base != null) [
        config
        defconfig
        profile
      ];
      boardLines =
        line: symbols:
        let
          parts = builtins.partition isMust symbols;
        in
        {
          must = linesOf (map (symbol: line (mustName symbol)) parts.right);
          wish = linesOf (map line parts.wrong);
        };
      enabled = boardLines enableLine (if board == null then [ ] else board.enable);
      disabled = boardLines disableLine (if board == null then [ ] else board.disable);
      wishText = enabled.wish + disabled.wish;
      boardText = enabled.must + disabled.must;
      purpose = "for the machine that kflake starts it on";
      asFragment =
        fragment:
        if fragment ? tree then
          fragment
        else if fragment ? file then
          fragment // { file = "${fragment.file}"; }
        else
          {
            label = "fragment";
            file =
              if builtins.isString fragment && !(lib.hasPrefix builtins.storeDir fragment) then
                writeText "fragment.config" fragment
              else
                "${fragment}";
          };
      fragments =
        lib.optional (profile != null) {
          label = "profile ${profile}";
          file = "${profilePath profile}";
          soft = true;
        }
        ++ lib.optional (wishText != "") {
          label = "board's wishes";
          file = writeText "kflake-board-wishes.config" wishText;
          wishes = true;
          inherit purpose;
        }
        ++ lib.optional (board != null && config != null) {
          label = "start";
          file = writeText "kflake-start.config" (
            linesOf (map enableLine startSettings.enabled ++ map disableLine startSettings.own_command_line)
          );
          wishes = true;
          inherit purpose;
        }
        ++ lib.optional (boardText != "") {
          label = "board";
          file = writeText "kflake-board.config" boardText;
          inherit purpose;
        }
        ++ map asFragment configFragments;

      checkTarget =
        target:
        if builtins.match "[A-Za-z0-9_][A-Za-z0-9_./+-]*" target != null then
          target
        else
          throw "buildKernel: `${target}` is not the name of a make target";
      withKernel = lib.elem "kernel" targets;
      wanted = toString ([ makeTarget ] ++ targets);
      prefixMapFlag = prefixMapFor toolchain.gcc;
      allDtbs = dtbs ++ lib.optional (board != null && board.dtb != null) board.dtb;
    in
    if builtins.length bases != 1 then
      throw "buildKernel: give exactly one of config, defconfig and profile (got ${toString (builtins.length bases)})"
    else
      stdenv.mkDerivation (finalAttrs: {
        inherit
          name
          pname
          version
          makeTarget
          image
          linuxArch
          makeFlags
          ;
        outputs = [ "out" ] ++ lib.optional (withKernel || lib.elem "dev" targets) "dev";
        releasePattern = versions.releasePattern version;
        source = "${source}";
        inherit (toolchain) cc toolPrefix kbuildFlags;
        config = if config == null then "" else "${config}";
        defconfig = if defconfig == null then "" else defconfig;
        profile = if profile == null then "" else profile;
        request = builtins.toJSON {
          inherit (finalAttrs) source version;
          inherit strict fragments renames;
          files = namedFiles;
          arch = linuxArch;
          base = if config == null then null else "${config}";
        };
        passAsFile = [ "request" ];
        buildIdentity = linesOf (import ./build-identity.nix);
        ccFlags = flagsOf "cc-flag" applied;
        hostCcFlags = flagsOf "host-cc-flag" applied;
        fixMakeFlags = linesOf (map (step: "${step.name}=${step.value}") (stepsOf "make-flag" applied));
        targets = map checkTarget targets;
        dtbs = if withKernel then map baseNameOf allDtbs else [ ];
        inherit prefixMapFlag;
        wantBits = toString arch.bits;
        wantEndian = arch.endian;
        wantMachine = toString arch.elfMachine;
        kconfig = file "kconfig.pl";
        inherit elfTools;
        depsBuildBuild = [ stdenv.cc ];
        nativeBuildInputs = [
          toolchain
        ]
        ++ tools
        # mkimage, for boards whose loader is U-Boot.
        ++ lib.optional (ubootTools != null && builtins.match ".*uImage.*" wanted != null) ubootTools
        ++ nativeBuildInputs;
        # What is built for modules to use would otherwise name this kernel as a place of libraries.
        NIX_NO_SELF_RPATH = true;
        dontUnpack = true;
        dontFixup = true;
        dontStrip = true;
        dontPatchELF = true;
        hardeningDisable = [ "all" ];
        requiredSystemFeatures = [ "big-parallel" ];
        configurePhase = ''
          runHook preConfigure
          . ${script}
          configure_kernel
          runHook postConfigure
        '';
        buildPhase = ''
          runHook preBuild
          build_kernel
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          install_kernel
          runHook postInstall
        '';
        passthru = {
          inherit
            version
            arch
            toolchain
            board
            linuxArch
            prefixMapFlag
            ;
          kernelSource = source;
          fixes = map (fix: fix.id) applied;
          image = "${finalAttrs.finalPackage.out}/${baseNameOf finalAttrs.image}";
          vmlinux = "${finalAttrs.finalPackage.out}/vmlinux";
          tests = lib.optionalAttrs (bootTest != null && board != null && withKernel) {
            boot = bootTest { kernel = finalAttrs.finalPackage; };
          };
        };
        meta = meta // {
          description = "Linux ${version} for ${toolchain.spec.arch}";
          platforms = toolchain.spec.systems;
        };
      });
in
{
  inherit
    buildKernel
    kernelSource
    prefixMapFor
    tools
    ;
}
