# The patchelf that prebuilt toolchains are fitted to the store with: `sound`; null where the package set has none to take, and
# `problem` and `advice` say so.
#
# patchelf from 0.17 to 0.19.2 corrupts programs that are not position independent, which the compilers of Debian, Bootlin and
# kernel.org are: cc1 then ends with a segmentation fault. Seen of 0.17.2, 0.18.0 and 0.19.1; 0.14.3 to 0.16.1 and 0.19.3 are sound.
{
  patchelf,
  # Taken where the other is none to take; not every package set has it.
  patchelfUnstable ? null,
}:
let
  versionOf = package: package.version or (builtins.parseDrvName package.name).version;
  corrupts =
    package:
    let
      since = builtins.compareVersions (versionOf package);
    in
    since "0.17" >= 0 && since "0.19.3" < 0;
in
{
  sound =
    if !corrupts patchelf then
      patchelf
    else if patchelfUnstable != null && !corrupts patchelfUnstable then
      patchelfUnstable
    else
      null;
  problem = "the package set's patchelf ${versionOf patchelf} corrupts prebuilt compilers";
  advice = "use a package set, or an overlay, whose patchelf is from 0.14.3 to 0.16.1, or 0.19.3 or newer (--packages debian has one)";
}
