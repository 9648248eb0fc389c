# The steps of module.nix. Reads the derivation's environment.

module_fail() {
  echo "kflake: module: $1: $2" >&2
  exit 1
}

build_module() {
  grep -q '^CONFIG_MODULES=y' "$kernelDev/.config" || module_fail no-modules "the kernel was built without CONFIG_MODULES"
  local map="$prefixMapFlag=$kernelDev/= $prefixMapFlag=$PWD/=" flags=()
  # The flags that the kernel itself was built with.
  if [ -f "$kernelDev/cc.specs" ]; then flags+=(CC="$target-gcc -specs=$kernelDev/cc.specs"); fi
  # shellcheck disable=SC2086 # a list of words
  make -C "$kernelDev" M="$PWD" ARCH="$linuxArch" CROSS_COMPILE="$target-" SHELL="$(type -P bash)" KCFLAGS="$map" KAFLAGS="$map" \
    "${flags[@]}" -j"$NIX_BUILD_CORES" "$@" ${makeFlags:-} modules || module_fail compile "make modules failed"
}

# The value of KEY in a module's .modinfo.
modinfo_of() {
  "$target-objcopy" -O binary -j .modinfo "$1" modinfo.bin
  tr '\0' '\n' <modinfo.bin | sed -n "s/^$2=//p" | head -n 1
}

install_module() {
  local release module vermagic
  . "$elfTools"
  release=$(<"$kernelDev/release")
  mkdir -p "$out"
  for module in $(find . -name '*.ko' | sort); do
    elf_expect module "$module" "$wantBits" "$wantEndian" "$wantMachine"
    vermagic=$(modinfo_of "$module" vermagic)
    [ "${vermagic%% *}" = "$release" ] || module_fail wrong-vermagic "$(basename "$module") was built for ${vermagic%% *}, the kernel is $release"
    cp "$module" "$out/"
    echo "$(basename "$module"): vermagic $vermagic, licence $(modinfo_of "$module" license)"
  done
  ls "$out"/*.ko >/dev/null 2>&1 || module_fail no-module "the build left no .ko file"
}
