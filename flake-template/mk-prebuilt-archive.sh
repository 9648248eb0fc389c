# How mk-prebuilt-toolchain.nix makes a toolchain of one archive: Bootlin's or kernel.org's. Reads the derivation's environment.

archive_fail() {
  echo "kflake: toolchain: $1: $2" >&2
  exit 1
}

# Nothing fails without a word.
set -E
trap 'echo "kflake: toolchain: broken: unexpected end of the step at line $LINENO: $BASH_COMMAND" >&2' ERR

is_elf() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; }

# The archive's prefix is the folder whose bin holds COMPILER: its top folder, or, with kernel.org's gcc, one below it.
unpack_archive() {
  local root=$NIX_BUILD_TOP/root found
  mkdir -p "$root" "$out"
  tar -xf "$archives" -C "$root" --no-same-owner || archive_fail bad-archive "$(basename "$archives") could not be unpacked"
  found=$(find "$root" -maxdepth 4 -path "*/bin/$1" | sort | head -n 1)
  [ -n "$found" ] || archive_fail missing-file "$(basename "$archives") has no bin/$1"
  cp -a --no-preserve=ownership "$(dirname "$(dirname "$found")")/." "$out/"
  rm -rf "$root"
  chmod -R u+w "$out"
  rm -rf "$out/share/doc" "$out/share/info" "$out/share/man"
}

# An absolute link inside a sysroot means a file of that sysroot; one that points nowhere even so is of no use.
fix_links() {
  local link to sysroot
  find "$out" -type l | while read -r link; do
    to=$(readlink "$link")
    case $to in
    "$out"/*) ;;
    /*)
      case $link in
      */sysroot/*) sysroot=${link%%/sysroot/*}/sysroot ;;
      *) sysroot=$out/${target:-} ;;
      esac
      ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$sysroot$to")" "$link"
      ;;
    esac
  done
  find "$out" -xtype l -delete
}

# The compiler's own programs name a loader and libraries of the machine that built them: here, those of the package set in
# use. What the archive brings along in its own lib folder comes first.
patch_programs() {
  local machine file type
  machine=$(od -An -tu1 -j18 -N1 "$hostLoader" | tr -d ' ')
  for file in bin ${target:+"$target/bin"} libexec lib; do
    if [ -d "$out/$file" ]; then find "$out/$file" -type f; fi
  done | sort | while read -r file; do
    case $file in *.o | *.a | *.h) continue ;; esac
    is_elf "$file" || continue
    [ "$(od -An -tu1 -j18 -N1 "$file" | tr -d ' ')" = "$machine" ] || continue
    type=$(od -An -tu1 -j16 -N1 "$file" | tr -d ' ')
    [ "$type" != 1 ] || continue
    if patchelf --print-interpreter "$file" >/dev/null 2>&1; then
      patchelf --set-interpreter "$hostLoader" "$file"
    elif [ "$type" = 2 ]; then
      continue # static
    fi
    patchelf --set-rpath "$out/lib${hostLibraries:+:$hostLibraries}" "$file"
  done
}

# The libraries that FILE needs and that are in none of the folders where it looks.
missing_needs() {
  local need folder
  for need in $(patchelf --print-needed "$1"); do
    for folder in "$out/lib" ${hostLibraries//:/ } "${hostLoader%/*}"; do
      [ ! -e "$folder/$need" ] || continue 2
    done
    echo "$need"
  done
}

# A program that lacks a library goes, by name, with the links to it: gdb may want one of the machine that it was built on. The
# compiler's own are needed. Bootlin's gcc has a wrapper in front of it, and is itself called gcc.br_real.
drop_broken_programs() {
  local file missing name
  for file in "$out"/bin/*; do
    if [ -L "$file" ] || ! is_elf "$file"; then continue; fi
    patchelf --print-interpreter "$file" >/dev/null 2>&1 || continue
    missing=$(missing_needs "$file")
    [ -n "$missing" ] || continue
    name=${file##*/${target:+$target-}}
    case ${name%.br_real} in
    toolchain-wrapper | gcc-[0-9]* | clang | clang-[0-9]* | lld | llvm-* | gcc | cpp | g++ | ld | as | ar | nm | objcopy | objdump | readelf | strip | ranlib)
      archive_fail missing-library "bin/${file##*/} needs ${missing//$'\n'/, }, which neither the archive nor the package set has"
      ;;
    esac
    echo "left out bin/${file##*/}: it needs ${missing//$'\n'/, }, which neither the archive nor the package set has"
    rm "$file"
  done
  find "$out/bin" -xtype l -delete
}

# Texts that name the folder that the archive was made for. Bootlin's archives have a script for it; older ones only say where
# that folder was, or nothing at all, which is no harm: their compilers find their parts by where they are themselves.
relocate() {
  local location=$out/share/buildroot/sdk-location old file
  if [ -f "$out/relocate-sdk.sh" ]; then
    (cd "$out" && bash ./relocate-sdk.sh) || archive_fail relocate "the archive's own relocate-sdk.sh failed"
  elif [ -f "$location" ]; then
    old=$(<"$location")
    case $old in
    /*/?*) ;;
    *) archive_fail relocate "share/buildroot/sdk-location names $old, which cannot be replaced safely" ;;
    esac
    # -I passes over what is not text
    { grep -rlIF -- "$old" "$out" || true; } | while read -r file; do
      [ "$file" = "$location" ] || OLD=$old NEW=$out perl -pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/g' "$file"
    done
    echo "$out" >"$location"
  fi
}

# LLVM finds its own parts by where it is, and is the same for all its targets.
unpack_archived_llvm() {
  unpack_archive clang
  fix_links
  patch_programs
  drop_broken_programs
}

unpack_archived_toolchain() {
  local name
  unpack_archive "$target-gcc"
  fix_links
  for name in gcc ld as ar nm objcopy objdump readelf strip ranlib; do
    [ -e "$out/bin/$target-$name" ] || archive_fail missing-file "bin/$target-$name is not in $(basename "$archives")"
  done
  patch_programs
  drop_broken_programs
  relocate
  # Not every release is known to the last tool; what is known is held against what the tool says.
  if [ -z "$wantBinutils" ]; then
    wantBinutils=$("$out/bin/$target-ld" --version | head -n 1 | grep -oE '[0-9]+(\.[0-9]+)+' | tail -n 1)
    echo "binutils is $wantBinutils; the matrix does not say"
  fi
}

# Beyond what every toolchain proves: where it has C++, programs in it link, with the library that belongs to the libc.
check_archived_toolchain() {
  local mode option
  self_check
  if [ -z "$wantLibc" ] || [ ! -e "$out/bin/$target-g++" ]; then return; fi
  cd check
  # What an SDK is used for: a library with code of its own, and an exception that is caught.
  printf '#include <iostream>\n#include <stdexcept>\nint main() {\n' >hello.cc
  printf '  try { throw std::runtime_error("ok"); } catch (const std::exception &e) { std::cout << e.what() << std::endl; }\n}\n' >>hello.cc
  for mode in static dynamic; do
    option=
    [ $mode = dynamic ] || option=-static
    "$out/bin/$target-g++" -O2 $option hello.cc -o "$mode-cxx" || check_fail cannot-link "a $mode program in C++ does not link"
    elf_expect toolchain "$mode-cxx" "$wantBits" "$wantEndian" "$wantMachine"
  done
  cd ..
}
