# The vermagic that the kernel in $kernelDev asks of modules: by its own word, else as its headers spell it for its configuration, read
# by $cc; empty where they cannot be asked so simply. Sourced by builders.
expected_vermagic() {
  if [ -s "$kernelDev/vermagic" ]; then
    printf '%s' "$(<"$kernelDev/vermagic")"
    return
  fi
  local srcarch=$linuxArch header=asm/vermagic.h
  [ -d "$kernelDev/arch/$srcarch" ] || case $linuxArch in i386 | x86_64) srcarch=x86 ;; sparc64) srcarch=sparc ;; esac
  [ -f "$kernelDev/arch/$srcarch/include/asm/vermagic.h" ] || [ -f "$kernelDev/include/asm-generic/vermagic.h" ] || header=asm/module.h
  printf '#define INCLUDE_VERMAGIC\n#include <%s>\n#include <linux/vermagic.h>\nkflake_vermagic VERMAGIC_STRING\n' "$header" >vermagic.c
  $cc -E -P -nostdinc -D__KERNEL__ -DMODULE -I"$kernelDev/arch/$srcarch/include" -I"$kernelDev/arch/$srcarch/include/generated" \
    -I"$kernelDev/include" -I"$kernelDev/arch/$srcarch/include/uapi" -I"$kernelDev/arch/$srcarch/include/generated/uapi" \
    -I"$kernelDev/include/uapi" -I"$kernelDev/include/generated/uapi" -include "$kernelDev/include/generated/autoconf.h" vermagic.c 2>/dev/null |
    perl -e '
      local $/;
      my $text = <STDIN> // "";
      # string literals beside each other, and nothing else
      exit 0 unless $text =~ /kflake_vermagic\s*((?:"[^"\\]*"\s*)+)\z/;
      print join "", $1 =~ /"([^"]*)"/g;
    ' || true
}
