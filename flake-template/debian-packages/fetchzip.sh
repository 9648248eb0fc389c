# Fetches an archive with $fetchScript and unpacks it: its one folder becomes $out; Nix then checks the hash of the tree.
set -eu -o pipefail
tree=$out
# A tree has a name that says nothing; the address does. Its hash is not the archive's.
name=${urls#*//} outputHash= out=$NIX_BUILD_TOP/archive bash "$fetchScript"
mkdir "$tree"
tar -xf "$NIX_BUILD_TOP/archive" -C "$tree" --strip-components=1 --no-same-owner
