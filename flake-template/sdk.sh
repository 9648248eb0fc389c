# The steps of sdk.nix. Reads the derivation's environment.

sdk_fail() {
  echo "kflake: sdk: $1: $2" >&2
  exit 1
}

# The root that programs of this toolchain expect to run in: the folder that their loader's path starts at.
find_sysroot() {
  local dir
  for dir in "$("$CC" -print-sysroot)" "$toolchain/$target" "$toolchain"; do
    if [ -n "$dir" ] && [ -n "$interpreter" ] && [ -e "$dir$interpreter" ]; then
      realpath "$dir"
      return
    fi
  done
  sdk_fail no-sysroot "the toolchain has no $interpreter"
}

# Folders that the linker takes libraries from, in its order.
library_dirs() {
  "$CC" -print-search-dirs | sed -n 's/^libraries: =//p' | tr : '\n' | while read -r dir; do
    dir=$(realpath -m "$dir")
    case $dir in "$toolchain"/*) [ ! -d "$dir" ] || echo "$dir" ;; esac
  done | awk '!seen[$0]++'
}

# tool NAME ALTERNATIVE: the toolchain's program of that name; gcc's wrappers of ar and the like are not in all of them.
tool() {
  local name
  for name in "$@"; do
    if [ -x "$toolchain/bin/$target-$name" ]; then
      echo "$toolchain/bin/$target-$name"
      return
    fi
  done
}

make_sdk() {
  CC=$toolchain/bin/$target-gcc
  build=$(gcc -dumpmachine)
  sysroot=$(find_sysroot)
  libdirs=$(library_dirs)
  CXX=$(tool g++ c++)
  cxx=true
  if [ -z "$CXX" ]; then
    cxx=false
    CXX=$out/bin/$target-g++
  fi
  AR=$(tool gcc-ar ar)
  NM=$(tool gcc-nm nm)
  RANLIB=$(tool gcc-ranlib ranlib)
  mkdir -p "$out/bin" "$out/kernel-misc"
  ln -s "$toolchain" "$out/toolchain"
  ln -s "$sysroot" "$out/sysroot"
  ln -s "$kernelDev" "$out/kernel"
  echo "$kernelVersion" >"$out/kernel-misc/kernel-version"
  cp "$kernelDev/release" "$out/kernel-misc/kernel-release"
  cp "$kernelDev/.config" "$out/kernel-misc/kernel-config"
  # What modules of this kernel say of it, as far as its headers tell.
  cc=$kernelCc expected_vermagic >vermagic
  [ ! -s vermagic ] || { cat vermagic && echo; } >"$out/kernel-misc/kernel-vermagic"
  # Without CONFIG_MODULES there is nothing to link modules against.
  [ ! -e "$kernelDev/Module.symvers" ] || cp "$kernelDev/Module.symvers" "$out/kernel-misc/Module.symvers"
  write_environment >"$out/environment"
  write_meson >"$out/meson.cross"
  write_cmake >"$out/toolchain.cmake"
  write_programs
  write_facts >"$out/sdk.json"
}

# Without a C++ compiler of its own, a build system would take this machine's.
no_cxx='This toolchain has no C++ compiler.'
size_flags='-Os -pipe -ffunction-sections -fdata-sections'
size_link_flags='-Wl,-O1 -Wl,--gc-sections -Wl,--as-needed'

write_environment() {
  cat <<END
# Source this: \`. environment\`. For $cell: Linux $kernelVersion, gcc $gcc, $libc.
# With KFLAKE_STAGING set beforehand, what an earlier \`make install DESTDIR=\$KFLAKE_STAGING\` put there is found as well.
export KFLAKE_SDK=$out
export KFLAKE_SYSROOT=$sysroot
export KFLAKE_KERNEL=$kernelDev
export PATH=$out/bin:$toolchain/bin:${llvm:+$llvm/bin:}\$PATH
export ARCH=$linuxArch
export CROSS_COMPILE=$target-${kbuildSwitches:+ $kbuildSwitches}
export TARGET_TRIPLE=$target
export BUILD_TRIPLE=$build
export CC=$target-gcc
export CPP="$target-gcc -E"
export CXX=$(basename "$CXX")
export LD=$target-ld
export AR=$(basename "$AR")
export NM=$(basename "$NM")
export RANLIB=$(basename "$RANLIB")
export AS=$target-as
export STRIP=$target-strip
export OBJCOPY=$target-objcopy
export OBJDUMP=$target-objdump
export READELF=$target-readelf
export CONFIGURE_FLAGS="--build=$build --host=$target --prefix=/usr --sysconfdir=/etc --localstatedir=/var"
export CFLAGS="$size_flags"
export CXXFLAGS="$size_flags"
export LDFLAGS="$size_link_flags"
if [ -n "\${KFLAKE_STAGING:-}" ]; then
  export CPPFLAGS="-I\$KFLAKE_STAGING/usr/include"
  LDFLAGS="\$LDFLAGS -L\$KFLAKE_STAGING/usr/lib -Wl,-rpath-link,\$KFLAKE_STAGING/usr/lib"
else
  unset CPPFLAGS
fi
export PKG_CONFIG=$target-pkg-config
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
# The kernel's own date, so that what is built twice is the same.
export SOURCE_DATE_EPOCH=1
END
}

write_meson() {
  cat <<END
# meson setup --cross-file meson.cross
[binaries]
c = '$CC'
$(if $cxx; then echo "cpp = '$CXX'"; else echo "# $no_cxx"; fi)
ar = '$AR'
nm = '$NM'
ranlib = '$RANLIB'
strip = '$toolchain/bin/$target-strip'
objcopy = '$toolchain/bin/$target-objcopy'
pkg-config = '$out/bin/$target-pkg-config'
pkgconfig = '$out/bin/$target-pkg-config'

[properties]
needs_exe_wrapper = true

[built-in options]
c_args = [$(meson_list "$size_flags")]
c_link_args = [$(meson_list "$size_link_flags")]
cpp_args = [$(meson_list "$size_flags")]
cpp_link_args = [$(meson_list "$size_link_flags")]

[host_machine]
system = 'linux'
cpu_family = '$meson'
cpu = '${target%%-*}'
endian = '$wantEndian'
END
}

meson_list() {
  local word comma=''
  for word in $1; do
    printf "%s'%s'" "$comma" "$word"
    comma=', '
  done
}

write_cmake() {
  cat <<END
# cmake -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${target%%-*})
set(CMAKE_C_COMPILER $CC)
set(CMAKE_CXX_COMPILER $CXX)
$(if ! $cxx; then echo "# $no_cxx Projects that have none of it are not held up.
set(CMAKE_CXX_COMPILER_ID_RUN 1)
set(CMAKE_CXX_COMPILER_ID GNU)
set(CMAKE_CXX_COMPILER_VERSION $gcc)
set(CMAKE_CXX_COMPILER_FORCED 1)
# What CMake's own GenerateExportHeader would ask it, also for projects in C: without it they export nothing.
set(COMPILER_HAS_HIDDEN_VISIBILITY 1)
set(COMPILER_HAS_HIDDEN_INLINE_VISIBILITY 1)
set(COMPILER_HAS_DEPRECATED_ATTR 1)"; fi)
set(CMAKE_AR $AR)
set(CMAKE_NM $NM)
set(CMAKE_RANLIB $RANLIB)
set(CMAKE_STRIP $toolchain/bin/$target-strip)
set(CMAKE_C_FLAGS_INIT "$size_flags")
set(CMAKE_CXX_FLAGS_INIT "$size_flags")
set(CMAKE_EXE_LINKER_FLAGS_INIT "$size_link_flags")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "$size_link_flags")
set(PKG_CONFIG_EXECUTABLE $out/bin/$target-pkg-config)
# Programs are this machine's, all else is the target's.
set(CMAKE_FIND_ROOT_PATH $sysroot)
if(DEFINED ENV{KFLAKE_STAGING})
  list(PREPEND CMAKE_FIND_ROOT_PATH \$ENV{KFLAKE_STAGING})
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
END
}

write_programs() {
  local pkg_config=$out/bin/$target-pkg-config dirs='' dir
  for dir in $libdirs "$sysroot/usr/lib" "$sysroot/usr/share"; do dirs=$dirs:$dir/pkgconfig; done
  cat >"$pkg_config" <<END
#!/bin/sh
# The host's pkg-config, shown the target's packages only.
if [ -n "\${KFLAKE_STAGING:-}" ] && [ -d "\$KFLAKE_STAGING" ]; then
  export PKG_CONFIG_LIBDIR="\$KFLAKE_STAGING/usr/lib/pkgconfig:\$KFLAKE_STAGING/usr/share/pkgconfig"
  export PKG_CONFIG_SYSROOT_DIR="\$KFLAKE_STAGING"
else
  export PKG_CONFIG_LIBDIR=${dirs#:}
  export PKG_CONFIG_SYSROOT_DIR=$sysroot
fi
unset PKG_CONFIG_PATH
exec "\${KFLAKE_PKG_CONFIG:-pkg-config}" "\$@"
END
  $cxx || cat >"$CXX" <<END
#!/bin/sh
echo "kflake: sdk: no-cxx: $toolchainId has no C++ compiler; an SDK with --toolchains bootlin or musl has one" >&2
exit 1
END
  cat >"$out/bin/sdk-verify" <<END
#!/bin/sh
# sdk-verify [--json] DIR...: whether every ELF file there is for $cell, and finds what it needs there or in the sysroot.
exec $perl $verify --reader $elfReader --bits $wantBits --endian $wantEndian --machine $wantMachine \\
  --interpreter $interpreter --libraries '$(echo $libdirs | tr ' ' :)' "\$@"
END
  sed -e "s|@verify@|$out/bin/sdk-verify|; s|@arch@|$systemd|" "$export" >"$out/bin/sdk-export"
  chmod +x "$out/bin"/*
}

write_facts() {
  cat <<END
{
  "schema_version": 1,
  "cell": "$cell",
  "arch": "$archName",
  "kernel": "$kernelVersion",
  "kernel_release": "$(<"$kernelDev/release")",
  "toolchain": "$toolchainId",
  "target": "$target",
  "build": "$build",
  "gcc": "$gcc",
  "cxx": $cxx,
  "libc": "$libc",
  "interpreter": "$interpreter",
  "sysroot": "$sysroot",
  "kernel_tree": "$kernelDev"
}
END
}

# A program is linked as a user would, and found to be what it should.
check_sdk() (
  . "$out/environment"
  mkdir check
  printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >hello.c
  # shellcheck disable=SC2086 # lists of words
  "$CC" $CFLAGS $LDFLAGS -o check/hello hello.c || sdk_fail link "a program cannot be linked"
  sdk-verify check || sdk_fail verify "a program of the SDK's own does not pass sdk-verify"
)
