# Reads the fields of an ELF header that tell one architecture from another. Sourced by builders.

# elf_header FILE: sets elf_bits (32, 64), elf_endian (little, big), elf_machine (number), elf_type (number); fails if FILE
# is not ELF.
elf_header() {
  local -a b
  read -r -a b <<<"$(od -An -v -tu1 -N20 "$1" | tr -s '\n ' ' ')"
  [ "${#b[@]}" -eq 20 ] && [ "${b[0]} ${b[1]} ${b[2]} ${b[3]}" = "127 69 76 70" ] || return 1
  elf_bits=$((b[4] * 32))
  if [ "${b[5]}" -eq 2 ]; then
    elf_endian=big elf_type=$((b[16] * 256 + b[17])) elf_machine=$((b[18] * 256 + b[19]))
  else
    elf_endian=little elf_type=$((b[17] * 256 + b[16])) elf_machine=$((b[19] * 256 + b[18]))
  fi
}

# elf_expect STAGE FILE BITS ENDIAN MACHINE: stops the build unless FILE is such an ELF file.
elf_expect() {
  local stage=$1 file=$2 bits=$3 endian=$4 machine=$5
  if ! elf_header "$file"; then
    echo "kflake: $stage: not-elf: $(basename "$file") is not an ELF file" >&2
    exit 1
  fi
  if [ "$elf_bits $elf_endian $elf_machine" != "$bits $endian $machine" ]; then
    echo "kflake: $stage: wrong-machine: $(basename "$file") is $elf_bits-bit $elf_endian-endian machine $elf_machine," \
      "expected $bits-bit $endian-endian machine $machine" >&2
    exit 1
  fi
}
