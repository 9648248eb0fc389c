# A layer of an image, for image.nix: layer.tar.gz, what describes it, and the store paths that are in it.

is_left_out() (
  set -f
  for pattern in $leftOut; do
    # shellcheck disable=SC2254 # a pattern
    case $1 in $pattern | */$pattern) return 0 ;; esac
  done
  return 1
)

# What every system has, with the programs of the environment $1.
populate_system() {
  local program header
  mkdir -p root/{dev,etc,home,nix/store,opt,proc,root,run,src,sys,tmp,out} root/usr/{bin,include,lib,local/bin,share} root/var/tmp
  chmod 1777 root/tmp root/var/tmp
  # Whoever is shown folders of their own there sees those, and anybody may build without.
  chmod 1777 root/out
  ln -s usr/bin root/bin
  ln -s usr/bin root/sbin
  ln -s bin root/usr/sbin
  for program in "$1"/bin/*; do
    is_left_out "bin/${program##*/}" || ln -s "$(readlink "$program" || echo "$program")" "root/usr/bin/${program##*/}"
  done
  for header in "$1"/include/*; do ln -s "$(readlink "$header")" "root/usr/include/${header##*/}"; done
  ln -s "$1/lib/pkgconfig" root/usr/lib/pkgconfig
  [ ! -e "$1/terminfo" ] || ln -s "$(readlink "$1/terminfo")" root/usr/share/terminfo
  printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/tmp:/bin/sh >root/etc/passwd
  printf '%s\n' root:x:0: nogroup:x:65534: >root/etc/group
  printf '%s\n' 'hosts: files' 'passwd: files' 'group: files' >root/etc/nsswitch.conf
  # Trees are shown to whoever builds, and need not be theirs.
  printf '[safe]\n\tdirectory = *\n' >root/etc/gitconfig
}

# The paths of a closure, out of what Nix says of its references.
closure_paths() {
  local path count _
  while read -r path; do
    read -r _
    read -r count
    while [ "$count" -gt 0 ]; do
      read -r _
      count=$((count - 1))
    done
    echo "$path"
  done <closure
}

make_layer() {
  local path
  export LC_ALL=C
  mkdir -p root "$out"
  populate
  {
    for path in $without; do echo "$path"; done
    for path in $below; do cat "$path/paths"; done
  } | sort -u >elsewhere
  closure_paths | sort -u | comm -23 - elsewhere >"$out/paths"
  sed 's|^/||' "$out/paths" >members
  (set -f && for path in $leftOut; do echo "nix/store/*/$path"; done) >left-out
  # Whatever the store did to the files, owners, times, links between equal files and the order are the same.
  (cd root && find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort) >top
  tar --create --file layer.tar --format=gnu --sort=name --mtime=@1 --owner=root:0 --group=root:0 --numeric-owner --hard-dereference \
    --wildcards --exclude-from left-out --directory "$PWD/root" --files-from top --directory / --files-from members
  if [ -s top ] || [ -s members ]; then
    sha256sum layer.tar | cut -d ' ' -f 1 >"$out/diff-id"
    gzip -n -6 <layer.tar >"$out/layer.tar.gz"
  fi
}
