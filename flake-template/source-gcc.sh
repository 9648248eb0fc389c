# The steps of toolchain in mk-source-toolchain.nix. Reads the derivation's environment.

# The language that this release was written in, for a host compiler that by default speaks a later one; from 11 to 14 a
# library in gcc's tree refuses all but C++11. Releases before 4.8 are written in C, with what "extern inline" meant in C89; the
# language itself stays C11, because the flags are also those of gmp, mpfr and mpc in its tree.
host_flags() {
  local version=$1 c=gnu11 cxx=gnu++14
  if at_least "$version" 15; then :; elif at_least "$version" 11; then cxx=gnu++11
  elif at_least "$version" 4.8; then cxx=gnu++03; else c="gnu11 -fgnu89-inline"; fi
  CFLAGS=$(old_c_flags "$c")
  export CFLAGS CXXFLAGS="-O2 -std=$cxx -w"
  export CFLAGS_FOR_BUILD=$CFLAGS CXXFLAGS_FOR_BUILD=$CXXFLAGS
}

# Repacked sources come without their documentation, or with empty files for it, and the makefiles still name it.
stub_documentation() {
  local page
  if ! grep -qs '^@hook' gcc/gcc/doc/tm.texi.in; then
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

# mpfr keeps its sources in src/ since 3.1, which gcc's configure knows since 4.7.
find_mpfr() {
  [ -d gcc/mpfr/src ] && ! grep -q 'mpfr/src' gcc/configure || return 0
  sed -i -e 's|\$\$s/mpfr\b|&/src|g' -e 's|\$(HOST_SUBDIR)/mpfr\b|&/src|g' gcc/configure
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
  # Its tests are most of its hundred thousand files.
  TAR_OPTIONS='--exclude=*/gcc/testsuite/g*' unpack "$gccSource" gcc $gccPatches
  for part in gmp mpfr mpc; do
    archive=${part}Source
    [ -z "${!archive}" ] || unpack "${!archive}" "gcc/$part"
  done
  stub_documentation
  find_mpfr
  host_flags "$gccVersion"

  cp -a --no-preserve=ownership "$builtBinutils" "$out"
  chmod -R u+w "$out"
  export PATH=$out/bin:$PATH

  if [ -n "$muslSource" ]; then
    unpack "$muslSource" musl $muslPatches
    mkdir -p "$sysroot/include" "$sysroot/lib"
    ln -s . "$sysroot/usr"
    # gcc keeps its libraries for 64 bits in lib64, where musl's loader does not look.
    ln -s lib "$sysroot/lib64"
    ln -s lib "$sysroot/lib32"
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
  forget_binutils
}

# The copied programs of binutils hold the path that they were configured for, and only ever use it to tell how far one folder is
# from another. With its digest replaced it is no reference any more, and what was built there need not be kept.
forget_binutils() {
  local digest file
  digest=${builtBinutils##*/}
  digest=${digest%%-*}
  { grep -rlF -- "$digest" "$out" || true; } | while read -r file; do
    LC_ALL=C sed -i "s/$digest/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee/g" "$file"
  done
}

is_elf() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; }
