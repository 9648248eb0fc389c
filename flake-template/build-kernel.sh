# The steps of buildKernel in build-kernel.nix. Reads the derivation's environment.

kernel_fail() {
  echo "kflake: kernel: $1: $2" >&2
  exit 1
}

# Flags that fixes add come last on every compiler command line, also where a makefile sets all of them itself: as specs.
write_specs() {
  [ -z "$2" ] || printf '*cc1_options:\n+ %s\n\n' "$2" >"$1"
}

# Every make of a kernel, with what identifies the build fixed.
kmake() {
  local map="$prefixMapFlag=$source/= $prefixMapFlag=$tree/=" flags=()
  if [ -n "$ccFlags" ]; then flags+=(CC="$target-gcc -specs=$NIX_BUILD_TOP/cc.specs"); fi
  if [ -n "$hostCcFlags" ]; then flags+=(HOSTCC="gcc -specs=$NIX_BUILD_TOP/hostcc.specs"); fi
  if [ -n "$extraMakeFlags" ]; then mapfile -t -O "${#flags[@]}" flags <<<"${extraMakeFlags%$'\n'}"; fi
  make -C "$source" O="$tree" ARCH="$linuxArch" CROSS_COMPILE="$target-" SHELL="$(type -P bash)" DEPMOD="$(type -P depmod)" \
    KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:01 UTC 1970' KBUILD_BUILD_USER=kflake KBUILD_BUILD_HOST=kflake KBUILD_BUILD_VERSION=1 \
    KCFLAGS="$map" KAFLAGS="$map" "${flags[@]}" "$@"
}
write_specs "$NIX_BUILD_TOP/cc.specs" "$ccFlags"
write_specs "$NIX_BUILD_TOP/hostcc.specs" "$hostCcFlags"

# Brings a changed .config to a consistent state; trees before 3.7 only know to ask.
settle_config() {
  if grep -q olddefconfig "$source/scripts/kconfig/Makefile"; then
    kmake olddefconfig
  else
    # `yes` dies of SIGPIPE when make has read enough.
    (yes '' || true) | kmake oldconfig >/dev/null
  fi
}

# The folder under arch/ that a kernel's ARCH stands for.
source_arch() {
  if [ ! -d "$source/arch/$linuxArch" ] || [ ! -f "$source/arch/$linuxArch/Makefile" ]; then
    case $linuxArch in
    i386 | x86_64) echo x86 ;;
    sparc32 | sparc64) echo sparc ;;
    sh64) echo sh ;;
    *) echo "$linuxArch" ;;
    esac
  else
    echo "$linuxArch"
  fi
}

# The names of the symbols that this tree has for this architecture.
known_symbols() {
  find "$source" \( -path "$source/arch/*/*" ! -path "$source/arch/$(source_arch)/*" -prune \) -o -name 'Kconfig*' -type f \
    -exec sed -nE 's/^[[:space:]]*(menu)?config[[:space:]]+([A-Za-z0-9_]+).*/CONFIG_\2/p' {} + | sort -u
}

configure_kernel() {
  local fragment
  tree=$NIX_BUILD_TOP/o
  mkdir -p "$tree"
  known_symbols >known-symbols

  # asked.soft: from the profile, for any version; what the tree does not know is dropped. asked.hard: must come out as asked.
  : >asked.soft
  [ -z "$profile" ] || grep -E '^(CONFIG_|# CONFIG_.* is not set$)' "$profile" >asked.soft
  cp "$boardConfigPath" asked.hard
  for fragment in $fragments; do
    cat "$fragment" >>asked.hard
    echo >>asked.hard
  done
  perl "$checkConfig" prune asked.soft known-symbols >asked.kept
  cat asked.kept asked.hard >asked

  if [ -n "$profile" ]; then
    kmake KCONFIG_ALLCONFIG="$PWD/asked" allnoconfig >config.log 2>&1 || { cat config.log >&2; kernel_fail config "allnoconfig failed"; }
  else
    if [ -n "$config" ]; then
      cp "$config" "$tree/.config"
      chmod u+w "$tree/.config"
    else
      # shellcheck disable=SC2086 # several words are several targets
      kmake $defconfig >config.log 2>&1 || { cat config.log >&2; kernel_fail config "make $defconfig failed"; }
    fi
    # The last word on a symbol counts.
    cat asked >>"$tree/.config"
    settle_config >config.log 2>&1 || { cat config.log >&2; kernel_fail config "the configuration could not be completed"; }
  fi
  perl "$checkConfig" check asked known-symbols "$tree/.config" || exit 1
}

build_kernel() {
  local dtb path goals=()
  for dtb in $dtbs; do
    path=$(find "$source/arch/$linuxArch/boot/dts" -name "${dtb%.dtb}.dts" | head -n 1)
    [ -n "$path" ] || kernel_fail no-dtb "no source for $dtb in arch/$linuxArch/boot/dts"
    path=${path#"$source/arch/$linuxArch/boot/dts/"}
    goals+=("${path%.dts}.dtb")
  done
  # shellcheck disable=SC2206 # lists of words
  goals+=(vmlinux $makeTarget $targets)
  if [ -n "$wantModules" ] && grep -q '^CONFIG_MODULES=y' "$tree/.config"; then goals+=(modules); fi
  kmake -j"$NIX_BUILD_CORES" "${goals[@]}" || kernel_fail compile "make ${goals[*]} failed"
  # Out-of-tree modules need the tools and the linker script even where the kernel has none of its own.
  ! grep -q '^CONFIG_MODULES=y' "$tree/.config" || kmake modules_prepare >/dev/null || kernel_fail compile "make modules_prepare failed"
}

install_kernel() {
  local release
  . "$elfTools"
  elf_expect kernel "$tree/vmlinux" "$wantBits" "$wantEndian" "$wantMachine"
  release=$(kmake -s --no-print-directory kernelrelease | tail -n 1)
  perl -e 'exit($ARGV[0] !~ /$ARGV[1]/)' "$release" "$releasePattern" ||
    kernel_fail wrong-version "the tree calls itself $release, expected $version"
  mkdir -p "$out"
  [ -f "$tree/$image" ] || kernel_fail no-image "make $makeTarget left no $image"
  cp "$tree/vmlinux" "$tree/System.map" "$out/"
  [ "$image" = vmlinux ] || cp "$tree/$image" "$out/$(basename "$image")"
  cp "$tree/.config" "$out/config"
  cp asked "$out/config-asked"
  echo "$release" >"$out/release"
  local dtb
  for dtb in $dtbs; do
    mkdir -p "$out/dtbs"
    find "$tree/arch/$linuxArch/boot/dts" -name "$dtb" -exec cp -t "$out/dtbs" {} +
    [ -f "$out/dtbs/$dtb" ] || kernel_fail no-dtb "$dtb was not built"
  done
  if [ -s "$tree/modules.order" ]; then install_modules; fi
}

install_modules() {
  local folder
  kmake modules_install INSTALL_MOD_PATH="$out" >/dev/null || kernel_fail compile "make modules_install failed"
  for folder in "$out"/lib/modules/*/; do
    rm -f "$folder/build" "$folder/source"
    # Trees leave depmod out, some without a word, where there is no System.map or no program that they know of.
    [ -f "$tree/System.map" ] || depmod -b "$out" "$(basename "$folder")" || kernel_fail no-modules-dep "depmod failed"
    [ -f "$folder/modules.dep" ] || kernel_fail no-modules-dep "make modules_install left no modules.dep: modprobe would find no module"
  done
}

# What building a module out of tree reads, laid out as one tree: the source's makefiles, scripts and headers, with the build's
# results over them.
install_dev() {
  mkdir -p "$dev"
  cp "$tree/.config" "$dev/.config"
  echo "$(<"$out/release")" >"$dev/release"
  if [ -n "$ccFlags" ]; then cp "$NIX_BUILD_TOP/cc.specs" "$dev/cc.specs"; fi
  if ! grep -q '^CONFIG_MODULES=y' "$tree/.config"; then return 0; fi
  local srcarch
  srcarch=$(source_arch)
  (
    cd "$source"
    {
      find Makefile Kbuild scripts include -type f -o -type l
      find "arch/$srcarch" \( -name 'Makefile*' -o -name 'Kbuild*' -o -name Platform -o -name '*.lds' -o -name '*.mk' \) -type f
      find "arch/$srcarch" -path '*/include/*' -type f
    } | sort -u | tar -cf - --no-recursion -T -
  ) | tar -xf - -C "$dev"
  chmod -R u+w "$dev"
  (
    cd "$tree"
    {
      find include scripts "arch/$srcarch/include" -type f ! -name '*.o' ! -name '*.cmd' ! -name '*.a' ! -name '*.s' 2>/dev/null || true
      find "arch/$srcarch" -name module.lds -type f 2>/dev/null || true
      for file in Module.symvers System.map tools/objtool/objtool arch/powerpc/lib/crtsavres.o arch/s390/lib/expoline/expoline.o \
        scripts/module.lds scripts/module-common.lds; do
        if [ -f "$file" ]; then echo "$file"; fi
      done
    } | sort -u | tar -cf - --no-recursion -T -
  ) | tar -xf - -C "$dev"
  # Configuring and device trees are the kernel's own business.
  rm -rf "$dev/scripts/kconfig" "$dev/scripts/dtc"
}
