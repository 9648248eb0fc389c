# Whether a fix is for a kernel: { version; arch; gcc; } is what is built, with gcc as null where no compiler is chosen yet.
let
  versions = import ./versions.nix;
in
{
  version,
  arch,
  gcc,
}:
fix:
versions.within { inherit (fix) from below; } version
&& (fix.arches == [ ] || builtins.elem arch fix.arches)
&& (fix.gcc == null || (gcc != null && versions.toolWithin fix.gcc gcc))
