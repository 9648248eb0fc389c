# The step of kernelSource in build-kernel.nix. Reads the derivation's environment.

kernel_fail() {
  echo "kflake: kernel: $1: $2" >&2
  exit 1
}

# Steps of fixes, run at the top of the tree.
fix_begin() {
  fix=$1
  echo "fix $1: $2"
}

fix_sed() {
  local expression=$1 pattern file
  shift
  for pattern in "$@"; do
    for file in $pattern; do
      if [ -f "$file" ]; then sed -E -i -e "$expression" "$file" || kernel_fail fix-failed "$fix could not edit $file"; fi
    done
  done
}

fix_write() {
  if [ -e "$1" ]; then return 0; fi
  mkdir -p "$(dirname "$1")"
  printf '%s' "$2" >"$1"
}

unpack_kernel_source() {
  mkdir -p "$out"
  if [ -d "$src" ]; then
    cp -r --no-preserve=ownership "$src/." "$out/"
    chmod -R u+w "$out"
  else
    tar -xf "$src" -C "$out" --strip-components=1 --no-same-owner || kernel_fail bad-archive "$(basename "$src") could not be unpacked"
  fi
  [ -f "$out/Makefile" ] && [ -f "$out/Kbuild" ] || kernel_fail bad-archive "$(basename "$src") is not a kernel tree: no Makefile and Kbuild at its top"
  cd "$out"
  . "$fixScriptPath"
  # A sandbox without /usr/bin/env: nixpkgs has a function that writes interpreters' own paths into scripts.
  if declare -F patchShebangs >/dev/null; then patchShebangs --build scripts tools arch; fi
}
