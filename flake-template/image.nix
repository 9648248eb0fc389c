/**
  Container images: the compiler of a cell with everything that a kernel build needs, as an OCI image layout.

  Made without a daemon, and of the package set that builds use: what is on PATH in an image, and what its `gcc` finds, is
  what a kernel's build has there, because it is recorded in such a build. The layers are, from the bottom up: the tools, which
  all images of a package set share; the libraries that the compiler runs with, which the compilers of one family share; and
  the compiler.
*/
{
  lib,
  stdenv,
  gnutar,
  gzip,
  ncurses ? null,
  perl,
  pkg-config ? null,
  git ? null,
  gitMinimal ? git,
  # Programs and libraries that kernels build with.
  kernelTools,
  # A compiler's option that takes the name of a folder out of what it makes.
  prefixMapFor,
}:
let
  file =
    name:
    builtins.path {
      name = "kflake-${name}";
      path = ./. + "/${name}";
    };
  layerScript = file "image-layer.sh";

  plain = {
    dontUnpack = true;
    dontConfigure = true;
    dontFixup = true;
    dontStrip = true;
    dontPatchELF = true;
    # What is built is in its place already.
    installPhase = ''
      runHook preInstall
      runHook postInstall
    '';
  };

  # What a build of a kernel sees, written down: programs, headers, and compilers that find them without any variable set.
  environment = stdenv.mkDerivation (
    plain
    // {
      name = "kernel-build-environment";
      depsBuildBuild = [ stdenv.cc ];
      nativeBuildInputs =
        kernelTools
        ++ lib.filter (tool: tool != null) [
          # For `make menuconfig`, and for the version of a tree that git keeps.
          ncurses
          pkg-config
          gitMinimal
        ];
      ncurses = if ncurses == null then "" else "${ncurses}";
      loader = "${stdenv.cc.bintools.dynamicLinker}";
      NIX_NO_SELF_RPATH = true;
      hardeningDisable = [ "all" ];
      buildPhase = ''
        runHook preBuild
        . ${file "image-environment.sh"}
        make_environment
        runHook postBuild
      '';
    }
  );

  /**
    A layer: files that `populate` puts into `root/`, and what of the closure of `path` no layer of `below` has.
  */
  layer =
    {
      name,
      path,
      without ? [ ],
      below ? [ ],
      populate ? "",
    }:
    stdenv.mkDerivation (
      plain
      // {
        name = "image-layer-${name}";
        exportReferencesGraph = [
          "closure"
          path
        ];
        without = map (path: "${path}") without;
        below = map (layer: "${layer}") below;
        inherit leftOut;
        nativeBuildInputs = [
          gnutar
          gzip
          perl
        ];
        buildPhase = ''
          runHook preBuild
          . ${layerScript}
          populate() {
            :
            ${populate}
          }
          make_layer
          runHook postBuild
        '';
      }
    );

  tools = {
    layer = layer {
      name = "tools";
      path = environment;
      populate = ''
        populate_system ${environment}
      '';
    };
    by = "tools of a kernel build";
  };

  # Parts of compilers and tools that no kernel is built with: link-time optimisation, sanitizers, other linkers, static libraries
  # of this machine, character sets of Perl's, and what git speaks to servers with.
  leftOut = [
    "lto1"
    "*lto-dump*"
    "*gold"
    "gold-ld"
    "*dwp"
    "lib[ahlt]san*"
    "libubsan*"
    "libcrypto.a"
    "libssl.a"
    "libstdc++.a"
    "debian-gcc-*/lib/lib[cm]*.a"
    "Encode/[CJKT]*"
    "Unicode/Collate/*"
    "git-core/git-*http*"
    "git-core/git-remote-*"
    "git-core/git-imap-send"
    "git-core/git-daemon"
    "git-core/git-shell"
    "git-core/scalar"
    "bin/scalar"
    "bin/git-shell"
  ];

  identity = import ./build-identity.nix ++ [ "SOURCE_DATE_EPOCH=1" ];

  searchPath = "/usr/local/bin:/usr/bin:/bin";
  commonEnv = [
    "HOME=/tmp"
    "LC_ALL=C"
    "TZ=UTC"
  ];

  # An image of layers, each { layer, by, digest? }, the lowest first.
  assemble =
    {
      name,
      facts,
      description,
      layers,
      env,
      command ? [ "/bin/sh" ],
      environment ? null,
      kernelMisc ? null,
      passthru,
    }:
    let
      described = {
        "org.opencontainers.image.title" = "kflake ${name}";
        "org.opencontainers.image.description" = description;
        "org.opencontainers.image.created" = "1970-01-01T00:00:01Z";
      };
    in
    stdenv.mkDerivation (
      plain
      // {
        name = "image-${name}";
        spec = builtins.toJSON {
          annotations = lib.filterAttrs (_: text: text != "") (facts // described);
          inherit name environment kernelMisc;
          inherit (stdenv.hostPlatform) system;
          layers = map (
            it:
            removeAttrs it [ "layer" ]
            // {
              path = "${it.layer}";
              by = "kflake: ${it.by}";
            }
          ) layers;
          config = {
            Env = env;
            Cmd = command;
            WorkingDir = "/";
          };
        };
        passAsFile = [ "spec" ];
        nativeBuildInputs = [ perl ];
        buildPhase = ''
          runHook preBuild
          perl ${file "image.pl"} "$specPath" "$out"
          runHook postBuild
        '';
        passthru = passthru // {
          # What it is put together from, the lowest first.
          layers = map (it: it.layer) layers;
        };
      }
    );
in
{
  /**
    The image of a compiler.

    # Arguments

    - name: of the image: "k6-arm64", "debian-12.2.0-arm64"
    - cell: that it is for; null where it is for none
    - toolchain: from toolchains.nix
    - linuxArch: the kernel's name of the architecture
    - reasons: why it is this compiler; none where nobody asked
    - sdk: from sdk.nix, to have in it too; null: none
  */
  image =
    {
      name,
      cell ? null,
      toolchain,
      linuxArch,
      reasons ? [ ],
      sdk ? null,
    }:
    let
      libraries = layer {
        name = "libraries-${toolchain.id}";
        path = toolchain;
        without = [ toolchain ];
        below = [ tools.layer ];
      };
      compiler = layer {
        name = "compiler-${toolchain.id}";
        path = toolchain;
        below = [
          tools.layer
          libraries
        ];
        populate = ''
          mkdir -p root/opt
          ln -s ${toolchain} root/opt/cross
        '';
      };
      programs = layer {
        name = "sdk-${name}";
        path = sdk;
        below = [
          tools.layer
          libraries
          compiler
        ];
        populate = ''
          mkdir -p root/opt
          ln -s ${sdk} root/opt/sdk
        '';
      };
      facts = {
        "kflake.cell" = toString cell;
        "kflake.sdk.kernel" = if sdk == null then "" else sdk.kernel.version;
        "kflake.arch" = toolchain.spec.arch;
        "kflake.toolchain" = toolchain.id;
        "kflake.toolchain.source" = toolchain.spec.source;
        "kflake.toolchain.target" = toolchain.target;
        "kflake.toolchain.gcc" = toString toolchain.gcc;
        "kflake.toolchain.clang" = toString toolchain.spec.clang;
        "kflake.toolchain.binutils" = toString toolchain.binutils;
        "kflake.toolchain.libc" = if toolchain.libc == null then "none" else toolchain.libc;
        "kflake.toolchain.reason" = lib.concatStringsSep "; " reasons;
      };
      # Where a tree and its output are shown to whoever builds in a container: a kernel does not remember them.
      map = "${prefixMapFor toolchain.gcc}=/src/= ${prefixMapFor toolchain.gcc}=/out/=";
    in
    assemble {
      inherit name facts;
      description =
        "${toolchain.compiler} for ${toolchain.target}, with what builds "
        + (
          if sdk == null then
            "Linux for ${linuxArch}"
          else
            "programs and modules for Linux ${sdk.kernel.version}"
        );
      # What a shell reads before it builds with the SDK.
      environment = if sdk == null then null else "${sdk}/environment";
      # What modules have to be for.
      kernelMisc = if sdk == null then null else "${sdk}/kernel-misc";
      layers = [
        tools
        {
          layer = libraries;
          by = "libraries that ${toolchain.id} runs with";
        }
        {
          layer = compiler;
          by = toolchain.id;
          # Annotation of the digest that the layer has when it is not compressed.
          digest = "kflake.toolchain.digest";
        }
      ]
      ++ lib.optional (sdk != null) {
        layer = programs;
        by = sdk.name;
      };
      env = [
        "PATH=/opt/cross/bin:${searchPath}"
      ]
      ++ commonEnv
      ++ [ "ARCH=${linuxArch}" ]
      ++ toolchain.kbuildEnvironment
      ++ [
        "KCFLAGS=${map}"
        "KAFLAGS=${map}"
      ]
      ++ identity;
      passthru = {
        inherit toolchain;
      }
      // lib.optionalAttrs (sdk != null) { inherit (sdk) kernel; };
    };

  /**
    The image that starts kernels of an architecture under QEMU.

    # Arguments

    - arch: of the matrix
    - boot: from boot.nix's `bootBuiltKernel`
    - qemu: its version
    - toolchain: what linked init
  */
  bootImage =
    {
      arch,
      boot,
      qemu,
      toolchain,
    }:
    assemble {
      name = "qemu-${arch.id}";
      facts = {
        "kflake.arch" = arch.id;
        "kflake.qemu" = qemu;
      };
      description = "QEMU, which boots kernels for ${arch.id}";
      layers = [
        tools
        {
          layer = layer {
            name = "qemu-${arch.id}";
            path = boot;
            below = [ tools.layer ];
            populate = ''
              mkdir -p root/usr/local/bin
              ln -s ${boot}/bin/boot root/usr/local/bin/boot
            '';
          };
          by = "QEMU for ${arch.id}";
        }
      ];
      env = [ "PATH=${searchPath}" ] ++ commonEnv;
      command = [ "boot" ];
      passthru = { inherit toolchain; };
    };
}
