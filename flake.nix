{
  description = "kflake: turns a matrix of kernel facts into a Nix flake that builds any Linux kernel";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forSystems =
        f:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
        ] (system: f nixpkgs.legacyPackages.${system});
      packageFor = pkgs: pkgs.callPackage ./package.nix { };
    in
    {
      packages = forSystems (pkgs: {
        default = packageFor pkgs;
      });

      overlays.default = final: _: {
        kflake = packageFor final;
      };

      devShells = forSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (packageFor pkgs) ];
          packages = [
            pkgs.cargo-nextest
            pkgs.clippy
            pkgs.rustfmt
          ];
        };
      });

      checks = self.packages;

      formatter = forSystems (pkgs: pkgs.nixfmt);
    };
}
