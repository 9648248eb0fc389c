# The files of Debian packages as one folder: what lies under /usr comes to the top. Run by busybox.
#
# debs          the packages, unpacked one over the other
# loader        what programs are started by, and libraries  where they find what is not in this folder: their run path; both
#               empty where nothing is changed
# interpreters  folders with the programs that scripts name
set -eu
set -o pipefail
umask 022

fail() {
  echo "kflake: debian-packages: $1: $2" >&2
  exit 1
}

unpack() {
  root=$NIX_BUILD_TOP/root
  mkdir -p "$root"
  for deb in $debs; do
    data=$(ar t "$deb" | grep '^data\.tar') || fail bad-package "${deb#*-} is not a Debian package"
    case $data in
    *.xz) ar p "$deb" "$data" | xz -dc | tar -xf - -C "$root" ;;
    *.gz) ar p "$deb" "$data" | gzip -dc | tar -xf - -C "$root" ;;
    *.tar) ar p "$deb" "$data" | tar -xf - -C "$root" ;;
    *) false ;;
    esac || fail bad-package "${deb#*-} cannot be unpacked"
  done
}

# merge FROM TO: moves what FROM holds into TO.
merge() {
  [ -d "$1" ] && [ ! -L "$1" ] || return 0
  mkdir -p "$2"
  # not cp: where both have a file of one name, that does not replace a link
  tar -cf - -C "$1" . | tar -xf - -C "$2"
  rm -rf "$1"
}

lay_out() {
  mkdir -p "$out"
  cp -a "$root/." "$out/"
  merge "$out/usr" "$out"
  merge "$out/sbin" "$out/bin"
  # One folder for libraries, by any of its names.
  merge "$out/lib/x86_64-linux-gnu" "$out/lib"
  if [ -d "$out/lib" ]; then ln -sfn . "$out/lib/x86_64-linux-gnu"; fi
  if [ -z "${keepIncludes:-}" ] && [ -d "$out/include/x86_64-linux-gnu" ]; then
    merge "$out/include/x86_64-linux-gnu" "$out/include"
    ln -s . "$out/include/x86_64-linux-gnu"
  fi
  ln -sfn . "$out/usr"
  if [ -z "${keepIncludes:-}" ] && [ -d "$out/include" ]; then
    mkdir -p "$out/nix-support"
    touch "$out/nix-support/development"
  fi
  rm -rf "$out/share/doc" "$out/share/man" "$out/share/info" "$out/share/lintian" "$out/share/bug" "$out/share/locale" \
    "$out/share/bash-completion" "$out/share/zsh" "$out/share/doc-base" "$out/share/menu" "$out/share/gdb" "$out/games" "$out/var" "$out/etc"
  chmod -R u+w "$out"
}

# Links into the old root lead into this folder; those that lead nowhere go.
fix_links() {
  find "$out" -type l | while read -r link; do
    target=$(readlink "$link")
    case $target in
    "$out"/*) ;;
    /*)
      target=${target#/usr}
      ln -sfn "$out${target/\/lib\/x86_64-linux-gnu/\/lib}" "$link"
      ;;
    esac
    # A link that went up to the root and down again is one folder nearer to it now.
    if [ ! -e "$link" ]; then
      rest=$target
      while case $rest in ../*) true ;; *) false ;; esac do rest=${rest#../}; done
      if [ -e "$out/${rest#usr/}" ]; then ln -sfn "$out/${rest#usr/}" "$link"; fi
    fi
  done
  find "$out" -type l | while read -r link; do [ -e "$link" ] || rm "$link"; done
}

# The folders of $out among those named.
folders() {
  for folder; do if [ -d "$out/$folder" ]; then echo "$out/$folder"; fi; done
}

is_elf() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]; }

patch_elf() { "$loader" --library-path "${loader%/*}" "$patchelf/bin/patchelf" "$@"; }

# DT_RPATH, not DT_RUNPATH: it counts for the libraries' own needs too, so that libraries stay as they are.
fix_programs() {
  find $(folders bin lib libexec share) -type f | while read -r file; do
    case $file in *.o | *.a | *.h | *.py | *.pm | *.pl | *.c | *.img | *.rom | *.bin | *.dtb) continue ;; esac
    if is_elf "$file"; then
      if [ "$(patch_elf --print-interpreter "$file" 2>/dev/null)" != "" ]; then
        patch_elf --set-interpreter "$loader" "$file"
        patch_elf --force-rpath --set-rpath "$out/lib$(for path in $libraries; do printf ':%s/lib' "$path"; done)" "$file"
      fi
    elif [ "$(head -c 2 "$file")" = '#!' ]; then
      fix_interpreter "$file"
    fi
  done
}

# The program in a script's first line, from this folder or from the interpreters' ones; /bin/sh stays.
fix_interpreter() {
  read -r first <"$1" || true
  words=${first#\#!}
  set -- "$1" $words
  [ $# -ge 2 ] && [ "$2" != /bin/sh ] || return 0
  name=${2##*/}
  shown=$2
  if [ "$name" = env ] && [ $# -ge 3 ]; then
    name=$3
    shown="$2 $3"
  fi
  for folder in "$out" $interpreters; do
    if [ -x "$folder/bin/$name" ]; then
      sed -i "1s|^#! *$shown|#!$folder/bin/$name|" "$1"
      return 0
    fi
  done
}

# Every library that a program of this folder needs has to be there: a missing one would show at some build's end.
check_needs() {
  find $(folders bin lib/gcc lib/git-core libexec) -type f | while read -r file; do
    is_elf "$file" && patch_elf --print-interpreter "$file" >/dev/null 2>&1 || continue
    for need in $(patch_elf --print-needed "$file"); do
      found=
      for path in "$out" $libraries; do if [ -e "$path/lib/$need" ]; then found=1; fi; done
      [ -n "$found" ] || fail missing-library "${file#"$out"/} needs $need, which no pinned package holds"
    done
  done
}

unpack
lay_out
fix_links
if [ -n "$loader" ]; then
  fix_programs
  check_needs
fi
eval "${finish:-}"
