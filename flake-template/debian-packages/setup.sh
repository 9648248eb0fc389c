# The build environment of mkDerivation: phases, hooks and little else.
set -eu -o pipefail
export PATH SHELL HOME=/homeless-shelter LC_ALL=C TZ=UTC
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1}
umask 022
: "${outputs:=out}"

# Headers and libraries of the inputs, for what the host's compiler builds.
NIX_CFLAGS_COMPILE=${NIX_CFLAGS_COMPILE:-} NIX_LDFLAGS=${NIX_LDFLAGS:-}
for input in ${inputs:-}; do
  if [ -e "$input/nix-support/development" ]; then
    NIX_CFLAGS_COMPILE+=" -isystem $input/include"
    NIX_LDFLAGS+=" -L$input/lib -Wl,-rpath,$input/lib -Wl,-rpath-link,$input/lib"
  fi
done
unset input
export NIX_CFLAGS_COMPILE NIX_LDFLAGS

# patchShebangs [--build|--host] PATH...: scripts name their interpreter by the path that PATH finds it by.
patchShebangs() {
  local file first program arguments found
  while [ $# -gt 0 ]; do case $1 in --*) shift ;; *) break ;; esac done
  find "$@" -type f -perm -0100 | while read -r file; do
    [ "$(head -c 2 "$file" | tr -d '\0')" = '#!' ] || continue
    IFS= read -r first <"$file" || true
    read -r program arguments <<<"${first#\#!}"
    case $program in
    "$NIX_STORE"/*) continue ;;
    */env)
      # shellcheck disable=SC2086 # words
      set -- $arguments
      if [ "${1:-}" = -S ]; then shift; fi
      [ $# -gt 0 ] || continue
      program=$1
      shift
      arguments=$*
      ;;
    esac
    found=$(command -v "${program##*/}") || continue
    sed -i "1s|.*|#!$found${arguments:+ $arguments}|" "$file"
  done
}

runHook() {
  local hook=$1
  if declare -F "$hook" >/dev/null; then "$hook"; elif [ -n "${!hook:-}" ]; then eval "${!hook}"; fi
}

runPhase() {
  local phase=$1
  if [ -n "${!phase:-}" ]; then eval "${!phase}"; else "$phase"; fi
}

unpackPhase() {
  runHook preUnpack
  if [ -n "${src:-}" ]; then
    if [ -d "$src" ]; then
      cp -r --no-preserve=ownership "$src" source
      chmod -R u+w source
    else
      mkdir source
      tar -xf "$src" -C source --strip-components=1 --no-same-owner
    fi
    cd "${sourceRoot:-source}"
  fi
  runHook postUnpack
}

patchPhase() {
  runHook prePatch
  local patch
  for patch in ${patches:-}; do patch -p1 <"$patch"; done
  runHook postPatch
}

configurePhase() { runHook preConfigure; runHook postConfigure; }

buildPhase() {
  runHook preBuild
  if [ -e Makefile ] || [ -e makefile ] || [ -e GNUmakefile ]; then make -j"$NIX_BUILD_CORES" ${makeFlags:-}; fi
  runHook postBuild
}

installPhase() { runHook preInstall; runHook postInstall; }

if [ -n "${buildCommandPath:-}" ]; then
  . "$buildCommandPath"
elif [ -n "${buildCommand:-}" ]; then
  eval "$buildCommand"
else
  for phase in ${phases:-unpackPhase patchPhase configurePhase buildPhase installPhase}; do
    case $phase in
    unpackPhase) [ -z "${dontUnpack:-}" ] || continue ;;
    configurePhase) [ -z "${dontConfigure:-}" ] || continue ;;
    buildPhase) [ -z "${dontBuild:-}" ] || continue ;;
    installPhase) [ -z "${dontInstall:-}" ] || continue ;;
    esac
    runPhase "$phase"
  done
fi
