# The steps of kernelSource in build-kernel.nix. Reads the derivation's environment.

kernel_fail() {
  echo "kflake: kernel: $1: $2" >&2
  exit 1
}

# Steps of fixes, run at the top of the tree.
fix_begin() {
  fix=$1
  echo "fix $1: $2"
}

# A step names files of the tree, and none outside of it: not by their names, and not through a folder that is a link.
fix_inside() {
  local folder
  case /$1/ in
  //* | */../*) ;;
  *)
    folder=$(realpath -m -- "$(dirname -- "$1")")
    case $folder/ in "$(realpath .)"/*) return 0 ;; esac
    ;;
  esac
  kernel_fail fix-failed "$fix names $1, which is not inside the source"
}

# fix_sed EXPRESSION PATTERN...: edits the files that exist. Sed may neither run programs nor open files of its own.
fix_sed() {
  local expression=$1 pattern file IFS=
  shift
  for pattern in "$@"; do
    # without words, a pattern is one name, or what it stands for
    for file in $pattern; do
      fix_inside "$file"
      [ -f "$file" ] && [ ! -L "$file" ] || continue
      sed -E -i --sandbox -e "$expression" "$file" || kernel_fail fix-failed "$fix could not edit $file"
    done
  done
}

# fix_write FILE TEXT
fix_write() {
  fix_inside "$1"
  if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
  mkdir -p -- "$(dirname -- "$1")"
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
  # Kernels before 2.6.14 have no Kbuild file at the top.
  [ -f "$out/Makefile" ] && [ -d "$out/arch" ] ||
    kernel_fail bad-archive "$(basename "$src") is not a kernel tree: no Makefile and arch at its top"
  cd "$out"
}

patch_kernel_source() {
  local patch name
  for patch in ${patches:-}; do
    # its own name, without the store's digest
    name=$(basename "$patch" | sed -E 's/^[0-9a-z]{32}-//')
    echo "patch $name"
    patch -s -p1 <"$patch" || kernel_fail patch-rejected "$name does not apply to Linux $version"
  done
}

repair_kernel_source() {
  . "$fixScriptPath"
  perl "$hostPaths" . || kernel_fail host-paths "the tree's makefiles and scripts could not be pointed at this build's programs"
}
