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
  # What came along built was built for something else.
  find . -name '*.ko' -type f -delete
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
  ls "$out"/*.ko >/dev/null 2>&1 || module_fail no-module "the build left no .ko file$(why_no_module)"
  # For modules that use what this one exports.
  if [ -s Module.symvers ]; then cp Module.symvers "$out/"; fi
}

# What the makefiles say about a build that made nothing, as the end of a sentence.
why_no_module() {
  local makefiles=() symbols=() symbol below
  for below in Makefile Kbuild; do
    if [ -f "$below" ]; then makefiles+=("$below"); fi
  done
  # obj-$(CONFIG_X), where neither the kernel's configuration nor a flag sets CONFIG_X.
  for symbol in $(sed -nE 's/^[[:space:]]*obj-[$][({](CONFIG_[A-Za-z0-9_]+)[)}].*/\1/p' "${makefiles[@]}" | sort -u); do
    grep -qE "^$symbol=[ym]" "$kernelDev/.config" || symbols+=("$symbol")
  done
  if [ "${#symbols[@]}" -gt 0 ]; then
    echo ": nothing sets ${symbols[*]}; try --make-flag ${symbols[0]}=m"
    return
  fi
  grep -qE '^[[:space:]]*obj-' "${makefiles[@]}" && return
  below=$(find . -mindepth 2 \( -name Makefile -o -name Kbuild \) -type f -exec grep -lE '^[[:space:]]*obj-' {} + | sort | head -n 1)
  if [ -n "$below" ]; then
    below=${below#./}
    echo ": its makefile names no obj-, and $below does; try the folder ${below%/*}"
  else
    echo ": its makefile names no obj-m"
  fi
}
