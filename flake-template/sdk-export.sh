#!/bin/sh
# sdk-export STAGING tar FILE              the staged files as a tar, owned by root and dated SOURCE_DATE_EPOCH
# sdk-export STAGING sysext NAME FOLDER    FOLDER/NAME in the shape of a systemd system extension
# What is exported has passed sdk-verify.
set -eu

fail() {
  echo "sdk-export: $1" >&2
  exit "${2:-1}"
}
usage() { fail "usage: sdk-export STAGING tar FILE | sdk-export STAGING sysext NAME FOLDER" 2; }

[ $# -ge 3 ] || usage
staging=$1 kind=$2
[ -d "$staging" ] || fail "$staging: no such folder" 2
findings=$(@verify@ "$staging" 2>&1) || {
  echo "$findings" >&2
  fail "$staging does not pass sdk-verify"
}

case $kind in
tar)
  [ $# -eq 3 ] || usage
  partial=$3.partial
  tar --sort=name --format=posix --pax-option=delete=atime,delete=ctime --mtime="@${SOURCE_DATE_EPOCH:-1}" \
    --owner=0 --group=0 --numeric-owner -C "$staging" -cf "$partial" .
  mv "$partial" "$3"
  ;;
sysext)
  [ $# -eq 4 ] || usage
  name=$3 folder=$4
  case $name in '' | *[!A-Za-z0-9._-]* | .*) fail "$name: a name is made of letters, digits, dots, dashes and underscores" 2 ;; esac
  # A system extension is laid over /usr and /opt alone.
  for entry in "$staging"/* "$staging"/.[!.]*; do
    [ -e "$entry" ] || continue
    case ${entry##*/} in usr | opt) ;; *) fail "$entry: a system extension holds usr and opt, and nothing else" ;; esac
  done
  [ ! -e "$folder/$name" ] || fail "$folder/$name is there already" 2
  mkdir -p "$folder"
  partial=$folder/.$name.partial
  rm -rf "$partial"
  cp -a "$staging" "$partial"
  mkdir -p "$partial/usr/lib/extension-release.d"
  printf 'ID=_any\nARCHITECTURE=@arch@\n' >"$partial/usr/lib/extension-release.d/extension-release.$name"
  mv "$partial" "$folder/$name"
  ;;
*) usage ;;
esac
