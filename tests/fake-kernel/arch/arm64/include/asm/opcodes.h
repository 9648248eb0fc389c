/* What arm64 shares with 32-bit ARM. */
#include <../../arm/include/asm/opcodes.h>
