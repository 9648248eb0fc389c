{
  description = "As much of nixpkgs as kflake's own flake asks for: enough to evaluate it";

  outputs =
    { self }:
    let
      lib = {
        genAttrs =
          names: f:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = f name;
            }) names
          );
        importTOML = path: builtins.fromTOML (builtins.readFile path);
        optionalString = wanted: text: if wanted then text else "";
        # The list itself is what the test looks at.
        fileset = {
          unions = paths: paths;
          toSource =
            { root, fileset }:
            assert builtins.all builtins.pathExists fileset;
            toString root;
        };
        licenses = {
          mit.spdxId = "MIT";
          asl20.spdxId = "Apache-2.0";
        };
        platforms.linux = [
          "x86_64-linux"
          "aarch64-linux"
        ];
      };

      pkgsFor =
        system:
        let
          tool =
            name:
            derivation {
              inherit name system;
              builder = "/bin/sh";
            };
          pkgs = {
            inherit lib;
            stdenv = {
              buildPlatform.canExecute = _: true;
              hostPlatform = { inherit system; };
            };
            rustPlatform.buildRustPackage =
              args:
              derivation {
                name = "${args.pname}-${args.version}";
                inherit (args) src;
                inherit system;
                builder = "/bin/sh";
                args = [
                  "-c"
                  args.postInstall
                ];
                lock = args.cargoLock.lockFile;
              }
              // {
                inherit (args) meta pname version;
              };
            callPackage =
              file: given:
              let
                f = import file;
              in
              f (builtins.intersectAttrs (builtins.functionArgs f) (pkgs // given));
            mkShell =
              args:
              derivation {
                name = "shell";
                inherit system;
                inherit (args) inputsFrom packages;
                builder = "/bin/sh";
              };
            installShellFiles = tool "install-shell-files";
            cargo-nextest = tool "cargo-nextest";
            clippy = tool "clippy";
            nixfmt = tool "nixfmt";
            rustfmt = tool "rustfmt";
          };
        in
        pkgs;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs lib.platforms.linux pkgsFor;
    };
}
