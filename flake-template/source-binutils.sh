# The step of binutils in mk-source-toolchain.nix. Reads the derivation's environment.

build_binutils() {
  unpack "$binutilsSource" binutils $binutilsPatches
  CFLAGS=$(old_c_flags gnu11)
  export CFLAGS CXXFLAGS="-O2 -w"
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
