{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:

let
  manifest = (lib.importTOML ./Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  # What the binary is made of, and what its unit tests read.
  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./Cargo.lock
      ./Cargo.toml
      ./benches
      ./build.rs
      ./docs/schemas
      ./flake-template
      ./fuzz
      ./matrix
      ./src
      ./templates
      ./tests/data
      ./validate
    ];
  };

  cargoLock.lockFile = ./Cargo.lock;

  # The other tests run Nix.
  cargoTestFlags = [ "--lib" ];

  nativeBuildInputs = [ installShellFiles ];

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    $out/bin/kflake man man
    installManPage man/*
    for shell in bash fish zsh; do
      $out/bin/kflake completions $shell > kflake.$shell
      installShellCompletion --cmd kflake --$shell kflake.$shell
    done
  '';

  meta = {
    inherit (manifest) description;
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    mainProgram = "kflake";
    platforms = lib.platforms.linux;
  };
}
