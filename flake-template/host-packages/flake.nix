{
  description = "The part of nixpkgs' interface that kflake's builders use, served from this machine's own distribution";

  outputs =
    { self }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forSystems =
        f:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = f system;
          }) systems
        );
    in
    {
      legacyPackages = forSystems (system: import ./. { inherit system; });
      lib = import ./lib.nix;
    };
}
