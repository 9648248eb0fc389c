# The steps of buildKernel in build-kernel.nix. Reads the derivation's environment.

kernel_fail() {
  echo "kflake: kernel: $1: $2" >&2
  exit 1
}

# Flags that fixes add come last on every compiler command line, also where a makefile sets all of them itself: as specs. clang has no
# such thing; there they come last of the flags that the kernel's own makefile sets.
write_specs() {
  [ -z "$2" ] || printf '*cc1_options:\n+ %s\n\n' "$2" >"$1"
}

# Every make of a kernel, with what identifies the build fixed.
kmake() {
  local map="$prefixMapFlag=$source/= $prefixMapFlag=$tree/=" flags=() variables=$buildIdentity$fixMakeFlags
  case $cc in
  clang*) map+=${ccFlags:+ $ccFlags} ;;
  *) if [ -n "$ccFlags" ]; then flags+=(CC="$cc -specs=$NIX_BUILD_TOP/cc.specs"); fi ;;
  esac
  if [ -n "$hostCcFlags" ]; then flags+=(HOSTCC="gcc -specs=$NIX_BUILD_TOP/hostcc.specs"); fi
  # one a line: their values may have blanks
  mapfile -t -O "${#flags[@]}" flags <<<"${variables%$'\n'}"
  # shellcheck disable=SC2086 # makeFlags and kbuildFlags are lists of words
  make -C "$source" O="$tree" ARCH="$linuxArch" $kbuildFlags SHELL="$(type -P bash)" DEPMOD="$(type -P depmod)" \
    PAHOLE="$pahole" \
    KCFLAGS="$map" KAFLAGS="$map" "${flags[@]}" ${makeFlags:-} "$@"
}
pahole=pahole
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

wants() {
  local goal
  for goal in $targets; do [ "$goal" != "$1" ] || return 0; done
  return 1
}

has_modules() { grep -q '^CONFIG_MODULES=y' "$tree/.config"; }

# A tree from a vendor may have been cut down to its own machine.
check_arch() {
  local folder
  folder=$(source_arch)
  [ -d "$source/arch/$folder" ] ||
    kernel_fail no-arch "the tree of $version has no arch/$folder; it has $(archs_of_tree)"
}

archs_of_tree() {
  find "$source/arch" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//'
}

configure_kernel() {
  check_arch
  tree=$NIX_BUILD_TOP/o
  mkdir -p "$tree" "$out"
  perl "$kconfig" merge "$requestPath" asked base || exit 1

  if [ -n "$profile" ]; then
    kmake KCONFIG_ALLCONFIG="$PWD/asked" allnoconfig >config.log 2>&1 || { cat config.log >&2; kernel_fail config "allnoconfig failed"; }
  else
    if [ -n "$config" ]; then
      cp base "$tree/.config"
    else
      # shellcheck disable=SC2086 # several words are several targets
      if ! kmake $defconfig >config.log 2>&1; then
        cat config.log >&2
        kernel_fail config "make $defconfig failed; the tree of $version has for $linuxArch: $(named_configurations)"
      fi
    fi
    # The last word on a symbol counts.
    cat asked >>"$tree/.config"
    settle_config >config.log 2>&1 || { cat config.log >&2; kernel_fail config "the configuration could not be completed"; }
  fi
  # The version of a tool that a configuration does not use would make it, and a kernel that holds it, differ from builder to builder.
  if grep -q '^CONFIG_PAHOLE_VERSION=[1-9]' "$tree/.config" && ! grep -q '^CONFIG_DEBUG_INFO_BTF=y' "$tree/.config"; then
    pahole=none
    settle_config >config.log 2>&1 || { cat config.log >&2; kernel_fail config "the configuration could not be completed"; }
  fi
  perl "$kconfig" report "$requestPath" "$tree/.config" "$out" || exit 1
  check_release
}

named_configurations() {
  local folder
  folder=$source/arch/$(source_arch)
  find "$folder" -maxdepth 2 \( -path '*/configs/*defconfig' -o -path "$folder/defconfig" \) -printf '%f\n' |
    sort -u | tr '\n' ' ' | sed 's/ $//'
}

build_kernel() {
  local goal dtb path goals=()
  for dtb in $dtbs; do
    path=$(find "$source/arch/$linuxArch/boot/dts" -name "${dtb%.dtb}.dts" | head -n 1)
    [ -n "$path" ] || kernel_fail no-dtb "no source for $dtb in arch/$linuxArch/boot/dts"
    path=${path#"$source/arch/$linuxArch/boot/dts/"}
    goals+=("${path%.dts}.dtb")
  done
  for goal in $targets; do
    case $goal in
    config) ;;
    kernel)
      goals+=(vmlinux)
      [ "$makeTarget" = vmlinux ] || goals+=("$makeTarget")
      ;;
    modules) ! has_modules || goals+=(modules) ;;
    dtbs)
      [ -d "$source/arch/$linuxArch/boot/dts" ] || kernel_fail no-dtb "the tree of $version has no device trees for $linuxArch"
      goals+=(dtbs)
      ;;
    headers) ;;
    dev)
      has_modules || kernel_fail no-modules "the configuration has no CONFIG_MODULES"
      # Only versions of symbols need the whole kernel.
      if grep -q '^CONFIG_MODVERSIONS=y' "$tree/.config"; then goals+=(vmlinux modules); else goals+=(modules_prepare); fi
      ;;
    *) goals+=("$goal") ;;
    esac
  done
  # Near its end the build would fail for want of them.
  case " ${goals[*]} " in *" vmlinux "*) perl "$kconfig" files "$requestPath" "$tree/.config" || exit 1 ;; esac
  if [ "${#goals[@]}" -gt 0 ]; then
    kmake -j"$NIX_BUILD_CORES" "${goals[@]}" || kernel_fail compile "make ${goals[*]} failed"
  fi
  # Out-of-tree modules need the tools and the linker script even where the kernel has none of its own.
  if wants kernel && has_modules; then kmake modules_prepare >/dev/null || kernel_fail compile "make modules_prepare failed"; fi
}

# What the tree calls itself. Before 2.6.35 `make kernelrelease` fails in a tree that was only configured.
tree_release() {
  local release
  release=$(kmake -s --no-print-directory kernelrelease 2>/dev/null | tail -n 1) || release=
  if [ -z "$release" ]; then
    kmake -s include/config/kernel.release >/dev/null || kernel_fail compile "make kernelrelease failed"
    release=$(<"$tree/include/config/kernel.release")
  fi
  echo "$release"
}

# A tree that is another version's, or whose release no file system path or makefile could hold, is told before it is compiled.
# Sets kernelRelease.
check_release() {
  kernelRelease=$(tree_release)
  case $kernelRelease in
  *[[:space:]]*)
    kernel_fail wrong-version "the tree calls itself \`$kernelRelease\`, and a release can't hold blanks: look at EXTRAVERSION, CONFIG_LOCALVERSION and files named localversion*"
    ;;
  esac
  perl -e 'exit($ARGV[0] !~ /$ARGV[1]/)' "$kernelRelease" "$releasePattern" ||
    kernel_fail wrong-version "the tree calls itself $kernelRelease, expected $version"
}

# The vermagic that the kernel in vmlinux asks of modules: it alone knows what its makefiles made of it. Nothing, where it is not plain.
own_vermagic() {
  perl -0777 -ne '
    BEGIN { $release = shift @ARGV }
    my %found;
    $found{$1}++ while /\0(\Q$release\E (?:[\w.:=-]+ )*[\w.:=-]*)(?=\0)/g;
    print keys(%found), "\n" if keys(%found) == 1;
  ' "$(<"$out/release")" "$tree/vmlinux"
}

install_image() {
  . "$elfTools"
  elf_expect kernel "$tree/vmlinux" "$wantBits" "$wantEndian" "$wantMachine"
  # What uname will say is a text of its own in the kernel's data.
  grep -qzxaF -- "$kernelRelease" "$tree/vmlinux" || kernel_fail wrong-version "vmlinux does not call itself $kernelRelease, as its tree does"
  mkdir -p "$out"
  [ -f "$tree/$image" ] || kernel_fail no-image "make $makeTarget left no $image"
  cp "$tree/vmlinux" "$tree/System.map" "$out/"
  [ "$image" = vmlinux ] || cp "$tree/$image" "$out/$(basename "$image")"
  cp "$tree/.config" "$out/config"
  cp asked "$out/config-asked"
  echo "$kernelRelease" >"$out/release"
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

# Headers of another architecture that those in FOLDER include by their path, as arm64's do 32-bit ARM's.
borrowed_headers() {
  local header
  { grep -rhoE '#[[:space:]]*include[[:space:]]*[<"]\.\./\.\./[a-z0-9_]+/include/[^>"]+' -- "$1" || true; } | sed 's|^[^.]*\.\./\.\./|arch/|' | sort -u |
    while read -r header; do if [ -f "$header" ]; then echo "$header"; fi; done
}

# What building a module out of tree reads, laid out as one tree: the source's makefiles, scripts and headers, with the build's
# results over them.
install_dev() {
  mkdir -p "$dev"
  cp "$tree/.config" "$dev/.config"
  echo "$(<"$out/release")" >"$dev/release"
  if [ -n "$ccFlags" ]; then
    case $cc in
    clang*) echo "$ccFlags" >"$dev/cc.flags" ;;
    *) cp "$NIX_BUILD_TOP/cc.specs" "$dev/cc.specs" ;;
    esac
  fi
  has_modules || return 0
  if [ -f "$tree/vmlinux" ] && wants kernel; then own_vermagic >"$dev/vermagic"; fi
  local srcarch
  srcarch=$(source_arch)
  (
    cd "$source"
    {
      find Makefile scripts include -type f -o -type l
      if [ -f Kbuild ]; then echo Kbuild; fi
      find "arch/$srcarch" \( -name 'Makefile*' -o -name 'Kbuild*' -o -name Platform -o -name '*.lds' -o -name '*.mk' \) -type f
      find "arch/$srcarch" -path '*/include/*' -type f
      # by these a makefile asks what the compiler can do, and the answer is in a module's vermagic
      if [ -d "arch/$srcarch/tools" ]; then find "arch/$srcarch/tools" -name '*.sh' -type f; fi
      borrowed_headers "arch/$srcarch/include"
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
  # Before 2.6.28 the architecture's headers are reached by links that the build made, in include2 where it was out of tree.
  local link target
  (cd "$tree" && find include include2 -type l 2>/dev/null || true) | while read -r link; do
    target=$(readlink "$tree/$link")
    mkdir -p "$(dirname "$dev/include/${link#*/}")"
    ln -sfn "${target/#"$source"/"$dev"}" "$dev/include/${link#*/}"
  done
  # A generated header that says what it was made from would keep the whole source.
  local header
  { grep -rlF --include='*.h' -- "$source/" "$dev" || true; } | while read -r header; do sed -i "s|$source/||g" "$header"; done
  # Configuring and device trees are the kernel's own business.
  rm -rf "$dev/scripts/kconfig" "$dev/scripts/dtc"
  shrink_host_programs
}

# Programs for modules to use were told of every library that a kernel may link. Their run paths keep the folders of those that they
# need; as DT_RPATH, which alone counts for what the libraries need.
shrink_host_programs() {
  local program
  find "$dev" -type f -perm -0100 | while read -r program; do
    if patchelf --print-rpath "$program" >/dev/null 2>&1; then patchelf --force-rpath --shrink-rpath "$program"; fi
  done
}

# pack FILE FOLDER NAME: an archive of NAME in FOLDER, bit for bit the same for the same files.
pack() {
  tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -C "$2" -cf - "$3" | xz -T1 -6 >"$1" || kernel_fail compile "$(basename "$1") could not be written"
}

install_kernel() {
  local goal path
  if wants kernel; then
    install_image
    install_dev
  else
    cp "$tree/.config" "$out/config"
    echo "$kernelRelease" >"$out/release"
    cp asked "$out/config-asked"
    if wants dev; then install_dev; fi
    if wants modules && [ -s "$tree/modules.order" ]; then install_modules; fi
  fi
  if wants modules && [ -d "$out/lib/modules" ]; then pack "$out/modules.tar.xz" "$out" lib; fi
  if wants dtbs; then
    (cd "$tree/arch/$linuxArch/boot/dts" && find . -name '*.dtb' | sort | tar -cf - --no-recursion -T -) >dtbs.tar
    mkdir -p "$out/dtbs"
    tar -xf dtbs.tar -C "$out/dtbs"
    pack "$out/dtbs.tar.xz" "$out" dtbs
  fi
  if wants headers; then
    kmake headers_install INSTALL_HDR_PATH="$NIX_BUILD_TOP/headers" >/dev/null || kernel_fail compile "make headers_install failed"
    find "$NIX_BUILD_TOP/headers" \( -name .install -o -name '..install.cmd' \) -delete
    mkdir -p "$out/headers"
    cp -r "$NIX_BUILD_TOP/headers/." "$out/headers/"
    pack "$out/headers.tar.xz" "$out" headers
  fi
  # What a target by name left, if it is a file of that name.
  for goal in $targets; do
    case $goal in config | kernel | modules | dtbs | headers | dev) continue ;; esac
    for path in "$tree/$goal" "$tree/arch/$linuxArch/boot/$goal"; do
      if [ -f "$path" ]; then
        mkdir -p "$out/targets"
        cp "$path" "$out/targets/$(basename "$goal")"
        break
      fi
    done
  done
  kernel_facts >"$out/facts.json"
}

# What metadata.json repeats about the result.
kernel_facts() {
  local sizes
  printf '{\n  "kernelrelease": "%s",\n  "kernelversion": "%s",\n' "$(<"$out/release")" "$version"
  printf '  "compiler_version_full": "%s"' "$($cc --version | head -n 1 | tr -d '"\\')"
  if [ -f "$out/vmlinux" ]; then
    read -r -a sizes <<<"$("${toolPrefix}size" "$out/vmlinux" | tail -n 1)"
    printf ',\n  "vmlinux": { "file_size": %d, "text_size": %d, "data_size": %d, "bss_size": %d }' \
      "$(stat -c %s "$out/vmlinux")" "${sizes[0]}" "${sizes[1]}" "${sizes[2]}"
    printf ',\n  "text_offset": "0x%s"' "$(awk '$3 == "_text" { print $1 }' "$out/System.map")"
  fi
  printf '\n}\n'
}
