# buildKernel and the unpacked source it builds from.
#
# A kernel tarball is unpacked, and its fixes applied, once per version into a store path; every kernel of that version
# is built from it out of tree.
{
  pkgs,
  elfTools,
  # Changes that a range of versions needs: { id; from; below; arches; gcc; reason; apply; }. An open end is null; arches
  # [ ] is any, gcc null any, else { from; below; }. apply is a list of
  #   { kind = "sed"; files; expression; }    on files of the tree; patterns that match none are passed over
  #   { kind = "write"; file; text; }         unless the file exists
  #   { kind = "cc-flag"; flag; }, "host-cc-flag"
  #   { kind = "make-flag"; name; value; }
  fixes ? [ ],
}:
let
  inherit (pkgs) lib;
  versions = import ./versions.nix;

  script = builtins.path {
    name = "kflake-build-kernel.sh";
    path = ./build-kernel.sh;
  };
  sourceScript = builtins.path {
    name = "kflake-kernel-source.sh";
    path = ./kernel-source.sh;
  };
  hostPaths = builtins.path {
    name = "kflake-host-paths.pl";
    path = ./host-paths.pl;
  };
  requestScript = builtins.path {
    name = "kflake-kernel-request.sh";
    path = ./kernel-request.sh;
  };
  kconfig = builtins.path {
    name = "kflake-kconfig.pl";
    path = ./kconfig.pl;
  };
  renames = import ./kconfig-renames.nix;
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

  # Boards mark with ? what they want only where the tree has it.
  isSoft = symbol: lib.hasPrefix "?" symbol;
  softName = symbol: builtins.substring 1 (builtins.stringLength symbol - 1) symbol;

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

  appliesTo =
    {
      version,
      arch,
      gcc,
    }:
    fix:
    versions.within { inherit (fix) from below; } version
    && (fix.arches == [ ] || lib.elem arch fix.arches)
    && (fix.gcc == null || (gcc != null && versions.toolWithin fix.gcc gcc));

  # The words of one kind of step, of all the fixes.
  flagsOf =
    kind: applied:
    lib.concatStringsSep " " (
      lib.concatMap (fix: map (step: step.flag) (lib.filter (step: step.kind == kind) fix.apply)) applied
    );

  stepScript =
    step:
    if step.kind == "sed" then
      "fix_sed ${lib.escapeShellArg step.expression} ${lib.escapeShellArgs step.files}\n"
    else if step.kind == "write" then
      "fix_write ${lib.escapeShellArg step.file} ${lib.escapeShellArg step.text}\n"
    else
      "";

  # src: the tarball, or an unpacked tree, of exactly this version. arch (a name of the matrix) and gcc choose among the fixes; builds
  # that need the same ones share the tree.
  kernelSource =
    {
      version,
      src,
      arch ? null,
      gcc ? null,
    }:
    let
      edits = fix: lib.filter (step: stepScript step != "") fix.apply;
      applied = lib.filter (fix: appliesTo { inherit version arch gcc; } fix && edits fix != [ ]) fixes;
    in
    pkgs.stdenvNoCC.mkDerivation {
      name = "linux-source-${version}";
      inherit src version hostPaths;
      nativeBuildInputs = [
        pkgs.xz
        pkgs.perl
        pkgs.python3
      ];
      fixScript = lib.concatMapStrings (
        fix:
        "fix_begin ${lib.escapeShellArg fix.id} ${lib.escapeShellArg fix.reason}\n"
        + lib.concatMapStrings stepScript (edits fix)
      ) applied;
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
        # The same kernel, with what a certain architecture and compiler need.
        forBuild =
          { arch, gcc }:
          kernelSource {
            inherit
              version
              src
              arch
              gcc
              ;
          };
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
  # configFragments  in order: files, strings with CONFIG_ lines, or { label; file; }, { label; tree; } (the name of a fragment
  #                  of the tree); config-report.json in the output says what became of each line
  # strict           fail when a line of the fragments does not come out as asked
  # modules          whether to build the configuration's modules
  # dtbs             device tree names (file names ending in .dtb)
  # targets          null: the kernel, and the modules if wanted; or a list of config, kernel, modules, dtbs, headers, dev (only
  #                  what an out-of-tree module needs) and names of Kbuild targets
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
      strict ? false,
      modules ? true,
      dtbs ? [ ],
      targets ? null,
      makeTarget ? if board == null then "vmlinux" else board.makeTarget,
      image ? if board == null then "vmlinux" else board.image,
      linuxArch ? if board == null then arch.linuxArch else board.kernelArch,
      name ? null,
    }:
    let
      chosen = {
        arch = toolchain.spec.arch;
        inherit (toolchain) gcc;
      };
      source =
        if src.isKernelSource or false then
          src.forBuild chosen
        else
          kernelSource ({ inherit version src; } // chosen);
      applied = lib.filter (appliesTo ({ inherit version; } // chosen)) fixes;
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
      # Without requests a kernel is built by the shorter steps, and what they build does not depend on those for requests.
      requested = configFragments != [ ] || config != null || strict || targets != null;
      goals =
        if targets != null then
          targets
        else
          [
            "config"
            "kernel"
          ]
          ++ lib.optional modules "modules";
      withKernel = !requested || lib.elem "kernel" goals;
      asRequest =
        fragment:
        if fragment ? tree || fragment ? file then
          fragment // lib.optionalAttrs (fragment ? file) { file = "${fragment.file}"; }
        else
          {
            label = "fragment";
            file = "${asFile fragment}";
          };
      # The profile is for every version: what a tree does not know of it is no difference.
      profileRequests = lib.optionals (profile != null) [
        {
          label = "profile ${profile}";
          file = "${theProfile}";
          soft = true;
        }
        {
          label = "board";
          file = "${pkgs.writeText "board.config" (lib.concatMapStrings (line: line + "\n") boardLines)}";
        }
      ];
      requestArguments = lib.optionalAttrs requested {
        outputs = [ "out" ] ++ lib.optional (withKernel || lib.elem "dev" goals) "dev";
        fragments = [ ];
        targets = map checkTarget goals;
        dtbs = if withKernel then map baseNameOf allDtbs else [ ];
        requestSpec = builtins.toJSON {
          arch = linuxArch;
          inherit version strict;
          base = if config == null then null else "${config}";
          inherit renames;
          fragments = profileRequests ++ map asRequest configFragments;
        };
        passAsFile = [ "requestSpec" ];
        inherit kconfig;
        configurePhase = ". ${script}; . ${requestScript}; configure_request";
        buildPhase = "build_request";
        installPhase = "install_request";
      };
      checkTarget =
        target:
        if builtins.match "[A-Za-z0-9_][A-Za-z0-9_./+-]*" target != null then
          target
        else
          throw "buildKernel: `${target}` is not the name of a make target";
      boardLines =
        if board == null then
          [ ]
        else
          map enableLine (lib.filter (symbol: !isSoft symbol) board.enable) ++ map disableLine board.disable;
      softLines =
        if board == null then
          [ ]
        else
          map (symbol: enableLine (softName symbol)) (lib.filter isSoft board.enable);
      # The profile, with the board's own wishes of the same kind.
      theProfile =
        if softLines == [ ] then
          profileFile profile
        else
          pkgs.writeText "kflake-${profile}-board.config" (
            builtins.readFile (./validate/kconfig + "/${profile}.config")
            + lib.concatMapStrings (line: line + "\n") softLines
          );
      allDtbs = dtbs ++ lib.optional (board != null && board.dtb != null) board.dtb;
      imageName = baseNameOf image;
      drv = pkgs.stdenv.mkDerivation (
        {
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
          releasePattern = versions.releasePattern version;
          source = "${source}";
          target = toolchain.target;
          config = if config == null then "" else config;
          defconfig = if defconfig == null then "" else defconfig;
          profile = if profile == null then "" else theProfile;
          boardConfig = lib.concatMapStrings (line: line + "\n") boardLines;
          fragments = map asFile configFragments;
          passAsFile = [ "boardConfig" ];
          ccFlags = flagsOf "cc-flag" applied;
          hostCcFlags = flagsOf "host-cc-flag" applied;
          extraMakeFlags = lib.concatMapStrings (step: "${step.name}=${step.value}\n") (
            lib.concatMap (fix: lib.filter (step: step.kind == "make-flag") fix.apply) applied
          );
          wantModules = if modules then "1" else "";
          dtbs = map baseNameOf allDtbs;
          targets = [ ];
          # From gcc 8 on one option covers macros and debug information.
          prefixMapFlag =
            if
              versions.toolWithin {
                from = "8";
                below = null;
              } toolchain.gcc
            then
              "-ffile-prefix-map"
            else
              "-fdebug-prefix-map";
          wantBits = toString arch.bits;
          wantEndian = arch.endian;
          wantMachine = toString arch.elfMachine;
          inherit checkConfig elfTools;
          depsBuildBuild = [ pkgs.stdenv.cc ];
          nativeBuildInputs = [
            toolchain
          ]
          ++ tools
          # The constraint hexdump-efi-zboot.
          ++ lib.optional (
            lib.elem linuxArch [
              "arm64"
              "loongarch"
              "riscv"
            ]
            && versions.atLeast version "6.4"
          ) pkgs.hexdump;
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
            fixes = map (fix: fix.id) applied;
            image = "${drv.out}/${imageName}";
            vmlinux = "${drv.out}/vmlinux";
          };
        }
        // requestArguments
      );
    in
    if builtins.length base != 1 then
      throw "buildKernel: give exactly one of config, defconfig and profile (got ${toString (builtins.length base)})"
    else
      drv;
in
{
  inherit buildKernel kernelSource;
}
