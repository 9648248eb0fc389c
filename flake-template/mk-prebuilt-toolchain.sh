# How mk-prebuilt-toolchain.nix makes a toolchain of Debian's packages. Reads the derivation's environment.

toolchain_fail() {
  echo "kflake: toolchain: $1: $2" >&2
  exit 1
}

# The files of a Debian package, below DIR.
unpack_deb() {
  local deb=$1 dir=$2 data
  data=$(ar t "$deb" 2>/dev/null | grep '^data\.tar') || toolchain_fail bad-archive "$(basename "$deb") is not a Debian package"
  case $data in
  *.xz) ar p "$deb" "$data" | tar -xJf - -C "$dir" --no-same-owner ;;
  *.gz) ar p "$deb" "$data" | tar -xzf - -C "$dir" --no-same-owner ;;
  *.zst) ar p "$deb" "$data" | zstd -dc | tar -xf - -C "$dir" --no-same-owner ;;
  *) toolchain_fail bad-archive "$(basename "$deb"): do not know how to unpack $data" ;;
  esac || toolchain_fail bad-archive "$(basename "$deb") is damaged"
}

is_elf() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; }

# The header's machine number, as a hex byte: enough to tell this host's files from a target's.
host_machine() {
  case $(uname -m) in
  x86_64) echo 3e ;;
  aarch64) echo b7 ;;
  *) toolchain_fail unsupported-host "no prebuilt toolchain runs on $(uname -m)" ;;
  esac
}

unpack_runtime() {
  local archive file
  mkdir -p "$out/lib" root/lib root/usr/lib
  for archive in $archives; do unpack_deb "$archive" root; done
  find root/lib root/usr/lib \( -name '*.so' -o -name '*.so.*' \) ! -path '*/gconv/*' ! -path '*/audit/*' \
    ! -path '*/share/*' ! -path '*-gdb.py' -exec cp -a --no-preserve=ownership -t "$out/lib" {} + 2>/dev/null ||
    toolchain_fail bad-archive "host libraries could not be collected"
  chmod -R u+w "$out/lib"
  for file in "$out"/lib/*; do
    [ -f "$file" ] && [ ! -L "$file" ] && is_elf "$file" || continue
    # glibc's own files find each other by name alone, and must stay as they are.
    case ${file##*/} in
    ld-*.so* | libc.so* | libc-2* | libm.so* | libm-2* | libmvec* | libdl[.-]* | libpthread[.-]* | librt[.-]* | libresolv[.-]* | \
      libnss_* | libutil[.-]* | libanl[.-]* | libnsl* | libBroken* | libthread_db* | libmemusage* | libpcprofile* | libc_malloc*) ;;
    *) patchelf --set-rpath '$ORIGIN' "$file" ;;
    esac
  done
  # Links that pointed out of the packages' own folders.
  find "$out/lib" -xtype l -delete
  ls "$out"/lib/ld-linux*.so.* >/dev/null || toolchain_fail bad-archive "host libraries lack the dynamic loader (libc6)"
}

# Paths that the packages' prefix made absolute, in linker scripts: plain names, which the linker finds on its own path.
fix_linker_scripts() {
  local file
  find "$out" -type f \( -name '*.so' -o -name '*.a' \) -size -4k | while read -r file; do
    if is_elf "$file" || [ "$(head -c 7 "$file")" = '!<arch>' ]; then continue; fi
    grep -qE '^ *(GROUP|INPUT)' "$file" || continue
    sed -i -E 's@/[^ ()]*/([^ ()/]+)@\1@g' "$file"
  done
}

# Symlinks out of the old prefix become relative ones inside $out; those that lead nowhere go.
fix_symlinks() {
  local link target
  find "$out" -type l | while read -r link; do
    target=$(readlink "$link")
    case $target in
    "$out"/*) continue ;;
    /usr/*) ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$out/${target#/usr/}")" "$link" ;;
    /*) ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$out$target")" "$link" ;;
    esac
  done
  find "$out" -xtype l -delete
}

# The compiler's own programs and libraries get the pinned loader and libraries instead of the host's.
patch_host_files() {
  local loader machine file
  [ -n "$runtime" ] || return 0
  loader=$(echo "$runtime"/lib/ld-linux*.so.*)
  machine=$(host_machine)
  {
    find "$out/bin" ${target:+"$out/$target/bin"} "$out/libexec" "$out"/lib/gcc "$out"/lib/gcc-cross -type f 2>/dev/null || true
    find "$out/lib" -type f 2>/dev/null | grep -E '/lib(bfd|opcodes|ctf|ctf-nobfd|sframe|cc1|gprofng|LLVM|clang-cpp)[-.][^/]*$' || true
  } | sort -u | while read -r file; do
    case $file in *.o | *.a | *.h | *.py) continue ;; esac
    is_elf "$file" || continue
    [ "$(od -An -tx1 -j18 -N1 "$file" | tr -d ' ')" = "$machine" ] || continue
    # Type 1 is an object file; a program without an interpreter is static, or a library.
    [ "$(od -An -tu1 -j16 -N1 "$file" | tr -d ' ')" != 1 ] || continue
    if patchelf --print-interpreter "$file" >/dev/null 2>&1; then patchelf --set-interpreter "$loader" "$file"; fi
    if patchelf --print-rpath "$file" >/dev/null 2>&1; then
      patchelf --set-rpath "$runtime/lib:$out/lib/$(uname -m)-linux-gnu" "$file"
    fi
  done
}

unpack_toolchain() {
  local archive root=$NIX_BUILD_TOP/root file name dir
  mkdir -p "$root" "$out"
  for archive in $archives; do unpack_deb "$archive" "$root"; done
  for name in lib lib32 lib64 libx32; do
    if [ -d "$root/$name" ] && [ ! -L "$root/$name" ]; then
      mkdir -p "$root/usr/$name"
      cp -a --no-preserve=ownership "$root/$name/." "$root/usr/$name/"
    fi
  done
  cp -a --no-preserve=ownership "$root/usr/." "$out/"
  rm -rf "$out/share" "$out/games" "$out/sbin"
  # The sysroot's own idea of where things are.
  ln -s . "$out/usr"
  # A native compiler brings plain `ld` and the like, which would get in the way of the host's on PATH.
  find "$out/bin" ! -type d ! -name "$target-*" -delete
  chmod -R u+w "$out"
  fix_symlinks

  # Plain names beside the versioned ones.
  if [ -n "$suffix" ]; then
    for file in "$out"/bin/"$target"-*"$suffix"; do
      [ -e "$file" ] || toolchain_fail missing-file "no bin/$target-*$suffix in the packages"
      name=${file##*/}
      ln -sfn "$name" "$out/bin/${name%"$suffix"}"
    done
  fi
  for name in gcc ld as ar nm objcopy objdump readelf strip ranlib; do
    [ -e "$out/bin/$target-$name" ] || toolchain_fail missing-file "bin/$target-$name is in none of: $(for archive in $archives; do basename "$archive" | cut -d- -f2-; done | tr '\n' ' ')"
  done
  # gcc looks for its assembler and linker here before PATH, where the host's would be found.
  mkdir -p "$out/$target/bin"
  for name in as ld ld.bfd ar nm objcopy objdump ranlib readelf strip; do
    if [ -e "$out/bin/$target-$name" ] && [ ! -e "$out/$target/bin/$name" ]; then
      ln -s "../../bin/$target-$name" "$out/$target/bin/$name"
    fi
  done

  fix_linker_scripts
  patch_host_files

  # Debian's compilers were configured with / as sysroot; a spec keeps them from reading the host's /usr/include. A specs
  # file replaces the built-in specs as a whole, so it starts from a dump of them.
  dir=$(dirname "$("$out/bin/$target-gcc" -print-libgcc-file-name)")
  "$out/bin/$target-gcc" -dumpspecs >specs
  grep -q '^\*self_spec:$' specs || toolchain_fail relocate "gcc has no self_spec to set a sysroot with"
  awk -v sysroot="$out" '{ print }
    /^\*self_spec:$/ { getline line; print line " %{!-sysroot=*:--sysroot=" sysroot "}" }' specs >"$dir/specs"
}

# Of LLVM, what kernels are built with: clang, lld, and the tools that stand for binutils. They lie below usr/lib/llvm-N.
unpack_llvm() {
  local archive root=$NIX_BUILD_TOP/root from program link
  local programs=(clang lld llvm-ar llvm-nm llvm-objcopy llvm-objdump llvm-readobj llvm-size llvm-strings)
  mkdir -p "$root" "$out/bin" "$out/lib/$(uname -m)-linux-gnu"
  for archive in $archives; do unpack_deb "$archive" "$root"; done
  from=$root/usr/lib/llvm$suffix
  for program in "${programs[@]}"; do
    [ -f "$from/bin/$program" ] || toolchain_fail missing-file "$program is in none of: $(for archive in $archives; do basename "$archive" | cut -d- -f2-; done | tr '\n' ' ')"
    cp "$(realpath "$from/bin/$program")" "$out/bin/$program"
  done
  for link in ld.lld:lld llvm-ranlib:llvm-ar llvm-strip:llvm-objcopy llvm-readelf:llvm-readobj; do ln -s "${link#*:}" "$out/bin/${link%:*}"; done
  # Of some versions they are links into usr/lib/llvm-N.
  cp -L -t "$out/lib/$(uname -m)-linux-gnu" "$root"/usr/lib/*-linux-gnu/lib{LLVM,clang-cpp}*.so.*
  # The compiler's own headers, which it finds by where it lies itself.
  cp -a --no-preserve=ownership "$from/lib/clang" "$out/lib/clang"
  rm -rf "$root"
  chmod -R u+w "$out"
  find "$out" -xtype l -delete
  patch_host_files
}
