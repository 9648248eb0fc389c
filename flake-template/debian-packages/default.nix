# The part of nixpkgs' interface that kflake's builders use, made of pinned Debian packages unpacked into the store.
#
# Builds see the store and /bin/sh, as with nixpkgs. Programs find their loader and libraries in the store, scripts their
# interpreters; nothing is on PATH that a derivation does not name.
{
  system ? builtins.currentSystem,
}:
let
  lib = import ./lib.nix;
  pinned = builtins.fromJSON (builtins.readFile ./pins.json);
  debs = import ./debs.nix { inherit system pinned; };
  inherit (debs) packages libraries;

  # Scripts are store files of their own: where this folder lies must not change a derivation.
  script =
    name:
    builtins.path {
      name = "debian-${name}";
      path = ./. + "/${name}";
    };
  setup = script "setup.sh";
  fetch = script "fetchurl.sh";
  fetchAndUnpack = script "fetchzip.sh";

  shell = "${packages.bash}/bin/bash";

  # What a stdenv of nixpkgs has on PATH without being asked.
  base = [
    cc
    packages.bash
    packages.bzip2
    packages.coreutils
    packages.diffutils
    packages.findutils
    packages.gawk
    packages.gnugrep
    packages.gnumake
    packages.gnused
    packages.gnutar
    packages.gzip
    packages.patch
    packages.patchelf
    packages.xz
  ];

  # gcc with the headers and libraries that it was packaged with. What it links finds its loader and libraries in the store.
  cc = builtins.derivation {
    name = "debian-cc-${packages.gcc.version}";
    inherit system shell;
    builder = shell;
    args = [ (script "cc-wrapper.sh") ];
    PATH = lib.makeBinPath [
      packages.coreutils
      packages.bash
    ];
    gcc = packages.gcc;
    runtime = libraries.base;
    inherit loader;
    preferLocalBuild = true;
  };
  loader = "${libraries.base}/lib/ld-linux-x86-64.so.2";

  # mkDerivation's own arguments, which do not become environment variables.
  ownArguments = [
    "passthru"
    "meta"
    "pos"
    "depsBuildBuild"
    "nativeBuildInputs"
    "buildInputs"
  ];

  derivationOf =
    args:
    let
      inputs =
        (args.depsBuildBuild or [ ]) ++ (args.nativeBuildInputs or [ ]) ++ (args.buildInputs or [ ]);
      drv = builtins.derivation (
        removeAttrs args ownArguments
        // {
          name = args.name or "${args.pname}-${args.version}";
          inherit system inputs;
          builder = shell;
          args = [
            "-e"
            setup
          ];
          PATH = lib.makeBinPath (inputs ++ base);
          SHELL = shell;
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

  # Takes attributes, or a function from the finished derivation (finalAttrs) to them.
  mkDerivation =
    argsOrFunction:
    let
      function =
        if builtins.isFunction argsOrFunction then argsOrFunction else (_finalAttrs: argsOrFunction);
      args = function (args // { finalPackage = package; });
      package = derivationOf args // {
        overrideAttrs =
          change:
          mkDerivation (
            finalAttrs:
            let
              before = function finalAttrs;
              changed = change finalAttrs;
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

  self = packages // {
    inherit
      lib
      system
      runCommand
      writeTextFile
      cc
      ;

    # What `nix develop` gives as a shell.
    bashInteractive = packages.bash;

    # Only the part of QEMU that a board is started with.
    qemu = packages.qemu-system-x86 // {
      forCommand =
        command:
        packages.${pinned.qemu.${command} or (throw "kflake: no pinned Debian package has `${command}`")};
    };

    # Debian packages the formatter from a later suite on only.
    nixfmt = self.writeShellScriptBin "nixfmt" ''
      echo "kflake: the Debian package set has no nixfmt; nixpkgs has" >&2
      exit 1
    '';

    # What /bin/sh of the sandbox may be, where Nix brings none.
    sandboxShell = packages.dash;

    path = ./.;

    stdenv = {
      inherit mkDerivation shell;
      cc = cc // {
        inherit (packages) gcc;
        cc = packages.gcc // {
          lib = libraries.base;
        };
        libc = libraries.base;
        bintools = packages.gcc // {
          dynamicLinker = loader;
        };
      };
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
        # Words for curl.
        curlOptsList ? [ ],
        passthru ? { },
        meta ? { },
      }:
      builtins.derivation (
        lib.optionalAttrs (hash == "") { outputHashAlgo = "sha256"; }
        // {
          inherit
            name
            system
            urls
            curlOptsList
            ;
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
    PATH = lib.makeBinPath (
      [
        packages.bash
        packages.coreutils
        packages.gnutar
        packages.gzip
        packages.bzip2
        packages.xz
      ]
      ++ [ packages.curl ]
    );
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
if system != "x86_64-linux" then
  throw "kflake: the pinned Debian packages are for x86_64-linux, not for ${system}"
else
  self
