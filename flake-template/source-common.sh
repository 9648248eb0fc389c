# What the builders from source share.

source_fail() {
  echo "kflake: toolchain: $1: $2" >&2
  exit 1
}

# at_least VERSION BOUND
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# What C of another decade needs of a host compiler: the language as it was, tentative definitions in headers, which gcc 10 refused,
# and what gcc 14 made errors (undeclared functions, pointers of other types).
old_c_flags() {
  local major
  major=$(gcc -dumpversion)
  printf '%s' "-O2 -std=$1 -fcommon -w"
  if [ "${major%%.*}" -ge 14 ]; then printf ' -fpermissive'; fi
}

jobs() { if [ "${NIX_BUILD_CORES:-0}" -gt 0 ]; then echo "$NIX_BUILD_CORES"; else nproc; fi; }

# unpack ARCHIVE DIR [PATCH...]: the archive's only top folder becomes DIR.
unpack() {
  local archive=$1 dir=$2 patch
  shift 2
  mkdir "$dir"
  tar -xf "$archive" -C "$dir" --strip-components=1 --no-same-owner || source_fail bad-archive "$(basename "$archive") could not be unpacked"
  [ -e "$dir/configure" ] || [ -e "$dir/Makefile" ] || source_fail bad-archive "$(basename "$archive") has neither configure nor Makefile at its top"
  for patch in "$@"; do
    [ -f "$patch" ] || source_fail patches-missing "musl-cross-make's $(basename "$(dirname "$patch")")/$(basename "$patch") is not here: give the flake its musl-cross-make input"
    (cd "$dir" && patch -s -p1 <"$patch") || source_fail patch-rejected "$(basename "$patch") does not apply to $(basename "$archive")"
  done
}

# heartbeat LOG: a word now and then while the log grows, so that a slow build is not taken for one that hangs.
heartbeat() {
  local lines before=0
  # the sleep that is under way when this is ended must not keep the builder's output open
  while sleep 120 >/dev/null 2>&1; do
    lines=$(wc -l <"$1")
    [ "$lines" -eq "$before" ] || echo "... $lines lines of output"
    before=$lines
  done
}

# quietly LOG COMMAND...: keeps the output out of the way, and shows its end when the command fails.
quietly() {
  local log=$NIX_BUILD_TOP/$1.log watcher status=0
  shift
  echo "+ $*" | cut -c -300
  : >"$log"
  heartbeat "$log" &
  watcher=$!
  "$@" >"$log" 2>&1 || status=$?
  kill "$watcher"
  if [ "$status" -ne 0 ]; then
    grep -nE '(error|Error|undefined|No rule|not found|cannot)' "$log" | head -n 20 >&2 || true
    tail -n 60 "$log" >&2
  fi
  return "$status"
}
