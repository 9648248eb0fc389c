# The step of linuxHeaders in mk-source-toolchain.nix. Reads the derivation's environment.

build_linux_headers() {
  unpack "$linuxSource" linux
  mkdir -p "$out"
  quietly linux-headers make -C linux ARCH="$linuxArch" INSTALL_HDR_PATH="$out" headers_install ||
    source_fail compile "kernel headers could not be installed for $linuxArch"
  find "$out" \( -name '.install' -o -name '..install.cmd' -o -name '.*.cmd' \) -delete
  [ -f "$out/include/linux/limits.h" ] || source_fail bad-archive "$(basename "$linuxSource") gave no include/linux/limits.h"
}
