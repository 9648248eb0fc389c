# A small stand-in for nixpkgs: the same names, made of what this machine's distribution has under /usr.
#
# Builds run in Nix's sandbox with the host's /usr, /bin, /lib, /lib64 and /etc/alternatives mounted read-only. Nothing
# is on PATH that a derivation does not name: each tool is its own derivation, which checks that the command exists and
# links to it, so that a missing one fails by name before anything else is built.
{
  system ? builtins.currentSystem,
}:
let
  lib = import ./lib.nix;

  shell = "/bin/bash";

  # Scripts are store files of their own: where this folder lies must not change a derivation.
  setup = builtins.path {
    name = "host-stdenv-setup.sh";
    path = ./setup.sh;
  };
  fetch = builtins.path {
    name = "host-fetchurl.sh";
    path = ./fetchurl.sh;
  };
  fetchAndUnpack = builtins.path {
    name = "host-fetchzip.sh";
    path = ./fetchzip.sh;
  };
  linkTools = builtins.path {
    name = "host-link-tools.sh";
    path = ./link-tools.sh;
  };

  # The commands in `commands` (and, where `files` is given, the headers), linked from the host. `package` is Debian's
  # name for what to install when one is missing.
  hostTool =
    {
      name,
      commands ? [ name ],
      files ? [ ],
      package ? name,
    }:
    builtins.derivation {
      name = "host-${name}";
      inherit
        system
        commands
        files
        package
        ;
      builder = shell;
      args = [ linkTools ];
      preferLocalBuild = true;
    };

  # What a stdenv of nixpkgs has on PATH without being asked.
  base = [
    (hostTool {
      name = "coreutils";
      commands = [
        "["
        "basename"
        "cat"
        "chmod"
        "cksum"
        "comm"
        "cp"
        "cut"
        "date"
        "dd"
        "dirname"
        "du"
        "echo"
        "env"
        "expr"
        "false"
        "head"
        "id"
        "install"
        "join"
        "ln"
        "ls"
        "md5sum"
        "mkdir"
        "mktemp"
        "mv"
        "nproc"
        "od"
        "paste"
        "printf"
        "pwd"
        "readlink"
        "realpath"
        "rm"
        "rmdir"
        "seq"
        "sha1sum"
        "sha256sum"
        "sleep"
        "sort"
        "split"
        "stat"
        "stty"
        "sync"
        "tac"
        "tail"
        "tee"
        "test"
        "timeout"
        "touch"
        "tr"
        "true"
        "truncate"
        "tty"
        "uname"
        "uniq"
        "wc"
        "whoami"
        "yes"
      ];
    })
    (hostTool {
      name = "bash";
      commands = [
        "bash"
        "sh"
      ];
    })
    (hostTool {
      name = "findutils";
      commands = [
        "find"
        "xargs"
      ];
    })
    (hostTool {
      name = "diffutils";
      commands = [
        "cmp"
        "diff"
      ];
    })
    (hostTool { name = "sed"; })
    (hostTool {
      name = "grep";
      commands = [
        "grep"
        "egrep"
        "fgrep"
      ];
    })
    (hostTool {
      name = "gawk";
      commands = [ "awk" ];
      package = "mawk";
    })
    (hostTool { name = "tar"; })
    (hostTool {
      name = "gzip";
      commands = [
        "gzip"
        "gunzip"
        "zcat"
      ];
    })
    (hostTool {
      name = "bzip2";
      commands = [
        "bzip2"
        "bunzip2"
      ];
    })
    (hostTool { name = "patch"; })
    tools.gnumake
    tools.xz
    cc
  ];

  # gcc finds its own parts from its real place under /usr, and the assembler and linker on PATH.
  cc = hostTool {
    name = "gcc";
    commands = [
      "gcc"
      "cc"
      "cpp"
      "g++"
      "c++"
      "ar"
      "as"
      "ld"
      "ld.bfd"
      "nm"
      "objcopy"
      "objdump"
      "ranlib"
      "readelf"
      "size"
      "strings"
      "strip"
    ];
    package = "build-essential";
  };

  tools = {
    # What `nix develop` gives as a shell.
    bashInteractive = hostTool { name = "bash"; };
    bc = hostTool { name = "bc"; };
    bison = hostTool { name = "bison"; };
    flex = hostTool {
      name = "flex";
      commands = [
        "flex"
        "lex"
      ];
    };
    m4 = hostTool { name = "m4"; };
    gnumake = hostTool {
      name = "make";
      commands = [ "make" ];
    };
    xz = hostTool {
      name = "xz";
      commands = [
        "xz"
        "unxz"
        "xzcat"
      ];
      package = "xz-utils";
    };
    curl = hostTool { name = "curl"; };
    perl = hostTool { name = "perl"; };
    python3 = hostTool { name = "python3"; };
    rsync = hostTool { name = "rsync"; };
    cpio = hostTool { name = "cpio"; };
    file = hostTool { name = "file"; };
    hexdump = hostTool {
      name = "hexdump";
      package = "bsdextrautils";
    };
    patchelf = hostTool { name = "patchelf"; };
    texinfo = hostTool {
      name = "texinfo";
      commands = [ "makeinfo" ];
    };
    kmod = hostTool {
      name = "kmod";
      commands = [
        "depmod"
        "modinfo"
      ];
    };
    openssl = hostTool {
      name = "openssl";
      files = [ "/usr/include/openssl/ssl.h" ];
      package = "libssl-dev";
    };
    elfutils = hostTool {
      name = "elfutils";
      commands = [ ];
      files = [ "/usr/include/libelf.h" ];
      package = "libelf-dev";
    };
    nixfmt = hostTool {
      name = "nixfmt";
      package = "nixfmt, from trixie on";
    };
  };

  # mkDerivation's own arguments, which do not become environment variables.
  ownArguments = [
    "passthru"
    "meta"
    "pos"
    "depsBuildBuild"
    "nativeBuildInputs"
    "buildInputs"
  ];

  # Takes attributes, or a function from the finished derivation (finalAttrs) to them.
  mkDerivation =
    given:
    let
      function = if builtins.isFunction given then given else (_: given);
      args = function (args // { finalPackage = package; });
      package = derivationOf args // {
        overrideAttrs =
          change:
          mkDerivation (
            finalAttrs:
            let
              before = function finalAttrs;
              changed = if builtins.isFunction change then change finalAttrs else change;
            in
            before
            // (
              if !builtins.isFunction change then
                change
              else if builtins.isFunction changed then
                changed before
              else
                change before
            )
          );
      };
    in
    package;

  derivationOf =
    args:
    let
      inputs =
        (args.depsBuildBuild or [ ]) ++ (args.nativeBuildInputs or [ ]) ++ (args.buildInputs or [ ]);
      drv = builtins.derivation (
        removeAttrs args ownArguments
        // {
          name = args.name or "${args.pname}-${args.version}";
          inherit system;
          builder = shell;
          args = [
            "-e"
            setup
          ];
          PATH = lib.makeBinPath (inputs ++ base);
          outputs = args.outputs or [ "out" ];
        }
      );
    in
    drv
    // {
      meta = args.meta or { };
      passthru = args.passthru or { };
    }
    // (args.passthru or { });

  runCommand =
    name: env: buildCommand:
    mkDerivation (
      {
        inherit name buildCommand;
        preferLocalBuild = true;
      }
      // env
    );

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
    }:
    runCommand name
      {
        inherit text;
        passAsFile = [ "text" ];
      }
      ''
        target=$out${lib.escapeShellArg destination}
        mkdir -p "$(dirname "$target")"
        cp "$textPath" "$target"
        ${lib.optionalString executable ''chmod +x "$target"''}
      '';

  self = tools // {
    inherit
      lib
      system
      hostTool
      runCommand
      writeTextFile
      ;

    path = builtins.path {
      name = "host-packages";
      path = ./.;
    };

    stdenv = {
      inherit mkDerivation cc shell;
      hostPlatform = {
        inherit system;
      };
      buildPlatform = {
        inherit system;
      };
    };
    stdenvNoCC = self.stdenv;

    fetchurl =
      {
        url ? null,
        urls ? [ url ],
        name ? baseNameOf (toString (builtins.head urls)),
        hash ? "",
        sha256 ? "",
        passthru ? { },
        meta ? { },
      }:
      builtins.derivation (
        lib.optionalAttrs (hash == "") { outputHashAlgo = "sha256"; }
        // {
          inherit name system urls;
          args = [ fetch ];
          outputHashMode = "flat";
          outputHash = if hash != "" then hash else sha256;
        }
        // fetching urls
      )
      // {
        inherit passthru meta;
      };

    # The one folder of an archive, by the hash of the tree.
    fetchzip =
      {
        url,
        hash,
        name ? "source",
      }:
      builtins.derivation (
        {
          inherit name system;
          urls = [ url ];
          args = [ fetchAndUnpack ];
          fetchScript = fetch;
          outputHashMode = "recursive";
          outputHash = hash;
        }
        // fetching [ url ]
      );

    writeText = name: text: writeTextFile { inherit name text; };
    writeShellScript =
      name: text:
      writeTextFile {
        inherit name;
        text = "#!${shell}\n${text}";
        executable = true;
      };
    writeShellScriptBin =
      name: text:
      writeTextFile {
        inherit name;
        text = "#!${shell}\n${text}";
        executable = true;
        destination = "/bin/${name}";
      };

    linkFarm =
      name: entries:
      let
        list =
          if builtins.isAttrs entries then
            lib.mapAttrsToList (name: path: { inherit name path; }) entries
          else
            entries;
      in
      runCommand name { } (
        "mkdir -p $out\ncd $out\n"
        + lib.concatMapStrings (entry: ''
          mkdir -p "$(dirname ${lib.escapeShellArg entry.name})"
          ln -s ${lib.escapeShellArg "${entry.path}"} ${lib.escapeShellArg entry.name}
        '') list
      );

    symlinkJoin =
      {
        name,
        paths,
        postBuild ? "",
      }:
      runCommand name { inherit paths; } ''
        mkdir -p $out
        for path in $paths; do cp -rs --no-preserve=mode "$path/." $out/; done
        ${postBuild}
      '';

    # `nix develop` runs the environment of this derivation; nothing is built.
    mkShell =
      {
        name ? "shell",
        packages ? [ ],
        inputsFrom ? [ ],
        shellHook ? "",
        ...
      }@args:
      mkDerivation (
        removeAttrs args [
          "packages"
          "inputsFrom"
        ]
        // {
          inherit name shellHook;
          nativeBuildInputs = packages;
          buildCommand = "touch $out";
        }
      );
  };

  # What everything that is fetched has in common.
  fetching = urls: {
    builder = shell;
    PATH = lib.makeBinPath (base ++ [ tools.curl ]);
    preferLocalBuild = true;
    impureEnvVars = [
      "http_proxy"
      "https_proxy"
      "ftp_proxy"
      "all_proxy"
      "no_proxy"
      "NIX_CURL_FLAGS"
      "NIX_CONNECT_TIMEOUT"
    ]
    ++ map (scheme: "NIX_MIRRORS_${scheme}") (mirrorSchemes urls);
  };

  mirrorSchemes =
    urls:
    lib.concatMap (
      url:
      let
        match = builtins.match "mirror://([a-zA-Z0-9_]+)/.*" url;
      in
      if match == null then [ ] else match
    ) urls;
in
self
