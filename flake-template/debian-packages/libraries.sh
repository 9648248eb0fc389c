# The shared libraries of Debian packages in one folder, lib/, as they are. Run by busybox.
set -eu
set -o pipefail
umask 022
mkdir -p "$out/lib" root
for deb in $debs; do
  data=$(ar t "$deb" | grep '^data\.tar') || { echo "kflake: debian-packages: bad-package: ${deb#*-} is not a Debian package" >&2; exit 1; }
  case $data in
  *.xz) ar p "$deb" "$data" | xz -dc | tar -xf - -C root ;;
  *.gz) ar p "$deb" "$data" | gzip -dc | tar -xf - -C root ;;
  *) ar p "$deb" "$data" | tar -xf - -C root ;;
  esac
done
mkdir -p root/lib root/usr/lib
find root/lib root/usr/lib \( -name '*.so' -o -name '*.so.*' \) ! -path '*/gconv/*' ! -path '*/audit/*' ! -name '*.py' |
  while read -r file; do
    # Links within one folder stay what they are; those that lead elsewhere name a file that is here as well.
    if [ -L "$file" ]; then ln -sfn "$(basename "$(readlink "$file")")" "$out/lib/${file##*/}"; else cp -a "$file" "$out/lib/"; fi
  done
find "$out/lib" -type l | while read -r link; do [ -e "$link" ] || rm "$link"; done
chmod -R u+w "$out"
