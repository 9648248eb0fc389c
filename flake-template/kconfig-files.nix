# Symbols that name files for the kernel to hold. A configuration from elsewhere names such as only its own build had; the kernel's
# build then fails near its end. What a configuration report says about them: `clears` is the value that names none. A `list` is of
# several files, `folder` the symbol that names where they are, `made` what the tree makes by itself. `evidence` says where the
# tree reads the file.
{
  ACPI_CUSTOM_DSDT_FILE = {
    clears = ''""'';
    evidence = "drivers/acpi/osl.c or tables.c include it, 2.6.26 to 6.12";
  };
  BOOT_CONFIG_EMBED_FILE = {
    clears = ''""'';
    evidence = "lib/Makefile, from 5.19 on";
  };
  EXTRA_FIRMWARE = {
    clears = ''""'';
    list = true;
    folder = "EXTRA_FIRMWARE_DIR";
    evidence = "firmware/Makefile up to 4.15, drivers/base/firmware_loader/builtin/Makefile since";
  };
  INITRAMFS_SOURCE = {
    clears = ''""'';
    list = true;
    evidence = "usr/Makefile, since 2.6.13";
  };
  MODULE_SIG_KEY = {
    clears = ''"certs/signing_key.pem"'';
    made = [
      "certs/signing_key.pem"
      "signing_key.pem"
    ];
    evidence = "certs/Makefile, from 4.3 on";
  };
  SYSTEM_BLACKLIST_HASH_LIST = {
    clears = ''""'';
    evidence = "certs/Makefile, from 4.11 on";
  };
  SYSTEM_REVOCATION_KEYS = {
    clears = ''""'';
    evidence = "certs/Makefile, from 5.13 on";
  };
  SYSTEM_TRUSTED_KEYS = {
    clears = ''""'';
    evidence = "certs/Makefile, from 4.3 on";
  };
}
