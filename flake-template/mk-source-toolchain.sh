# The steps of mk-source-toolchain.nix. Reads the derivation's environment.

source_fail() {
  echo "kflake: toolchain: $1: $2" >&2
  exit 1
}

# at_least VERSION BOUND
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

jobs() { if [ "${NIX_BUILD_CORES:-0}" -gt 0 ]; then echo "$NIX_BUILD_CORES"; else nproc; fi; }

# unpack ARCHIVE DIR [PATCH...]: the archive's only top folder becomes DIR.
unpack() {
  local archive=$1 dir=$2 patch
  shift 2
  mkdir "$dir"
  tar -xf "$archive" -C "$dir" --strip-components=1 --no-same-owner || source_fail bad-archive "$(basename "$archive") could not be unpacked"
  [ -e "$dir/configure" ] || [ -e "$dir/Makefile" ] || source_fail bad-archive "$(basename "$archive") has neither configure nor Makefile at its top"
  for patch in "$@"; do
    [ -f "$patch" ] || source_fail patches-missing "musl-cross-make's $(basename "$(dirname "$patch")")/$(basename "$patch") is not here: give the flake its musl-cross-make input"
    (cd "$dir" && patch -s -p1 <"$patch") || source_fail patch-rejected "$(basename "$patch") does not apply to $(basename "$archive")"
  done
}

# quietly LOG COMMAND...: keeps the output out of the way, and shows its end when the command fails.
quietly() {
  local log=$NIX_BUILD_TOP/$1.log
  shift
  echo "+ $*" | cut -c -300
  if ! "$@" >"$log" 2>&1; then
    grep -nE '(error|Error|undefined|No rule|not found|cannot)' "$log" | head -n 20 >&2 || true
    tail -n 60 "$log" >&2
    return 1
  fi
}

# The language that this release was written in, for a host compiler that by default speaks a later one. Tentative
# definitions in headers were common before gcc 10 refused them.
host_flags() {
  local version=$1 c=gnu11 cxx=gnu++14
  if at_least "$version" 11; then :; elif at_least "$version" 4.8; then cxx=gnu++03; else c=gnu89; fi
  export CFLAGS="-O2 -std=$c -fcommon -w" CXXFLAGS="-O2 -std=$cxx -w"
  export CFLAGS_FOR_BUILD=$CFLAGS CXXFLAGS_FOR_BUILD=$CXXFLAGS
}

build_binutils() {
  unpack "$binutilsSource" binutils $binutilsPatches
  export CFLAGS="-O2 -std=gnu11 -fcommon -w" CXXFLAGS="-O2 -w"
  mkdir build-binutils
  cd build-binutils
  # Code and read-only data share a segment, as they did when old kernels were written: x86_64 before 4.16 stays silent otherwise.
  quietly binutils-configure ../binutils/configure --prefix="$out" --build="$buildTriple" --host="$buildTriple" --target="$target" \
    --with-sysroot="$out/$target" --disable-nls --disable-multilib --disable-werror --disable-shared --disable-plugins \
    --disable-gdb --disable-gdbserver --disable-gdbsupport --disable-sim --disable-readline --disable-libdecnumber --disable-gprofng --disable-gold \
    --disable-separate-code --without-zstd --without-debuginfod --without-msgpack --enable-deterministic-archives ||
    source_fail configure "binutils $binutilsVersion could not be configured for $target"
  quietly binutils make -j"$(jobs)" MAKEINFO=true || source_fail compile "binutils $binutilsVersion does not build"
  quietly binutils-install make MAKEINFO=true install-strip || source_fail compile "binutils $binutilsVersion does not install"
  cd ..
  rm -rf "$out/share" "$out"/lib/*.la "$out"/lib/bfd-plugins
}

build_linux_headers() {
  unpack "$linuxSource" linux
  mkdir -p "$out"
  quietly linux-headers make -C linux ARCH="$linuxArch" INSTALL_HDR_PATH="$out" headers_install ||
    source_fail compile "kernel headers could not be installed for $linuxArch"
  find "$out" \( -name '.install' -o -name '..install.cmd' -o -name '.*.cmd' \) -delete
  [ -f "$out/include/linux/limits.h" ] || source_fail bad-archive "$(basename "$linuxSource") gave no include/linux/limits.h"
}

# Repacked sources come without their documentation, which the makefiles still name.
stub_documentation() {
  local page
  if [ ! -e gcc/gcc/doc/tm.texi.in ]; then
    # Compares the manual's text with the compiler's; there is none to compare.
    awk '/^s-tm-texi:/ { print "s-tm-texi:"; print "\ttouch $@"; skip = 1; next } skip && /^\t/ { next } { skip = 0; print }' \
      gcc/gcc/Makefile.in >Makefile.in
    mv Makefile.in gcc/gcc/Makefile.in
    mkdir -p gcc/gcc/doc
    for page in gcc.1 cpp.1 g++.1 gcov.1 gcov-tool.1 gcov-dump.1 lto-dump.1 gpl.7 gfdl.7 fsf-funding.7; do : >>"gcc/gcc/doc/$page"; done
  fi
  if [ ! -e gcc/gmp/doc/Makefile.in ]; then
    mkdir -p gcc/gmp/doc
    printf '.PHONY: all check install clean\nall check install clean:\n' >gcc/gmp/doc/Makefile.in
  fi
}

# musl's name for the target's architecture.
musl_arch() {
  case $target in
  aarch64*) echo aarch64 ;;
  arm*) echo arm ;;
  i?86*) echo i386 ;;
  loongarch64*) echo loongarch64 ;;
  m68k*) echo m68k ;;
  mips64* | mipsisa64*) echo mips64 ;;
  mips*) echo mips ;;
  powerpc64*) echo powerpc64 ;;
  powerpc*) echo powerpc ;;
  riscv64*) echo riscv64 ;;
  s390x*) echo s390x ;;
  sh*) echo sh ;;
  x86_64*) echo x86_64 ;;
  *) source_fail unsupported "musl has no port for $target" ;;
  esac
}

configure_gcc() {
  local options=(--prefix="$out" --build="$buildTriple" --host="$buildTriple" --target="$target"
    --with-gnu-as --with-gnu-ld --disable-nls --disable-multilib --disable-werror --disable-bootstrap --disable-lto --disable-plugin
    --disable-libssp --disable-libgomp --disable-libmudflap --disable-libsanitizer --disable-libquadmath --disable-libquadmath-support
    --disable-libitm --disable-libvtv --disable-libcilkrts --disable-libmpx --disable-libcc1 --disable-gcov --without-zstd
    --without-isl --without-cloog --without-ppl)
  if [ -n "$muslSource" ]; then
    options+=(--enable-languages=c,c++ --with-sysroot="$out/$target" --enable-tls --enable-threads=posix --enable-initfini-array
      --disable-gnu-indirect-function --disable-libstdcxx-pch)
    # musl has the stack protector's functions; releases that do not know musl look for glibc's version macros.
    export gcc_cv_libc_provides_ssp=yes
  else
    options+=(--enable-languages=c --without-headers --with-newlib --disable-shared --disable-threads --disable-libatomic
      --disable-decimal-float --disable-fixed-point --disable-libstdcxx)
  fi
  # shellcheck disable=SC2206 # a list of words
  options+=($configureOptions)
  mkdir build-gcc
  cd build-gcc
  export CFLAGS_FOR_TARGET=-O2 CXXFLAGS_FOR_TARGET=-O2
  quietly gcc-configure ../gcc/configure "${options[@]}" || source_fail configure "gcc $gccVersion could not be configured for $target"
}

# gmake GOAL...: no manuals, and no "fixed" copies of headers that need no fixing.
gmake() {
  quietly "gcc-$1" make -j"$(jobs)" MAKEINFO=true STMP_FIXINC= "$@" || source_fail compile "gcc $gccVersion: make $* failed"
}

build_toolchain() {
  local part sysroot=$out/$target
  unpack "$gccSource" gcc $gccPatches
  for part in gmp mpfr mpc; do
    archive=${part}Source
    [ -z "${!archive}" ] || unpack "${!archive}" "gcc/$part"
  done
  stub_documentation
  host_flags "$gccVersion"

  cp -a --no-preserve=ownership "$builtBinutils" "$out"
  chmod -R u+w "$out"
  export PATH=$out/bin:$PATH

  if [ -n "$muslSource" ]; then
    unpack "$muslSource" musl $muslPatches
    mkdir -p "$sysroot/include" "$sysroot/lib"
    ln -s . "$sysroot/usr"
    cp -r --no-preserve=mode,ownership "$linuxHeaders/include/." "$sysroot/include/"
    quietly musl-headers make -C musl ARCH="$(musl_arch)" prefix= DESTDIR="$sysroot" install-headers || source_fail compile "musl's headers could not be installed"
  fi

  configure_gcc
  gmake all-gcc
  gmake install-gcc
  if [ -n "$muslSource" ]; then
    # The first libgcc is only for building musl, and cannot be shared before there is a libc.
    gmake all-target-libgcc enable_shared=no
    gmake install-target-libgcc enable_shared=no
    build_musl
    rm -rf "$target/libgcc"
    gmake all
    gmake install
  else
    gmake all-target-libgcc
    gmake install-target-libgcc
  fi
  cd "$NIX_BUILD_TOP"
  finish_toolchain
}

build_musl() {
  cd "$NIX_BUILD_TOP/musl"
  quietly musl-configure env -u CFLAGS -u CXXFLAGS ./configure --prefix= --target="$target" --disable-wrapper CC="$target-gcc" AR="$target-ar" RANLIB="$target-ranlib" ||
    source_fail configure "musl could not be configured for $target"
  quietly musl make -j"$(jobs)" || source_fail compile "musl does not build"
  quietly musl-install make DESTDIR="$sysroot" install || source_fail compile "musl does not install"
  # The loader is musl's own libc.so; a program's sysroot may lie anywhere.
  local loader
  for loader in "$sysroot"/lib/ld-musl-*.so.1; do ln -sfn libc.so "$loader"; done
  # What position-independent 32-bit x86 and powerpc code calls when a stack was smashed; gcc links it from here.
  printf 'extern void __stack_chk_fail(void);\nvoid __attribute__((visibility("hidden"))) __stack_chk_fail_local(void) { __stack_chk_fail(); }\n' >ssp.c
  "$target-gcc" -Os -fPIC -c ssp.c -o ssp.o || source_fail compile "a two-line C file does not compile"
  "$target-ar" rcD "$sysroot/lib/libssp_nonshared.a" ssp.o
  cd "$NIX_BUILD_TOP/build-gcc"
}

# Small, and the same bytes wherever it was built: no manuals, no debug information with paths of the build.
finish_toolchain() {
  local file dir
  rm -rf "$out/share" "$out/info" "$out/man" "$out"/lib/gcc/*/*/install-tools "$out"/libexec/gcc/*/*/install-tools
  find "$out" -name '*.la' -delete
  for dir in bin libexec; do find "$out/$dir" -type f; done | while read -r file; do
    ! is_elf "$file" || strip --strip-unneeded "$file" || source_fail broken "$(basename "$file") could not be stripped"
  done
  for dir in lib/gcc "$target/lib"; do
    if [ -d "$out/$dir" ]; then find "$out/$dir" -type f \( -name '*.a' -o -name '*.o' -o -name '*.so*' \); fi
  done | while read -r file; do
    is_elf "$file" || [ "$(head -c 7 "$file")" = '!<arch>' ] || continue
    "$target-strip" --strip-debug --enable-deterministic-archives "$file" || source_fail broken "$(basename "$file") could not be stripped"
  done
}

is_elf() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; }
