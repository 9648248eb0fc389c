# The step of kernelSource in build-kernel.nix. Reads the derivation's environment.

kernel_fail() {
  echo "kflake: kernel: $1: $2" >&2
  exit 1
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
