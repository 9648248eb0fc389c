# The functions of nixpkgs' `lib` that the builders use, with the same names and the same results.
rec {
  inherit (builtins)
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    hasAttr
    head
    length
    listToAttrs
    mapAttrs
    ;

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  optionalString = condition: string: if condition then string else "";
  optionalAttrs = condition: attrs: if condition then attrs else { };

  nameValuePair = name: value: { inherit name value; };
  mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (attrNames attrs);
  mapAttrs' = f: attrs: listToAttrs (mapAttrsToList f attrs);
  filterAttrs =
    keep: attrs:
    listToAttrs (
      map (name: nameValuePair name attrs.${name}) (
        filter (name: keep name attrs.${name}) (attrNames attrs)
      )
    );
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  concatMapStringsSep =
    separator: f: list:
    concatStringsSep separator (map f list);
  concatMapStrings = concatMapStringsSep "";

  splitString =
    separator: string: filter builtins.isString (builtins.split (escapeRegex separator) string);
  escapeRegex = builtins.replaceStrings (chars "\\[{()^$?*+|.") (
    map (c: "\\${c}") (chars "\\[{()^$?*+|.")
  );
  chars = string: builtins.genList (i: builtins.substring i 1 string) (builtins.stringLength string);

  hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;
  versionOlder = a: b: builtins.compareVersions a b < 0;
  versionAtLeast = a: b: builtins.compareVersions a b >= 0;

  escapeShellArg =
    value:
    let
      string = toString value;
    in
    "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] string}'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;

  makeLibraryPath = packages: concatMapStringsSep ":" (package: "${package}/lib") packages;
  makeBinPath = packages: concatMapStringsSep ":" (package: "${package}/bin") packages;
}
