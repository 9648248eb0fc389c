# Looks a kernel's version up in the tables of resolve.nix. Needs nothing but builtins.
{
  # From the matrix.
  eras,
  # For each architecture, ranges of versions in order: { from; below; outcome; toolchain; reason; }.
  kernel,
  userland,
}:
let
  versions = import ./versions.nix;
  inherit (versions) parse rank rankOf;

  # Candidates belong with the release that they lead to.
  ranges = builtins.mapAttrs (_: era: {
    from = (parse era.from).numbers;
    below = if era.below == null then null else (parse era.below).numbers;
  }) eras;
  eraOf =
    text: version:
    let
      inherit (version) numbers;
      inside =
        name:
        !(numbers < ranges.${name}.from)
        && (ranges.${name}.below == null || numbers < ranges.${name}.below);
      found = builtins.filter inside (builtins.attrNames ranges);
    in
    if found == [ ] then throw "kflake: no kernel generation covers ${text}" else builtins.head found;

  ranked = builtins.mapAttrs (
    _:
    builtins.mapAttrs (
      _:
      map (interval: {
        inherit interval;
        from = if interval.from == null then [ ] else rankOf interval.from;
        below = if interval.below == null then null else rankOf interval.below;
      })
    )
  ) { inherit kernel userland; };

  resolve =
    {
      version,
      arch,
      purpose ? "kernel",
    }:
    let
      parsed = parse version;
      wanted = rank parsed;
      table =
        ranked.${purpose}.${arch} or (throw "kflake: unknown architecture ${builtins.toJSON arch}; one of ${
          toString (builtins.attrNames ranked.${purpose})
        }");
      inside = entry: !(wanted < entry.from) && (entry.below == null || wanted < entry.below);
      found = builtins.filter inside table;
    in
    builtins.seq (eraOf version parsed) (
      if found == [ ] then
        {
          from = null;
          below = null;
          outcome = "no-toolchain";
          toolchain = null;
          reason = "no toolchain is known";
        }
      else
        (builtins.head found).interval
    );

  find =
    purpose: version: arch:
    let
      found = resolve { inherit version arch purpose; };
    in
    if found.toolchain == null then
      throw "kflake: Linux ${version} on ${arch}: ${found.outcome}: ${found.reason}"
    else
      found.toolchain;
in
{
  inherit (versions) parse compare;

  /**
    What a kernel's version and an architecture come to: `{ outcome; toolchain; reason; }`, with the range that it holds for. The outcome is
    "toolchain", "unsupported" or "no-toolchain"; purpose is "kernel" or "userland".
  */
  inherit resolve;

  /**
    The attribute name of a version's era: eraFor "2.6.39.4" is "k26".
  */
  eraFor = text: eraOf text (parse text);

  /**
    The id of the toolchain for kernels and modules: toolchainFor "6.6.1" "arm64".
  */
  toolchainFor = find "kernel";

  /**
    The id of the toolchain for programs that run on such a kernel.
  */
  userlandToolchainFor = find "userland";
}
