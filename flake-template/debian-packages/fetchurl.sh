# Fetches the first of $urls that some mirror has: the file itself, by its hash, and not what a mirror has in its place. Nix checks
# again.
# mirror://SCHEME/path is tried under every base address in NIX_MIRRORS_SCHEME.
set -eu -o pipefail

# No file that is fetched here is as large as this, in KiB; a mirror may have no end.
ulimit -f $((8 * 1024 * 1024)) 2>/dev/null || true

# Whether the file is the one whose hash is asked for. Where that is written in a way that is not known here, Nix decides alone.
is_it() {
  local hex bytes= i
  case ${outputHash:-} in
  sha256-*)
    hex=$(sha256sum <"$1")
    for ((i = 0; i < 64; i += 2)); do bytes="$bytes\\x${hex:i:2}"; done
    [ "$(printf '%b' "$bytes" | base64)" = "${outputHash#sha256-}" ]
    ;;
  *) true ;;
  esac
}

# What became of each try, on one line.
said=
say() { said="$said${said:+; }$1"; }

tried=' '
try() {
  local url=$1 code status
  case $tried in *" $url "*) return 0 ;; esac
  tried="$tried$url "
  echo "fetching $url" >&2
  # The hash decides, so an unknown certificate authority does not: the sandbox has none to compare with.
  set +e
  code=$(curl --insecure --location --silent --show-error --retry 2 --connect-timeout "${NIX_CONNECT_TIMEOUT:-15}" \
    --speed-limit 1024 --speed-time 60 ${NIX_CURL_FLAGS:-} --output "$out.part" --write-out '%{http_code}' "$url" 2>"$NIX_BUILD_TOP/error")
  status=$?
  set -e
  case $status:$code in
  0:2?? | 0:000)
    if is_it "$out.part"; then
      mv "$out.part" "$out"
      exit 0
    fi
    [ -e "$NIX_BUILD_TOP/other" ] || cp "$out.part" "$NIX_BUILD_TOP/other"
    say "$url: another file (sha256 $(sha256sum <"$out.part" | cut -d ' ' -f 1))"
    ;;
  0:404 | 0:410) say "$url: not there (HTTP $code)" ;;
  0:*) say "$url: HTTP $code" ;;
  37:*) say "$url: no such file" ;;
  153:* | 23:*) say "$url: larger than any file that is fetched" ;;
  6:* | 7:* | 28:* | 35:*) say "$url: not reachable ($(head -n 1 "$NIX_BUILD_TOP/error"))" ;;
  *) say "$url: $(head -n 1 "$NIX_BUILD_TOP/error")" ;;
  esac
  rm -f "$out.part"
}

for url in $urls; do
  case $url in
  mirror://*)
    rest=${url#mirror://}
    scheme=${rest%%/*}
    variable=NIX_MIRRORS_$scheme
    bases=${!variable:-}
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
