# The pinned packages, unpacked: one folder for each tool of pins.json, under nixpkgs' name for it.
{ system, pinned }:
let
  script =
    name:
    builtins.path {
      name = "debian-${name}";
      path = ./. + "/${name}";
    };
  unpackScript = script "unpack.sh";
  librariesScript = script "libraries.sh";

  seed = import ./seed.nix {
    inherit system;
    inherit (pinned) seed;
  };
  common = {
    inherit system;
    builder = "${seed}/bin/sh";
    PATH = "${seed}/bin";
    preferLocalBuild = true;
  };

  mirrors = import ./mirrors.nix "debian";

  deb =
    key:
    let
      pin = pinned.pins.${key};
    in
    # Last comes the archive as it was when the pins were made: mirrors drop a package that a later version has replaced.
    builtins.derivation (
      common
      // {
        inherit (pin) name;
        args = [ (script "fetchurl.sh") ];
        urls = [
          "mirror://debian/${pin.path}"
        ]
        ++ map (base: base + pin.path) (mirrors ++ [ "${pinned.snapshot}/" ]);
        curlOptsList = [
          "--max-filesize"
          (toString pin.size)
        ];
        outputHashMode = "flat";
        outputHashAlgo = "sha256";
        outputHash = pin.sha256;
        impureEnvVars = [
          "http_proxy"
          "https_proxy"
          "all_proxy"
          "no_proxy"
          "NIX_CONNECT_TIMEOUT"
          "NIX_MIRRORS_debian"
        ];
      }
    );

  libraries = builtins.mapAttrs (
    group: keys:
    builtins.derivation (
      common
      // {
        name = "debian-${pinned.suite}-libraries-${group}";
        args = [ librariesScript ];
        debs = map deb keys;
      }
    )
  ) pinned.libraries;

  runtimes =
    group:
    {
      none = [ ];
      base = [ libraries.base ];
    }
    .${group} or [
      libraries.base
      libraries.${group}
    ];

  # patchelf as it is, which its loader starts by hand.
  rawPatchelf = unpack "patchelf" {
    loader = "";
    patchelf = "";
  };

  unpack =
    name: extra:
    let
      tool = pinned.tools.${name};
      inherit (pinned.pins.${builtins.head tool.packages}) version;
    in
    builtins.derivation (
      common
      // {
        name = "debian-${name}-${builtins.replaceStrings [ "~" ":" ] [ "-" "-" ] version}";
        args = [ unpackScript ];
        debs = map deb tool.packages;
        libraries = runtimes tool.libraries;
        loader = "${libraries.base}/lib/ld-linux-x86-64.so.2";
        interpreters = "";
        patchelf = rawPatchelf;
      }
      // extra
    )
    // {
      pname = name;
      inherit version;
    };

  # Programs that need to be told where their own files are start through a script that says so. Values may name $out.
  wrap =
    variables: program:
    let
      say = name: "echo \"export ${name}=${variables.${name}}\"";
    in
    {
      shell = "${tools.bash}/bin/bash";
      finish = ''
        mv $out/bin/${program} $out/bin/.${program}-wrapped
        {
          echo "#!$shell"
          ${builtins.concatStringsSep "; " (map say (builtins.attrNames variables))}
          echo "exec -a \"\$0\" $out/bin/.${program}-wrapped \"\$@\""
        } >$out/bin/${program}
        chmod 555 $out/bin/${program}
      '';
    };

  # Scripts name these; what they are made of has none.
  interpreters = [
    tools.bash
    tools.perl
    tools.python3
  ];
  simple = [
    "bash"
    "coreutils"
    "dash"
    "m4"
    "ncurses"
    "patchelf"
    "perl"
    "python3"
  ];

  perlVersion = builtins.head (
    builtins.match "([0-9]+\\.[0-9]+).*" pinned.pins.${builtins.head pinned.tools.perl.packages}.version
  );
  m4 = "\\\${M4:-${tools.m4}/bin/m4}";

  special = {
    bash.finish = "ln -s bash $out/bin/sh";
    bison = wrap {
      BISON_PKGDATADIR = "$out/share/bison";
      M4 = m4;
    } "bison";
    # Static: there is nothing to change.
    busybox.loader = "";
    file = wrap { MAGIC = "$out/lib/file/magic.mgc"; } "file";
    flex = wrap { M4 = m4; } "flex";
    gawk.finish = "ln -sf gawk $out/bin/awk";
    gcc = {
      keepIncludes = "1";
      # gcc looks for its assembler and linker here before PATH.
      finish = ''
        mkdir -p $out/x86_64-linux-gnu/bin
        for tool in as ld ld.bfd ar nm objcopy objdump ranlib readelf strip; do
          [ -e $out/bin/x86_64-linux-gnu-$tool ]
          ln -s ../../bin/x86_64-linux-gnu-$tool $out/x86_64-linux-gnu/bin/$tool
        done
      '';
    };
    git = wrap {
      GIT_EXEC_PATH = "$out/lib/git-core";
      GIT_TEMPLATE_DIR = "$out/share/git-core/templates";
      PAGER = "\\\${PAGER:-cat}";
    } "git";
    perl = wrap {
      PERL5LIB = "$out/lib/perl-base:$out/lib/perl/${perlVersion}:$out/share/perl/${perlVersion}\\\${PERL5LIB:+:\\$PERL5LIB}";
    } "perl";
  };

  # Debian builds QEMU for /usr; a `qemu-bundle` beside its programs stands in for the root of the file system.
  firmware = {
    finish = ''
      mkdir -p $out/share/qemu $out/bin/qemu-bundle
      for data in share/qemu share/seabios lib/ipxe/qemu; do
        cp -dR ${tools.qemu-data}/$data/. $out/share/qemu/
      done
      ln -s ../.. $out/bin/qemu-bundle/usr
      set -- $out/bin/qemu-system-*
      said=$($1 -L help)
      [ -n "$said" ]
      for folder in $said; do
        case $folder in
        "$out"/*) ;;
        *) fail firmware "''${1##*/} looks for firmware in $folder" ;;
        esac
      done
    '';
  };

  extra =
    name:
    (if builtins.elem name simple then { } else { inherit interpreters; })
    // (if builtins.match "qemu-system-.*" name != null then firmware else { })
    // special.${name} or { };

  tools = builtins.mapAttrs (name: _: unpack name (extra name)) pinned.tools;
in
{
  packages = tools;
  inherit libraries;
}
