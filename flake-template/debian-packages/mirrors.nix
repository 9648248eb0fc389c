# The base addresses that the user's environment names for a mirror scheme, where it may be read while evaluating: a daemon's builders
# see the daemon's environment and not the user's. Folders are left out: kflake itself looks into those.
scheme:
let
  words = builtins.filter builtins.isString (
    builtins.split " +" (builtins.getEnv "NIX_MIRRORS_${scheme}")
  );
  addresses = builtins.filter (base: builtins.match "https?://.+" base != null) words;
in
map (base: if builtins.match ".*/" base == null then base + "/" else base) addresses
