# The steps of module.nix for modules that are checked in full. Sourced after module.sh, whose steps it uses.

# A folder, an archive of one, or a Debian package with one in usr/src.
unpack_module() {
  local folders top
  mkdir source
  if [ -d "$src" ]; then
    cp -r --no-preserve=ownership "$src/." source/
  elif [ "$(head -c 7 "$src" | tr -d '\0')" = '!<arch>' ]; then
    mkdir package
    data=$(ar t "$src" | grep '^data\.tar' | head -n 1) || module_fail bad-archive "the package holds no files"
    ar p "$src" "$data" >"$data" || module_fail bad-archive "the package is cut short"
    tar -xf "$data" -C package --no-same-owner || module_fail bad-archive "the package is cut short"
    folders=(package/usr/src/*/)
    [ "${#folders[@]}" -eq 1 ] && [ -d "${folders[0]}" ] || module_fail bad-archive "the package has no folder in usr/src: it is not a -dkms package"
    cp -r "${folders[0]}." source/
  else
    mkdir package
    # lzma has no mark that tar knows
    tar -xf "$src" -C package --no-same-owner 2>tar.log || tar -I 'xz --format=lzma' -xf "$src" -C package --no-same-owner 2>/dev/null || {
      cat tar.log >&2
      module_fail bad-archive "the archive cannot be unpacked: it is cut short, or none"
    }
    # With or without one folder around it.
    top=package
    folders=(package/*/)
    if ! has_makefile package && [ "${#folders[@]}" -eq 1 ] && [ -d "${folders[0]}" ]; then top=${folders[0]}; fi
    cp -r "$top/." source/
  fi
  chmod -R u+w source
  cd source
}

has_makefile() {
  [ -f "$1/Makefile" ] || [ -f "$1/Kbuild" ] || [ -f "$1/dkms.conf" ]
}

build_reported_module() {
  local flags=()
  has_makefile . || module_fail no-makefile "the folder has no Makefile, no Kbuild and no dkms.conf"
  # A kernel that was only prepared cannot say what it exports.
  [ -f "$kernelDev/Module.symvers" ] || flags+=(KBUILD_MODPOST_WARN=1)
  if [ ! -f dkms.conf ]; then
    build_module "${flags[@]}"
    return
  fi
  local makeArguments
  make_arguments "${flags[@]}"
  patchShebangs .
  without_nix bash "$moduleDkms" "$kernelDev" "$(<"$kernelDev/release")" "$wantUname" "$NIX_BUILD_TOP/dkms-modules" "${makeArguments[@]}" || exit 1
}

report_module() {
  perl "$moduleCheck" "$elfReader" "$kernelDev" "$(expected_vermagic)" "$wantBits" "$wantEndian" "$wantMachine" \
    "$out/module-report.json" "$kernelSource" "$NIX_BUILD_TOP/dkms-modules" "$out"/*.ko || exit 1
}
