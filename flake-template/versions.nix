/**
  Kernel versions, as the matrix and the resolver read and order them. Needs nothing but builtins.

  `lib.versionAtLeast` takes 4.9-rc1 for later than 4.9, and 6.1 and 6.1.0 for two versions.
*/
let
  # Distributions say ~rc3, _rc3, .rc3, rc3, -0.rc3 and, with the version once more, -060100rc3; letters after rc are a suffix's.
  marker = "(-0[.]|-0[0-9]{5}|[-~_.])?rc";

  # 6.12-rc3 is { numbers = [ 6 12 0 0 ]; rc = 3; local = ""; }; null is what is no kernel version.
  tryParse =
    text:
    let
      bare = if builtins.substring 0 1 text == "v" then builtins.substring 1 (-1) text else text;
      halves =
        if builtins.stringLength bare > 64 then
          null
        else
          builtins.match "([0-9]+([.][0-9]+)*)([A-Za-z0-9._~+-]*)" bare;
      number = "(0|[1-9][0-9]{0,4})";
      dotted = builtins.match "([1-9][0-9]{0,4})[.]${number}([.]${number})?([.]${number})?" (
        builtins.head halves
      );
      part =
        n:
        let
          digits = builtins.elemAt dotted n;
        in
        if digits == null then 0 else builtins.fromJSON digits;
      numbers = map part [
        0
        1
        3
        5
      ];
      rest = builtins.elemAt halves 2;
      candidate = builtins.match "${marker}${number}([^0-9].*)?" rest;
      rc = if candidate == null then null else builtins.fromJSON (builtins.elemAt candidate 1);
      local =
        if candidate == null then
          rest
        else if builtins.elemAt candidate 2 == null then
          ""
        else
          builtins.elemAt candidate 2;
    in
    if
      halves != null
      && dotted != null
      && (candidate != null || builtins.match "${marker}([^A-Za-z].*)?" rest == null)
      && builtins.match "[.][xXyY]" rest == null
      && (local == "" || builtins.match ".*[A-Za-z0-9+].*" local != null)
      && builtins.match "[.]([^A-Za-z0-9].*)?" local == null
      # 6.1.l92: a letter in the place of a digit
      && builtins.match "[.][lIoO][0-9lIoO]*[0-9][0-9lIoO]*([^A-Za-z0-9].*)?" rest == null
      && builtins.all (n: n <= 65535) (numbers ++ (if rc == null then [ ] else [ rc ]))
    then
      { inherit numbers rc local; }
    else
      null;

  parse =
    text:
    let
      version = if builtins.isString text then tryParse text else null;
    in
    if version == null then
      throw "kflake: ${builtins.toJSON text} is not a kernel version: one looks like 2.6.39.4, 5.10, 6.12-rc3 or 5.10.229-suffix"
    else
      version;

  # Compares as the kernel's versions do: candidates come before their release. The local suffix is no part of it.
  rank = version: version.numbers ++ [ (if version.rc == null then 65536 else version.rc) ];
  rankOf = text: rank (parse text);

  compare =
    a: b:
    let
      left = rankOf a;
      right = rankOf b;
    in
    if left < right then
      -1
    else if right < left then
      1
    else
      0;

  # Whether a version lies in { from; below; }, where null is an open end. `rankOf` is one of the two orders.
  within =
    rankOf: range: version:
    (range.from == null || !(rankOf version < rankOf range.from))
    && (range.below == null || rankOf version < rankOf range.below);

  # A tool's version is numbers alone; 2.31 is 2.31.0.
  toolRank =
    version:
    let
      numbers = map builtins.fromJSON (builtins.filter builtins.isString (builtins.split "[.]" version));
    in
    numbers ++ builtins.genList (_: 0) (4 - builtins.length numbers);

  # Drops the zeros that a version may leave out: 6.1.0 is 6.1.
  short =
    numbers:
    let
      last = builtins.length numbers - 1;
    in
    if last > 1 && builtins.elemAt numbers last == 0 then
      short (builtins.genList (builtins.elemAt numbers) last)
    else
      numbers;
in
{
  inherit
    parse
    rank
    rankOf
    compare
    ;

  /**
    A regular expression, as Perl reads it, of what a kernel of this version may call itself: 6.1 is 6.1.0, with any local suffix where the
    version names none, but neither 6.1.1 nor 6.1.0-rc3.
  */
  releasePattern =
    text:
    let
      version = parse text;
      numbers = builtins.concatStringsSep "[.]" (map toString (short version.numbers));
      candidate =
        if version.rc == null then
          "(?![.]?[0-9])(?!${marker}[0-9])"
        else
          "${marker}${toString version.rc}(?![0-9])";
    in
    "^${numbers}(?:[.]0)*${candidate}${
      builtins.replaceStrings [ "." "+" ] [ "[.]" "[+]" ] version.local
    }";

  /**
    Whether a kernel's version is older than another.
  */
  older = a: b: compare a b < 0;

  /**
    Whether a kernel's version is another, or newer.
  */
  atLeast = a: b: compare a b >= 0;

  /**
    Whether a kernel's version lies in `{ from; below; }`: from is inside, below is not, null is an open end.
  */
  within = within rankOf;

  /**
    The same of a tool's version.
  */
  toolWithin = within toolRank;
}
