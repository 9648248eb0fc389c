# Builds a module as its dkms.conf says. A program of its own, since dkms.conf is a script that may set any variable.
#   module-dkms.sh KERNEL_TREE RELEASE UNAME_MACHINE MODULES MAKE_ARGUMENT...
# In the module's folder. MAKE_ARGUMENT... go to every make. MODULES, a file, gets a line per module that dkms.conf names: its path, the name
# and the folder that it is installed under, split by tabs.
set -eu -o pipefail

kernel_source_dir=$1 kernelver=$2 arch=$3 modules=$4
shift 4
build=$PWD
# For dkms.conf.
export source_tree=$NIX_BUILD_TOP/usr-src dkms_tree=$NIX_BUILD_TOP/dkms kernel_source_dir kernelver arch

fail() {
  echo "kflake: module: $1: $2" >&2
  exit 1
}

# Lines that end as on Windows.
sed -i 's/\r$//' dkms.conf

# Name, index and value of what dkms.conf sets, each ended by NUL.
read_conf() (
  set +eu
  exec 3>&1 >&2 </dev/null
  # even if it ends in `exit`
  trap print_conf EXIT
  # shellcheck disable=SC1091 # the module's
  . ./dkms.conf
)

print_conf() {
  local kflake_name kflake_index
  for kflake_name in PACKAGE_NAME PACKAGE_VERSION MAKE MAKE_MATCH PRE_BUILD POST_BUILD PATCH PATCH_MATCH BUILT_MODULE_NAME BUILT_MODULE_LOCATION \
    DEST_MODULE_NAME DEST_MODULE_LOCATION BUILD_EXCLUSIVE_KERNEL BUILD_EXCLUSIVE_KERNEL_MIN BUILD_EXCLUSIVE_KERNEL_MAX \
    BUILD_EXCLUSIVE_ARCH BUILD_EXCLUSIVE_CONFIG BUILD_DEPENDS; do
    local -n kflake_values=$kflake_name
    for kflake_index in "${!kflake_values[@]}"; do printf '%s\0' "$kflake_name" "$kflake_index" "${kflake_values[kflake_index]}" >&3; done
    unset -n kflake_values
  done
}

declare -A conf=()
declare -a indices=()
while IFS= read -r -d '' name && IFS= read -r -d '' index && IFS= read -r -d '' value; do
  case $index in *[!0-9]*) continue ;; esac
  conf[$name,$index]=$value
  case $name in BUILT_MODULE_NAME | BUILT_MODULE_LOCATION | DEST_MODULE_NAME | DEST_MODULE_LOCATION) indices+=("$index") ;; esac
done < <(read_conf)

# at NAME [INDEX]: what dkms.conf sets it to, or nothing
at() {
  local key=$1,${2:-0}
  printf '%s' "${conf[$key]:-}"
}

# Numbers of NAME's elements, in order.
elements() {
  local key
  for key in "${!conf[@]}"; do if [ "${key%,*}" = "$1" ]; then echo "${key#*,}"; fi; done | sort -n
}

matches() {
  local status=0
  [[ $1 =~ $2 ]] || status=$?
  [ "$status" -lt 2 ] || fail dkms-conf "$3 is no regular expression: $2"
  return "$status"
}

# older A B: whether version A comes before B
older() {
  [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# What the package says it cannot be built for.
check_exclusive() {
  local numbers=${kernelver%%[-+_]*} wanted symbol
  wanted=$(at BUILD_EXCLUSIVE_KERNEL)
  if [ -n "$wanted" ]; then
    matches "$kernelver" "$wanted" BUILD_EXCLUSIVE_KERNEL || fail dkms-excluded "dkms.conf builds for kernels that match $wanted alone (BUILD_EXCLUSIVE_KERNEL), and this is $kernelver"
  fi
  wanted=$(at BUILD_EXCLUSIVE_KERNEL_MIN)
  if [ -n "$wanted" ] && older "$numbers" "$wanted"; then
    fail dkms-excluded "dkms.conf builds for kernels from $wanted on (BUILD_EXCLUSIVE_KERNEL_MIN), and this is $kernelver"
  fi
  wanted=$(at BUILD_EXCLUSIVE_KERNEL_MAX)
  # 6.8 as the last one takes 6.8.12 in
  if [ -n "$wanted" ] && older "$wanted" "$numbers" && [[ $numbers. != "$wanted".* ]]; then
    fail dkms-excluded "dkms.conf builds for kernels up to $wanted (BUILD_EXCLUSIVE_KERNEL_MAX), and this is $kernelver"
  fi
  wanted=$(at BUILD_EXCLUSIVE_ARCH)
  if [ -n "$wanted" ]; then
    matches "$arch" "$wanted" BUILD_EXCLUSIVE_ARCH || fail dkms-excluded "dkms.conf builds for arches that match $wanted alone (BUILD_EXCLUSIVE_ARCH), and this is $arch"
  fi
  for symbol in $(at BUILD_EXCLUSIVE_CONFIG); do
    if [ "${symbol#!}" != "$symbol" ]; then
      if grep -qE "^${symbol#!}=[ym]" "$kernel_source_dir/.config"; then
        fail dkms-excluded "dkms.conf builds for kernels without ${symbol#!} (BUILD_EXCLUSIVE_CONFIG), and this one has it"
      fi
    else
      grep -qE "^$symbol=[ym]" "$kernel_source_dir/.config" || fail dkms-excluded "dkms.conf builds for kernels with $symbol (BUILD_EXCLUSIVE_CONFIG), and this one lacks it; try -K $symbol=m"
    fi
  done
}

apply_patches() {
  local index patch match
  for index in $(elements PATCH); do
    patch=$(at PATCH "$index") match=$(at PATCH_MATCH "$index")
    if [ -n "$match" ]; then matches "$kernelver" "$match" "PATCH_MATCH[$index]" || continue; fi
    [ -n "$patch" ] || continue
    [ -f "patches/$patch" ] || fail dkms-conf "PATCH[$index] names $patch, and there is no patches/$patch"
    patch -p1 --no-backup-if-mismatch <"patches/$patch" || fail dkms-patch "patches/$patch does not fit the source"
  done
}

# run_script KEY: a script of the package, with its arguments
run_script() {
  local words script first interpreter=
  words=$(here "$(at "$1")")
  [ -n "$words" ] || return 0
  script=${words%%[[:space:]]*}
  [ -f "$script" ] || fail dkms-conf "$1 names $script, which is not in the package"
  chmod +x "$script"
  # one for a shell runs whichever shell it names
  IFS= read -r first <"$script" || true
  case $first in '#!'*$'\r') sed -i 's/\r$//' "$script" && first=${first%$'\r'} ;; esac
  case $first in '#!'*sh | '#!'*sh\ *) interpreter=$BASH ;; esac
  # as dkms.conf has them: words for the shell
  (set +eu && eval "$interpreter ./$words") </dev/null || fail dkms-script "$1 of dkms.conf failed: $words"
}

# What names the running kernel, or where DKMS keeps things, names this kernel and this folder.
here() {
  local text=$1 place
  for place in "/lib/modules/$kernelver/build" "/lib/modules/$kernelver/source" "/usr/src/linux-headers-$kernelver"; do
    text=${text//"$place"/"$kernel_source_dir"}
  done
  for place in "$dkms_tree/$module/$module_version/build" "/var/lib/dkms/$module/$module_version/build" "/usr/src/$module-$module_version"; do
    text=${text//"$place"/"$build"}
  done
  printf '%s' "$text"
}

# The command that makes the modules: the last that matches the kernel, else the one without a condition.
make_command() {
  local index match chosen=''
  for index in $(elements MAKE); do
    match=$(at MAKE_MATCH "$index")
    if [ -z "$match" ]; then
      if [ -z "$chosen" ] || [ "$index" -eq 0 ]; then chosen=$(at MAKE "$index"); fi
    elif matches "$kernelver" "$match" "MAKE_MATCH[$index]"; then
      chosen=$(at MAKE "$index")
    fi
  done
  [ -n "$chosen" ] || chosen="make -C $kernel_source_dir M=$build modules"
  printf '%s' "$chosen"
}

# A make that builds for this kernel, whatever it is told, and a uname that names it.
plant_programs() {
  mkdir -p "$NIX_BUILD_TOP/dkms-bin"
  {
    echo "#!$BASH"
    echo "real=$(printf %q "$(type -P make)")"
    echo "given=($(printf ' %q' "$@"))"
    cat <<'END'
case " $* " in
  # a kernel's make: see build_module of module.sh
  *" M="* | *" SUBDIRS="*) given+=(PWD="$PWD") ;;
  # within another make, which hands them on
  *) case ${MAKEFLAGS:-} in *ARCH=*) given=() ;; esac ;;
esac
# by the name alone, so that $(MAKE) is found here as well
exec -a make "$real" "$@" "${given[@]}"
END
  } >"$NIX_BUILD_TOP/dkms-bin/make"
  {
    echo "#!$BASH"
    echo "case \${1:-} in -r) echo $kernelver ;; -m | -p | -i) echo $arch ;; *) exec $(type -P uname) \"\$@\" ;; esac"
  } >"$NIX_BUILD_TOP/dkms-bin/uname"
  chmod +x "$NIX_BUILD_TOP"/dkms-bin/*
  PATH=$NIX_BUILD_TOP/dkms-bin:$PATH
}

# Makefiles that look for the running kernel's folder find this one; also those that put its path together of variables.
point_makefiles() {
  local root=$NIX_BUILD_TOP/dkms-root/lib/modules
  mkdir -p "$root/$kernelver"
  ln -sfn "$kernel_source_dir" "$root/$kernelver/build"
  ln -sfn "$kernel_source_dir" "$root/$kernelver/source"
  # shellcheck disable=SC2016 # what makefiles say
  find . -type f \( -name 'Makefile*' -o -name 'GNUmakefile' -o -name Kbuild -o -name '*.mk' \) -exec sed -E -i \
    -e 's@/lib/modules/([$][({]shell uname -r[)}]|[$][({][A-Za-z_]+[)}]|`uname -r`|[$][$][(]uname -r[)])/(build|source)@'"$kernel_source_dir@g" \
    -e 's@^([[:space:]]*[A-Za-z_]+[[:space:]]*[:?]?=[[:space:]]*)/lib/modules(/[$][({][A-Za-z_]+[)}])?/?[[:space:]]*$@\1'"$root"'\2@' {} +
}

# The modules that dkms.conf names, for MODULES.
list_modules() {
  local index name location file target folder
  : >"$modules"
  for index in $(printf '%s\n' "${indices[@]}" | sort -nu); do
    name=$(at BUILT_MODULE_NAME "$index")
    if [ -z "$name" ] && [ "$index" -eq 0 ]; then name=$module; fi
    location=$(at BUILT_MODULE_LOCATION "$index")
    location=$(here "${location:-.}")
    file=${location%/}/$name.ko
    [ -f "$file" ] || fail dkms-not-built "dkms.conf names the module $name (BUILT_MODULE_NAME[$index]), and the build left no ${file#./}"
    target=$(at DEST_MODULE_NAME "$index") folder=$(at DEST_MODULE_LOCATION "$index")
    target=${target:-$name}
    case $target$folder in *[[:cntrl:]]*) fail dkms-conf "the names of module $name hold a control character" ;; esac
    case $target in */*) fail dkms-conf "DEST_MODULE_NAME[$index] is no name: $target" ;; esac
    printf '%s\t%s.ko\t%s\n' "$file" "$target" "$folder" >>"$modules"
  done
}

module=$(at PACKAGE_NAME) module_version=$(at PACKAGE_VERSION)
case $module$module_version in */*) fail dkms-conf "PACKAGE_NAME and PACKAGE_VERSION make no name: $module $module_version" ;; esac
export module module_version
mkdir -p "$source_tree" "$dkms_tree/$module/$module_version"
ln -sfn "$build" "$source_tree/$module-$module_version"
ln -sfn "$build" "$dkms_tree/$module/$module_version/build"

check_exclusive
for index in $(elements BUILD_DEPENDS); do
  echo "kflake: dkms.conf wants $(at BUILD_DEPENDS "$index") built before; --symvers names its result"
done
apply_patches
point_makefiles
plant_programs "$@"
run_script PRE_BUILD
command=$(here "$(make_command)")
# as DKMS does
case $command in make*) command="make -j$NIX_BUILD_CORES KERNELRELEASE=$kernelver${command#make}" ;; esac
echo "dkms.conf: $command"
(set +eu && eval "$command") </dev/null || fail compile "the command of dkms.conf failed: $command"
run_script POST_BUILD
list_modules
