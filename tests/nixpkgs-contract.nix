/**
  What kflake's Nix asks of a package set: nixpkgs, and the Debian packages that stand in for it, are both held to this.

  # Arguments

  - pkgs: the package set

  `problems` are the clauses that do not hold, found without building anything; `builds` are small derivations, each of which fails
  where a builder's environment is not what it has to be. `names` is what the clauses cover, for a test that compares it with what
  the builders use.
*/
{ pkgs }:
let
  inherit (pkgs) lib stdenv;

  # Programs and libraries that something is built with; what each has to have as a program.
  required = {
    bc = [ "bc" ];
    bison = [ "bison" ];
    cpio = [ "cpio" ];
    elfutils = [ ];
    file = [ "file" ];
    flex = [ "flex" ];
    gnutar = [ "tar" ];
    gzip = [ "gzip" ];
    gnumake = [ "make" ];
    hexdump = [ "hexdump" ];
    kmod = [
      "depmod"
      "modinfo"
    ];
    m4 = [ "m4" ];
    openssl = [ "openssl" ];
    patchelf = [ "patchelf" ];
    perl = [ "perl" ];
    python3 = [ "python3" ];
    qemu = [ ];
    rsync = [ "rsync" ];
    xz = [ "xz" ];
    zlib = [ ];
  };
  # What is used where there is such a thing.
  optional = {
    git = [ "git" ];
    gitMinimal = [ "git" ];
    lz4 = [ "lz4" ];
    lzop = [ "lzop" ];
    ncurses = [ ];
    pahole = [ "pahole" ];
    pkg-config = [ "pkg-config" ];
    ubootTools = [ "mkimage" ];
    zstd = [ "zstd" ];
  };

  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  sri = "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=";

  versionOf = drv: drv.version or (builtins.parseDrvName drv.name).version;
  isPackage = name: pkgs.${name} ? outPath && versionOf pkgs.${name} != "";

  # Where a fixed output lies.
  fixedOutput =
    mode: name: outputHash:
    builtins.unsafeDiscardStringContext
      (derivation {
        inherit name outputHash;
        outputHashMode = mode;
        outputHashAlgo = "sha256";
        builder = "none";
        inherit (stdenv.hostPlatform) system;
      }).outPath;

  # lib's functions, each by an example that tells it from its like.
  functions = {
    attrNames =
      lib.attrNames {
        b = 1;
        a = 2;
      } == [
        "a"
        "b"
      ];
    attrValues =
      lib.attrValues {
        b = 1;
        a = 2;
      } == [
        2
        1
      ];
    concatMap =
      lib.concatMap
        (x: [
          x
          x
        ])
        [
          1
          2
        ] == [
        1
        1
        2
        2
      ];
    concatMapStrings =
      lib.concatMapStrings (x: x + ";") [
        "a"
        "b"
      ] == "a;b;";
    concatStringsSep =
      lib.concatStringsSep ", " [
        "a"
        "b"
      ] == "a, b";
    elem =
      lib.elem 2 [
        1
        2
      ]
      && !lib.elem 3 [
        1
        2
      ];
    escapeShellArg = lib.escapeShellArg "it's $x" == "'it'\\''s $x'" && lib.escapeShellArg "" == "''";
    escapeShellArgs =
      lib.escapeShellArgs [
        "a b"
        "c d"
      ] == "'a b' 'c d'";
    filter =
      lib.filter (x: x > 1) [
        1
        2
        3
      ] == [
        2
        3
      ];
    filterAttrs =
      lib.filterAttrs (name: value: name == "a" && value == 1) {
        a = 1;
        b = 1;
      } == {
        a = 1;
      };
    genAttrs =
      lib.genAttrs [ "a" "b" ] (name: name + "!") == {
        a = "a!";
        b = "b!";
      };
    hasPrefix = lib.hasPrefix "ab" "abc" && !lib.hasPrefix "b" "abc" && lib.hasPrefix "" "";
    head =
      lib.head [
        1
        2
      ] == 1;
    listToAttrs =
      lib.listToAttrs [
        {
          name = "a";
          value = 1;
        }
      ] == {
        a = 1;
      };
    makeBinPath =
      lib.makeBinPath [
        "/a"
        "/b"
      ] == "/a/bin:/b/bin";
    makeLibraryPath =
      lib.makeLibraryPath [
        "/a"
        "/b"
      ] == "/a/lib:/b/lib";
    mapAttrs = lib.mapAttrs (name: value: name + value) { a = "1"; } == { a = "a1"; };
    mapAttrs' =
      lib.mapAttrs' (name: value: lib.nameValuePair (name + "x") value) { a = 1; } == { ax = 1; };
    mapAttrsToList =
      lib.mapAttrsToList (name: value: name + value) {
        b = "2";
        a = "1";
      } == [
        "a1"
        "b2"
      ];
    nameValuePair =
      lib.nameValuePair "a" 1 == {
        name = "a";
        value = 1;
      };
    optional = lib.optional true 1 == [ 1 ] && lib.optional false 1 == [ ];
    optionalAttrs =
      lib.optionalAttrs true { a = 1; } == { a = 1; } && lib.optionalAttrs false { a = 1; } == { };
    optionalString = lib.optionalString true "a" == "a" && lib.optionalString false "a" == "";
    optionals =
      lib.optionals true [
        1
        2
      ] == [
        1
        2
      ]
      &&
        lib.optionals false [
          1
          2
        ] == [ ];
    splitString =
      lib.splitString "." "a.b..c" == [
        "a"
        "b"
        ""
        "c"
      ];
  };
  base = stdenv.mkDerivation (finalAttrs: {
    pname = "contract";
    version = "1";
    outputs = [
      "out"
      "dev"
    ];
    flag = "a";
    dontUnpack = true;
    passthru = {
      image = "${finalAttrs.finalPackage.out}/image";
      inherit (finalAttrs) flag;
    };
    meta.description = "A clause of a contract";
  });
  changed = base.overrideAttrs (_: {
    flag = "b";
  });
  fetched = pkgs.fetchurl {
    name = "contract.tar";
    urls = [
      "mirror://gnu/contract/contract.tar"
      "https://contract.example/contract.tar"
    ];
    inherit hash;
  };

  # What a clause says, and whether it holds.
  evaluated = {
    "mkDerivation: name is pname-version" = base.name == "contract-1";
    "mkDerivation: an output is an attribute" = base.dev.outPath != base.out.outPath;
    "mkDerivation: passthru is seen from outside" = base.flag == "a";
    "mkDerivation: meta stays" = base.meta.description == "A clause of a contract";
    "mkDerivation: finalAttrs are those of the finished package" =
      changed.flag == "b" && changed.image == "${changed.out}/image" && changed.image != base.image;
    "overrideAttrs: takes what was there before" =
      (base.overrideAttrs (previous: {
        flag = previous.flag + "c";
      })).flag == "ac";
    "overrideAttrs: takes what will be, and what was there before" =
      (base.overrideAttrs (
        _finalAttrs: previous: {
          flag = previous.flag + "d";
        }
      )).flag == "ad";
    "overrideAttrs: can be said twice" =
      (changed.overrideAttrs (previous: {
        flag = previous.flag + "e";
      })).flag == "be";
    "overrideAttrs: changes the derivation" = changed.drvPath != base.drvPath;
    "stdenvNoCC has mkDerivation" =
      pkgs.stdenvNoCC.mkDerivation {
        name = "contract";
        dontUnpack = true;
      }
      ? drvPath;
    "runCommand: environment and passthru" =
      let
        it = pkgs.runCommand "contract" { passthru.x = 1; } "touch $out";
      in
      it.name == "contract" && it.x == 1 && it ? overrideAttrs;
    # The path in the store depends on the name and the digest alone, so both sets take what the other has fetched.
    "fetchurl: digest and name decide the path" =
      builtins.unsafeDiscardStringContext fetched.outPath == fixedOutput "flat" "contract.tar" hash;
    "fetchzip: digest decides the path" =
      builtins.unsafeDiscardStringContext
        (pkgs.fetchzip {
          url = "https://contract.example/contract.tar.gz";
          hash = sri;
        }).outPath == fixedOutput "recursive" "source" sri;
    "linkFarm: takes attributes" = pkgs.linkFarm "farm" { a = base; } ? drvPath;
    "writeText: has a path" = lib.hasPrefix builtins.storeDir (pkgs.writeText "text" "x").outPath;
    "writeShellScriptBin: has a path" = pkgs.writeShellScriptBin "script" "true" ? outPath;
    "mkShell: takes packages, and passthru" =
      (pkgs.mkShell {
        name = "shell";
        packages = [ base ];
        passthru.x = 1;
      }).x == 1;
    "nixfmt is there" = pkgs ? nixfmt;
    "path can be imported" = builtins.isFunction (import pkgs.path);
    "cc has a version" = builtins.match "[0-9]+\\..*" (versionOf stdenv.cc) != null;
    "cc names its loader" = lib.hasPrefix builtins.storeDir "${stdenv.cc.bintools.dynamicLinker}";
    "cc has libraries" = stdenv.cc.cc.lib ? outPath && stdenv.cc.libc ? outPath;
    "hostPlatform and buildPlatform name a system" =
      stdenv.hostPlatform.system == stdenv.buildPlatform.system
      && builtins.match "[a-z0-9_]+-linux" stdenv.hostPlatform.system != null;
  }
  // lib.mapAttrs' (
    name: _: lib.nameValuePair "${name} is a package with a version" (isPackage name)
  ) required
  // lib.mapAttrs' (
    name: _:
    lib.nameValuePair "${name}, where there is one, is a package" (!(pkgs ? ${name}) || isPackage name)
  ) optional
  // lib.mapAttrs' (
    name: holds: lib.nameValuePair "lib.${name} does what it does in nixpkgs" holds
  ) functions;

  # A derivation that passes where the environment of a builder is what the builders of kernels and toolchains take it to be.
  build =
    name: attrs: script:
    pkgs.runCommand "contract-${name}" attrs ''
      clause() { local says=$1; shift; "$@" || { echo "contract: $says" >&2; exit 1; }; }
      ${script}
      echo held >$out
    '';

  programs = lib.concatMap (name: map (program: { inherit name program; }) (all.${name})) (
    lib.filter (name: pkgs ? ${name}) (lib.attrNames all)
  );
  all = required // optional;

  builds = {
    # Each package's programs are on PATH once it is among the inputs, and start.
    programs =
      build "programs"
        {
          nativeBuildInputs = lib.concatMap (name: lib.optional (pkgs ? ${name}) pkgs.${name}) (
            lib.attrNames all
          );
        }
        (
          lib.concatMapStrings (it: ''
            clause "${it.name} has ${it.program}" command -v ${it.program}
          '') programs
        );

    # Host programs of a kernel find headers and libraries, and run where they were built.
    compiler = pkgs.stdenv.mkDerivation {
      name = "contract-compiler";
      dontUnpack = true;
      depsBuildBuild = [ stdenv.cc ];
      nativeBuildInputs = [
        pkgs.elfutils
        pkgs.openssl
        pkgs.zlib
      ];
      hardeningDisable = [ "all" ];
      buildPhase = ''
        runHook preBuild
        cat >program.c <<'C'
        #include <libelf.h>
        #include <openssl/evp.h>
        #include <zlib.h>
        int main(void) { return elf_version(EV_CURRENT) == EV_NONE || !EVP_sha256() || !zlibVersion(); }
        C
        gcc -o program program.c -lelf -lcrypto -lz
        ./program
        # as the kernel links objtool: what the library itself needs is the linker's to find
        echo 'unsigned elf_version(unsigned); int main(void) { return !elf_version(1); }' >alone.c
        gcc -o alone alone.c -lelf
        ./alone
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        cp program $out
        runHook postInstall
      '';
    };

    # Phases in their order, each with its hooks; what is not wanted is left out; lists are words, and files are passed as files.
    phases = stdenv.mkDerivation {
      name = "contract-phases";
      outputs = [
        "out"
        "dev"
      ];
      src = pkgs.writeText "source" "text";
      words = [
        "a"
        "b"
      ];
      long = "text of a file";
      passAsFile = [ "long" ];
      dontFixup = true;
      dontConfigure = true;
      unpackPhase = ''
        runHook preUnpack
        echo unpack >order
        runHook postUnpack
      '';
      postUnpack = "echo unpacked >>order";
      patchPhase = "echo patch >>order";
      configurePhase = "echo configure >>order";
      preBuild = "echo before >>order";
      buildPhase = ''
        runHook preBuild
        echo build >>order
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        test "$(tr '\n' ' ' <order)" = "unpack unpacked patch before build "
        test "$words" = "a b"
        test "$(cat "$longPath")" = "text of a file"
        test "$(cat "$src")" = text
        test "$NIX_BUILD_CORES" -gt 0
        test "$SOURCE_DATE_EPOCH" -gt 0
        test -n "$SHELL"
        mkdir "$out" "$dev"
        runHook postInstall
      '';
    };

    # Patches of a tree are applied, and a script's interpreter is found in the store.
    source = stdenv.mkDerivation {
      name = "contract-source";
      src = pkgs.runCommand "contract-tree" { } ''
        mkdir $out
        echo one >$out/file
        printf '#!/usr/bin/env bash\necho ran\n' >$out/script
        chmod +x $out/script
      '';
      patches = [
        (pkgs.writeText "contract.patch" ''
          --- a/file
          +++ b/file
          @@ -1 +1 @@
          -one
          +two
        '')
      ];
      dontConfigure = true;
      dontFixup = true;
      buildPhase = ''
        test "$(cat file)" = two
        patchShebangs .
        test "$(./script)" = ran
      '';
      installPhase = "touch $out";
    };

    # A phase that fails ends the build: here it would end green if it did not.
    shell = build "shell" { } ''
      clause "the builder's shell is bash" test -n "$BASH_VERSION"
      clause "a failing command ends a build" test "''${-//[^e]/}" = e
      clause "a pipeline fails with its first part" test "$(set -o | sed -n 's/^pipefail[[:blank:]]*//p')" = on
      clause "nothing of the host is to be seen" test ! -e /usr/bin
      clause "there is a /bin/sh" test -x /bin/sh
    '';

    files =
      build "files"
        {
          farm = pkgs.linkFarm "farm" { "a/b" = pkgs.writeText "text" "linked"; };
          script = pkgs.writeShellScriptBin "contract-script" "echo said";
        }
        ''
          clause "linkFarm makes folders" test "$(cat $farm/a/b)" = linked
          clause "a script is in bin" test "$($script/bin/contract-script)" = said
        '';
  };
in
{
  problems = lib.filter (clause: !evaluated.${clause}) (lib.attrNames evaluated);
  inherit builds;
  names = {
    packages = lib.attrNames all ++ [
      "fetchurl"
      "fetchzip"
      "lib"
      "linkFarm"
      "mkShell"
      "nixfmt"
      "path"
      "runCommand"
      "stdenv"
      "stdenvNoCC"
      "writeShellScriptBin"
      "writeText"
    ];
    lib = lib.attrNames functions;
  };
}
