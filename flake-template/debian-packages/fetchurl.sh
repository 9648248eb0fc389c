# Fetches the first of $urls that some mirror has: the file itself, by its hash, and not what a mirror has in its place. Nix checks
# again. Run by bash with curl, or, for what those are unpacked from, by busybox.
# mirror://SCHEME/path is tried under every base address in NIX_MIRRORS_SCHEME.
set -eu -o pipefail

# A mirror may have no end. curl refuses what it is told to be larger than its --max-filesize; what turns out to be larger ends here.
# Without that option, the limit is more than any file has.
limit=$((2 << 30))
case " ${curlOptsList:-} " in
*' --max-filesize '*)
  limit=${curlOptsList##*--max-filesize }
  limit=${limit%% *}
  ;;
esac
# Shells count in blocks: bash of 1024 bytes, busybox of 512.
block=${BASH_VERSION:+1024}
block=${block:-512}
blocks=$(((limit + block - 1) / block))
if ! ulimit -f "$blocks" 2>/dev/null; then
  # One that is lower than this already cannot be raised, and does as well.
  lower=$(ulimit -f)
  if [ "$lower" = unlimited ] || [ "$lower" -gt "$blocks" ]; then
    echo "kflake: fetch: unlimited: the size of ${name} cannot be limited to $limit bytes here, and a mirror may have no end" >&2
    exit 1
  fi
fi

sha256_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Whether the file is the one whose hash is asked for. Where that is written in a way that is not known here, Nix decides alone.
is_it() {
  case ${outputHash:-} in
  sha256-*) [ "$(sha256_of "$1")" = "$(printf %s "${outputHash#sha256-}" | base64 -d | od -An -v -tx1 | tr -d ' \n')" ] ;;
  *[!0-9a-f]*) true ;;
  *) [ "${#outputHash}" -ne 64 ] || [ "$(sha256_of "$1")" = "$outputHash" ] ;;
  esac
}

# What became of each try, on one line.
said=
say() { said="$said${said:+; }$1"; }

# The last words of what failed.
error() { tail -n 1 "$NIX_BUILD_TOP/error"; }

# download URL: into $out.part; where it fails, says why. The hash decides, so an unknown certificate authority does not: the sandbox
# has none to compare with.
download() {
  local code status=0
  if ! command -v curl >/dev/null; then
    busybox_download "$1"
    return
  fi
  code=$(curl --insecure --location --silent --show-error --retry 2 --connect-timeout "${NIX_CONNECT_TIMEOUT:-15}" \
    --speed-limit 1024 --speed-time 60 ${NIX_CURL_FLAGS:-} ${curlOptsList:-} --output "$out.part" --write-out '%{http_code}' "$1" 2>"$NIX_BUILD_TOP/error") || status=$?
  case $status:$code in
  0:2?? | 0:000) return 0 ;;
  0:404 | 0:410) say "$1: not there (HTTP $code)" ;;
  0:*) say "$1: HTTP $code" ;;
  37:*) say "$1: no such file" ;;
  153:* | 23:* | 63:*) say "$1: larger than $limit bytes, which ${name} is not" ;;
  6:* | 7:* | 28:* | 35:*) say "$1: not reachable ($(head -n 1 "$NIX_BUILD_TOP/error"))" ;;
  *) say "$1: $(head -n 1 "$NIX_BUILD_TOP/error")" ;;
  esac
  return 1
}

# The same with busybox' wget, which knows no other proxy than http_proxy, and no encryption to one.
busybox_download() {
  local url=$1 why
  case $url in
  http://* | https://*) ;;
  *)
    say "$url: no such file"
    return 1
    ;;
  esac
  ! wget_once "$url" || return 0
  why=$(error)
  if [ -n "${http_proxy:-}" ]; then
    case $url in https://*) ! wget_once "http://${url#*://}" || return 0 ;; esac
    ! wget_once -Y off "$url" || return 0
    why="through the proxy: $why; without it: $(error)"
  fi
  case $why in
  *'error: HTTP/'*' 404'* | *'error: HTTP/'*' 410'*) say "$url: not there ($why)" ;;
  *) say "$url: not reachable ($why)" ;;
  esac
  return 1
}

# A minute without a byte is the end: this wget itself waits for ever.
wget_once() {
  local pid watcher status=0 patience=${NIX_CONNECT_TIMEOUT:-60}
  rm -f "$out.part"
  wget -q -O "$out.part" "$@" 2>"$NIX_BUILD_TOP/error" &
  pid=$!
  (
    before= still=0
    while [ "$still" -lt "$patience" ]; do
      sleep 1
      now=$(wc -c <"$out.part" 2>/dev/null || true)
      if [ "$now" = "$before" ]; then still=$((still + 1)); else still=0; fi
      before=$now
    done
    echo "nothing came for $patience seconds" >>"$NIX_BUILD_TOP/error"
    kill "$pid" 2>/dev/null
  ) >/dev/null 2>&1 &
  watcher=$!
  wait "$pid" || status=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  return "$status"
}

tried=' '
try() {
  local url=$1
  case $tried in *" $url "*) return 0 ;; esac
  tried="$tried$url "
  echo "fetching $url" >&2
  if download "$url"; then
    if is_it "$out.part"; then
      mv "$out.part" "$out"
      exit 0
    fi
    [ -e "$NIX_BUILD_TOP/other" ] || cp "$out.part" "$NIX_BUILD_TOP/other"
    say "$url: another file (sha256 $(sha256_of "$out.part"))"
  fi
  rm -f "$out.part"
}

for url in $urls; do
  case $url in
  mirror://*)
    rest=${url#mirror://}
    scheme=${rest%%/*}
    bases=
    case $scheme in *[!A-Za-z0-9_]*) ;; *) eval "bases=\${NIX_MIRRORS_$scheme:-}" ;; esac
    if [ -z "$bases" ]; then
      say "$url: no mirror is configured for \`$scheme\` (set NIX_MIRRORS_$scheme to one or more base addresses)"
      continue
    fi
    for base in $bases; do try "${base%/}/${rest#*/}"; done
    ;;
  *) try "$url" ;;
  esac
done

# Where there is only another file, Nix says how its hash differs.
if [ -e "$NIX_BUILD_TOP/other" ]; then
  echo "$name: $said" >&2
  mv "$NIX_BUILD_TOP/other" "$out"
  exit 0
fi

echo "kflake: fetch: unavailable: ${name} could not be fetched: $said" >&2
exit 1
