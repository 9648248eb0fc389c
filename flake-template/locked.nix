# The folder of an input as flake.lock has it, for what is evaluated without the flake; null where the lock has none of that name.
{
  name,
  # The folder that flake.lock is in.
  flake ? ./.,
}:
let
  lock = builtins.fromJSON (builtins.readFile (flake + "/flake.lock"));
  node = lock.nodes.${lock.root}.inputs.${name} or null;
  inherit (lock.nodes.${node}) locked;
  # A folder of the project is used where it is; anything else is fetched, and checked, the way a flake's inputs are.
  folder =
    if locked.type == "path" && builtins.substring 0 1 locked.path != "/" then
      flake + "/${locked.path}"
    else
      (builtins.fetchTree (removeAttrs locked [ "dir" ])).outPath;
in
if node == null then
  null
else if locked ? dir then
  folder + "/${locked.dir}"
else
  folder
