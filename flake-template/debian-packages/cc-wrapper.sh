# The host's compiler: gcc that reads its own headers, and links programs which start from the store.
set -eu
mkdir -p "$out/bin"
compiler() {
  local program
  program=$(echo "$gcc"/bin/x86_64-linux-gnu-"$2"-[0-9]*)
  [ -x "$program" ] || { echo "kflake: debian-packages: the pinned packages have no $2" >&2; exit 1; }
  cat >"$out/bin/$1" <<WRAPPER
#!$shell
# DT_RPATH counts for what the libraries themselves need, too; the linker, told of a root, looks for that by -rpath-link alone.
link=(-Wl,-dynamic-linker,$loader -Wl,--disable-new-dtags -Wl,-rpath,$runtime/lib -Wl,-rpath-link,$runtime/lib)
for word; do
  case \$word in -c | -S | -E | -M | -MM | -r) link=() ;; esac
done
exec $program --sysroot=$gcc "\$@" \$NIX_CFLAGS_COMPILE "\${link[@]}" \${link:+\$NIX_LDFLAGS}
WRAPPER
  chmod 555 "$out/bin/$1"
}
compiler gcc gcc
compiler cc gcc
compiler g++ g++
compiler c++ g++
compiler cpp cpp
for tool in ar as ld ld.bfd nm objcopy objdump ranlib readelf size strings strip; do
  [ -e "$gcc/bin/x86_64-linux-gnu-$tool" ]
  ln -s "$gcc/bin/x86_64-linux-gnu-$tool" "$out/bin/$tool"
done
