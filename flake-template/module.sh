# The steps of module.nix. Reads the derivation's environment.

module_fail() {
  echo "kflake: module: $1: $2" >&2
  exit 1
}

# Sets makeArguments to what every make of a module is given, whoever calls it.
make_arguments() {
  grep -q '^CONFIG_MODULES=y' "$kernelDev/.config" || module_fail no-modules "the kernel was built without CONFIG_MODULES"
  # Of two that fit the last one counts: the folders themselves, which debug information names, and what lies in them.
  local map="$prefixMapFlag=$kernelDev=. $prefixMapFlag=$PWD=. $prefixMapFlag=$kernelDev/= $prefixMapFlag=$PWD/="
  # The flags that the kernel itself was built with: clang's, and gcc's.
  if [ -f "$kernelDev/cc.flags" ]; then map+=" $(<"$kernelDev/cc.flags")"; fi
  # shellcheck disable=SC2206 # a list of words
  makeArguments=(ARCH="$linuxArch" $kbuildFlags SHELL="$(type -P bash)" KCFLAGS="$map" KAFLAGS="$map")
  if [ -f "$kernelDev/cc.specs" ]; then makeArguments+=(CC="$cc -specs=$kernelDev/cc.specs"); fi
  # What other modules export, by the Module.symvers of their builds.
  if [ -n "${extraSymbols:-}" ]; then makeArguments+=(KBUILD_EXTRA_SYMBOLS="$extraSymbols"); fi
  # What came along built was built for something else.
  find . -name '*.ko' -type f -delete
  # shellcheck disable=SC2206 # a list of words
  makeArguments+=("$@" ${makeFlags:-})
}

# Runs a command without the variables that makefiles leave to whoever calls them (`src ?= .`), and that Nix means something else by.
without_nix() (
  unset src out name system builder outputs
  "$@"
)

build_module() {
  local makeArguments
  make_arguments "$@"
  # $(PWD) is the caller's folder for a makefile, and would be the kernel's: make calls the shell that it is given for every command,
  # and bash sets PWD anew.
  without_nix make -C "$kernelDev" M="$PWD" PWD="$PWD" -j"$NIX_BUILD_CORES" "${makeArguments[@]}" modules || module_fail compile "make modules failed"
}

# The value of KEY in a module's .modinfo.
modinfo_of() {
  "${toolPrefix}objcopy" -O binary -j .modinfo "$1" modinfo.bin
  tr '\0' '\n' <modinfo.bin | sed -n "s/^$2=//p" | head -n 1
}

install_module() {
  local release module vermagic
  . "$elfTools"
  release=$(<"$kernelDev/release")
  mkdir -p "$out"
  local name
  # What dkms.conf names, under the names that it gives, else all that was built.
  if [ ! -f "$NIX_BUILD_TOP/dkms-modules" ] || [ ! -s "$NIX_BUILD_TOP/dkms-modules" ]; then
    find . -name '*.ko' | sort | sed 's|.*/\(.*\)|&\t\1\t|' >"$NIX_BUILD_TOP/dkms-modules"
  fi
  while IFS=$'\t' read -r module name _; do
    elf_expect module "$module" "$wantBits" "$wantEndian" "$wantMachine"
    vermagic=$(modinfo_of "$module" vermagic)
    [ "${vermagic%% *}" = "$release" ] || module_fail wrong-vermagic "$name was built for ${vermagic%% *}, the kernel is $release"
    if [ -s "$kernelDev/vermagic" ] && [ "$vermagic" != "$(<"$kernelDev/vermagic")" ]; then
      module_fail wrong-vermagic "$name was built for \`$vermagic\`, the kernel is \`$(<"$kernelDev/vermagic")\`"
    fi
    cp "$module" "$out/$name"
    echo "$name: vermagic $vermagic, licence $(modinfo_of "$module" license)"
  done <"$NIX_BUILD_TOP/dkms-modules"
  ls "$out"/*.ko >/dev/null 2>&1 || module_fail no-module "the build left no .ko file$(why_no_module)"
  # For modules that use what this one exports.
  find . -name Module.symvers -type f -exec cat {} + | sort -u >"$NIX_BUILD_TOP/exported.symvers"
  if [ -s "$NIX_BUILD_TOP/exported.symvers" ]; then cp "$NIX_BUILD_TOP/exported.symvers" "$out/Module.symvers"; fi
}

# The first condition that lines with obj- stand under, but for the usual question whether Kbuild is reading the makefile.
condition_of_objects='
  { sub(/^[[:space:]]+/, "") }
  /^ifn?(eq|def)[[:space:](]/ { under[++depth] = $0 }
  /^else/ { under[depth] = $0 ~ /^else[[:space:]]+if/ ? $0 : "else of " under[depth] }
  /^endif/ { depth -= depth > 0 }
  /^obj-/ {
    for (i = depth; i > 0; i--) if (under[i] !~ /KERNELRELEASE|KBUILD_EXTMOD/) { print under[i]; exit }
  }
'

# What the makefiles say about a build that made nothing, as the end of a sentence.
why_no_module() {
  local makefiles=() symbols=() symbol below condition
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
  if grep -qE '^[[:space:]]*obj-' "${makefiles[@]}"; then
    condition=$(awk "$condition_of_objects" "${makefiles[@]}")
    if [ -n "$condition" ]; then echo ": its obj- lines stand under \`$condition\`, which did not hold; --make-flag sets a variable"; fi
    return
  fi
  below=$(find . -mindepth 2 \( -name Makefile -o -name Kbuild \) -type f -exec grep -lE '^[[:space:]]*obj-' {} + | sort | head -n 1)
  if [ -n "$below" ]; then
    below=${below#./}
    echo ": its makefile names no obj-, and $below does; try the folder ${below%/*}"
  else
    echo ": its makefile names no obj-m"
  fi
}
