{
  description = "The part of nixpkgs' interface that kflake's builders use, made of pinned Debian packages";

  outputs =
    { self }:
    let
      systems = [
        "x86_64-linux"
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
