# The steps of build-kernel.nix for a kernel with requests: fragments that are reported on, and chosen targets. Sourced after
# build-kernel.sh, whose steps it uses.

# The spec of kconfig.pl, which Nix wrote but for the paths of this build.
request_spec() {
  perl -MJSON::PP -e '
    my ($in, $source) = @ARGV;
    local $/;
    open my $file, "<", $in or die "$in: $!\n";
    my $spec = JSON::PP->new->decode(<$file>);
    $spec->{source} = $source;
    print JSON::PP->new->canonical->encode($spec);
  ' "$requestSpecPath" "$source" >request.json
}

wants() {
  local goal
  for goal in $targets; do [ "$goal" != "$1" ] || return 0; done
  return 1
}

configure_request() {
  tree=$NIX_BUILD_TOP/o
  mkdir -p "$tree" "$out"
  request_spec
  perl "$kconfig" merge request.json asked || exit 1

  if [ -n "$profile" ]; then
    kmake KCONFIG_ALLCONFIG="$PWD/asked" allnoconfig >config.log 2>&1 || { cat config.log >&2; kernel_fail config "allnoconfig failed"; }
  else
    if [ -n "$config" ]; then
      cp "$config" "$tree/.config"
      chmod u+w "$tree/.config"
    else
      # shellcheck disable=SC2086 # several words are several targets
      if ! kmake $defconfig >config.log 2>&1; then
        cat config.log >&2
        kernel_fail config "make $defconfig failed; the tree of $version has for $linuxArch: $(named_configurations)"
      fi
    fi
    cat asked >>"$tree/.config"
    settle_config >config.log 2>&1 || { cat config.log >&2; kernel_fail config "the configuration could not be completed"; }
  fi
  perl "$kconfig" report request.json "$tree/.config" "$out" || exit 1
}

named_configurations() {
  local folder
  folder=$source/arch/$(source_arch)
  find "$folder" -maxdepth 2 \( -path '*/configs/*defconfig' -o -path "$folder/defconfig" \) -printf '%f\n' |
    sort -u | tr '\n' ' ' | sed 's/ $//'
}

has_modules() { grep -q '^CONFIG_MODULES=y' "$tree/.config"; }

build_request() {
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
  if [ "${#goals[@]}" -gt 0 ]; then
    kmake -j"$NIX_BUILD_CORES" "${goals[@]}" || kernel_fail compile "make ${goals[*]} failed"
  fi
  if wants kernel && has_modules; then kmake modules_prepare >/dev/null || kernel_fail compile "make modules_prepare failed"; fi
}

# pack FILE FOLDER NAME: an archive of NAME in FOLDER, bit for bit the same for the same files.
pack() {
  tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -C "$2" -cf - "$3" | xz -T1 -6 >"$1" || kernel_fail compile "$(basename "$1") could not be written"
}

install_request() {
  local goal path
  if wants kernel; then
    install_kernel
    install_dev
  else
    cp "$tree/.config" "$out/config"
    kmake -s --no-print-directory kernelrelease 2>/dev/null | tail -n 1 >"$out/release"
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
  request_facts >"$out/facts.json"
}

# What metadata.json repeats about the result.
request_facts() {
  local sizes
  printf '{\n  "kernelrelease": "%s",\n  "kernelversion": "%s",\n' "$(<"$out/release")" "$version"
  printf '  "compiler_version_full": "%s"' "$("$target-gcc" --version | head -n 1 | tr -d '"\\')"
  if [ -f "$out/vmlinux" ]; then
    read -r -a sizes <<<"$("$target-size" "$out/vmlinux" | tail -n 1)"
    printf ',\n  "vmlinux": { "file_size": %d, "text_size": %d, "data_size": %d, "bss_size": %d }' \
      "$(stat -c %s "$out/vmlinux")" "${sizes[0]}" "${sizes[1]}" "${sizes[2]}"
    printf ',\n  "text_offset": "0x%s"' "$(awk '$3 == "_text" { print $1 }' "$out/System.map")"
  fi
  printf '\n}\n'
}
