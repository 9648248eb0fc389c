# The environment of a kernel's build as a folder, for image.nix: bin, include, lib/pkgconfig and, where there is one, terminfo.

image_fail() {
  echo "kflake: image: $1: $2" >&2
  exit 1
}

# Every program that PATH finds, by the name that it is found by.
link_programs() {
  local dir program
  mkdir -p "$out/bin"
  for dir in ${PATH//:/ }; do
    for program in "$dir"/*; do
      [ -f "$program" ] && [ -x "$program" ] || continue
      [ -e "$out/bin/${program##*/}" ] || ln -s "$program" "$out/bin/${program##*/}"
    done
  done
  for program in sh env make gcc perl python3; do
    [ -x "$out/bin/$program" ] || image_fail no-program "the package set has no $program"
  done
}

# say_exports PATTERN: the variables of that kind, as a shell would set them.
say_exports() {
  local name
  compgen -e | LC_ALL=C sort | while read -r name; do
    # shellcheck disable=SC2254 # a pattern
    case $name in $1) printf 'export %s=%q\n' "$name" "${!name}" ;; esac
  done
}

# wrap PROGRAM PATTERN: the program, with those variables set wherever it is started.
wrap() {
  local program
  program=$(type -P "$1") || return 0
  rm -f "$out/bin/$1"
  {
    echo "#!$(type -P bash)"
    shopt -s extglob
    say_exports "$2"
    [ "$1" != pkg-config ] || echo "export PKG_CONFIG_PATH=$out/lib/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
    echo "exec $program \"\$@\""
  } >"$out/bin/$1"
  chmod 555 "$out/bin/$1"
}

# Links to what is in the folders, the first of each name.
link_files() {
  local to=$1 dir file
  shift
  mkdir -p "$to"
  for dir; do
    for file in "$dir"/*; do
      [ ! -e "$file" ] || [ -e "$to/${file##*/}" ] || ln -s "$file" "$to/${file##*/}"
    done
  done
}

make_environment() {
  local words word dirs=() packages=() terminfo
  link_programs
  for word in gcc cc g++ c++ cpp; do
    wrap "$word" 'NIX_@(CFLAGS|CXXSTDLIB|LDFLAGS|CC_WRAPPER|BINTOOLS_WRAPPER|HARDENING_ENABLE)*'
  done
  wrap pkg-config '@(PKG_CONFIG_PATH|NIX_PKG_CONFIG_WRAPPER)*'
  # What looks for headers by itself looks in /usr/include: the kernel's test for ncurses does.
  words="${NIX_CFLAGS_COMPILE:-} ${NIX_CFLAGS_COMPILE_FOR_BUILD:-}"
  for word in $words; do
    case $word in "$NIX_STORE"/*/include) dirs+=("$word") ;; esac
  done
  link_files "$out/include" "${dirs[@]}"
  for word in ${NIX_LDFLAGS:-} ${NIX_LDFLAGS_FOR_BUILD:-}; do
    case $word in -L"$NIX_STORE"/*) packages+=("${word#-L}/pkgconfig") ;; esac
  done
  for word in "${dirs[@]}"; do packages+=("${word%/include}/lib/pkgconfig"); done
  link_files "$out/lib/pkgconfig" "${packages[@]}"
  for terminfo in "$ncurses/share/terminfo" "$ncurses/lib/terminfo"; do
    if [ -n "$ncurses" ] && [ -d "$terminfo" ]; then ln -sfn "$(realpath "$terminfo")" "$out/terminfo"; fi
  done
}
