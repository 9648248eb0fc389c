# A toolchain proves that it is what the data says. Expects elf.sh and the want* variables.

check_fail() {
  echo "kflake: toolchain: $1: $2" >&2
  exit 1
}

self_check() {
  local gcc=$out/bin/$target-gcc said got program real
  said=$("$gcc" -dumpmachine) || check_fail broken "$target-gcc does not run"
  [ "$said" = "$target" ] || check_fail wrong-target "gcc says it compiles for $said, the matrix says $target"
  # gcc before 7 has the one option, gcc from 7 on means the major number by it.
  got=$("$gcc" -dumpfullversion 2>/dev/null || "$gcc" -dumpversion)
  [ "$got" = "$wantGcc" ] || check_fail wrong-version "gcc says it is $got, the matrix says $wantGcc"
  got=$("$out/bin/$target-ld" --version | head -n 1 | grep -oE '[0-9]+(\.[0-9]+)+' | tail -n 1)
  [ "$got" = "$wantBinutils" ] || check_fail wrong-version "binutils says it is $got, the matrix says $wantBinutils"
  for program in as ld; do
    real=$(realpath "$("$gcc" -print-prog-name="$program")")
    case $real in
    "$out"/*) ;;
    *) check_fail leak "gcc would use $real as its $program" ;;
    esac
  done

  mkdir -p check
  cd check
  printf 'int answer(void) { return 42; }\nvoid _start(void) { for (;;) answer(); }\n' >bare.c
  "$gcc" -O2 -c bare.c -o bare.o || check_fail cannot-compile "a two-line C file does not compile"
  elf_expect toolchain bare.o "$wantBits" "$wantEndian" "$wantMachine"
  "$gcc" -O2 -nostdlib -static -Wl,--build-id=none -Wl,-e,_start bare.c -o bare || check_fail cannot-link "a program without libc does not link"
  elf_expect toolchain bare "$wantBits" "$wantEndian" "$wantMachine"

  if [ -n "$wantLibc" ]; then
    printf '#include <stdio.h>\n#include <linux/limits.h>\nint main(void) { puts("ok"); return PATH_MAX == 0; }\n' >hello.c
    "$gcc" -O2 -static hello.c -o static || check_fail cannot-link "a static program does not link"
    elf_expect toolchain static "$wantBits" "$wantEndian" "$wantMachine"
    "$gcc" -O2 hello.c -o dynamic || check_fail cannot-link "a dynamic program does not link"
    elf_expect toolchain dynamic "$wantBits" "$wantEndian" "$wantMachine"
    got=$("$out/bin/$target-readelf" -l dynamic | sed -n 's/.*interpreter: \(.*\)]/\1/p')
    if [ -n "$wantInterpreter" ] && [ "$got" != "$wantInterpreter" ]; then
      check_fail wrong-interpreter "a dynamic program asks for the loader $got, the matrix says $wantInterpreter"
    fi
    if "$out/bin/$target-readelf" -l static | grep -q 'interpreter:'; then
      check_fail cannot-link "a program linked with -static asks for a loader"
    fi
    # What a compile reads must lie in the toolchain itself.
    "$gcc" -M hello.c | tr ' \\' '\n\n' | grep '^/' | while read -r real; do
      case $(realpath "$real") in
      "$out"/*) ;;
      *) check_fail leak "a compile reads $real, outside of the toolchain" ;;
      esac
    done
  fi
  cd ..
}

# LLVM says its version, and compiles and links for every target of the data.
check_llvm() {
  local clang=$out/bin/clang program got real triple bits endian machine
  for program in clang ld.lld llvm-ar llvm-nm llvm-objcopy llvm-objdump llvm-ranlib llvm-readelf llvm-size llvm-strings llvm-strip; do
    got=$("$out/bin/$program" --version) || check_fail broken "$program does not run"
    got=$(grep -oE '(version|LLD) [0-9]+(\.[0-9]+)+' <<<"$got" | head -n 1)
    [ "${got##* }" = "$wantClang" ] || check_fail wrong-version "$program says it is ${got##* }, the matrix says $wantClang"
  done
  mkdir -p check
  cd check
  printf '#include <stdarg.h>\n#include <stddef.h>\nint answer(void) { return 42; }\nvoid _start(void) { for (;;) answer(); }\n' >bare.c
  # shellcheck disable=SC2154 # of the derivation
  while read -r triple bits endian machine; do
    [ -n "$triple" ] || continue
    "$clang" --target="$triple" -O2 -ffreestanding -c bare.c -o bare.o || check_fail cannot-compile "$triple: a short C file does not compile"
    elf_expect toolchain bare.o "$bits" "$endian" "$machine"
    "$clang" --target="$triple" -O2 -ffreestanding -fuse-ld=lld -nostdlib -static -Wl,--build-id=none -Wl,-e,_start bare.c -o bare ||
      check_fail cannot-link "$triple: a program without libc does not link"
    elf_expect toolchain bare "$bits" "$endian" "$machine"
    "$out/bin/llvm-objcopy" -O binary bare bare.bin || check_fail cannot-link "$triple: llvm-objcopy cannot read what was linked"
    # What a compile reads must lie in the toolchain itself.
    "$clang" --target="$triple" -ffreestanding -M bare.c | tr ' \\' '\n\n' | grep '^/' | while read -r real; do
      case $(realpath "$real") in
      "$out"/*) ;;
      *) check_fail leak "$triple: a compile reads $real, outside of the toolchain" ;;
      esac
    done
  done <<<"$targets"
  cd ..
}
