# Symbols that later kernels call otherwise, or no longer have: what a configuration report says about a symbol that a tree
# does not know. `to` is empty where nothing took its place. The versions in `evidence` are trees whose Kconfig files were read.
{
  ACPI_PROC_EVENT = {
    to = [ ];
    reason = "dropped; ACPI's events come by netlink";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  ANON_INODES = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  ARPD = {
    to = [ ];
    reason = "part of INET";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  ATALK = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  AUTOFS4_FS = {
    to = [ "AUTOFS_FS" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12, which have AUTOFS_FS";
  };
  AVERAGE = {
    to = [ ];
    reason = "what needs it has it in a header";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  AX25 = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  BACKLIGHT_GENERIC = {
    to = [ ];
    reason = "the driver was dropped";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  BACKLIGHT_LCD_SUPPORT = {
    to = [ ];
    reason = "LCD_CLASS_DEVICE and BACKLIGHT_CLASS_DEVICE stand by themselves";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  BASE_FULL = {
    to = [ ];
    reason = "BASE_SMALL says the opposite";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  BINFMT_AOUT = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  BLK_DEV_CRYPTOLOOP = {
    to = [ ];
    reason = "dropped; DM_CRYPT does the same";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  BLK_DEV_IDECD = {
    to = [ ];
    reason = "dropped with IDE; BLK_DEV_SR has the drives of ATA";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  BLK_DEV_SR_VENDOR = {
    to = [ ];
    reason = "part of BLK_DEV_SR";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  BT_L2CAP = {
    to = [ ];
    reason = "part of BT";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  BT_SCO = {
    to = [ ];
    reason = "part of BT";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  CC_STACKPROTECTOR = {
    to = [ "STACKPROTECTOR" ];
    reason = "renamed in 4.18";
    evidence = "commit \"Kbuild: rename CC_STACKPROTECTOR[_STRONG] config variables\"; absent from 5.10, 6.1, 6.12";
  };
  CC_STACKPROTECTOR_STRONG = {
    to = [ "STACKPROTECTOR_STRONG" ];
    reason = "renamed in 4.18";
    evidence = "commit \"Kbuild: rename CC_STACKPROTECTOR[_STRONG] config variables\"; absent from 5.10, 6.1, 6.12";
  };
  CDROM_PKTCDVD = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  CFQ_GROUP_IOSCHED = {
    to = [ "BFQ_GROUP_IOSCHED" ];
    reason = "dropped with CFQ; BFQ has the same";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12, which have BFQ_GROUP_IOSCHED";
  };
  CGROUP_MEM_RES_CTLR = {
    to = [ "MEMCG" ];
    reason = "renamed in 3.6";
    evidence = "commit \"memcg: rename config variables\"; absent from 5.10, 6.1, 6.12";
  };
  CIFS_SMB2 = {
    to = [ ];
    reason = "part of CIFS";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  CIFS_STATS = {
    to = [ ];
    reason = "part of CIFS";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  CIFS_WEAK_PW_HASH = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  CPU_FREQ_STAT_DETAILS = {
    to = [ "CPU_FREQ_STAT" ];
    reason = "CPU_FREQ_STAT has the details as well";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have CPU_FREQ_STAT";
  };
  CROSS_COMPILE = {
    to = [ ];
    reason = "make is told, and kflake tells it";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  CRYPTO_MANAGER_DISABLE_TESTS = {
    to = [ ];
    reason = "CRYPTO_SELFTESTS says the opposite";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  CRYPTO_ZLIB = {
    to = [ ];
    reason = "the compressor was dropped; CRYPTO_DEFLATE is another format of the same method";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  DEBUG_RODATA = {
    to = [ "STRICT_KERNEL_RWX" ];
    reason = "renamed in 4.11";
    evidence = "commit \"arch: Rename CONFIG_DEBUG_RODATA and CONFIG_DEBUG_MODULE_RONX\"; absent from 5.10, 6.1, 6.12";
  };
  DEBUG_SET_MODULE_RONX = {
    to = [ "STRICT_MODULE_RWX" ];
    reason = "renamed in 4.11";
    evidence = "commit \"arch: Rename CONFIG_DEBUG_RODATA and CONFIG_DEBUG_MODULE_RONX\"; absent from 5.10, 6.1, 6.12";
  };
  DEBUG_SPINLOCK_SLEEP = {
    to = [ "DEBUG_ATOMIC_SLEEP" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12, which have DEBUG_ATOMIC_SLEEP";
  };
  DEFAULT_CFQ = {
    to = [ ];
    reason = "the scheduler of a disk is chosen at run time";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  DEFAULT_DEADLINE = {
    to = [ ];
    reason = "the scheduler of a disk is chosen at run time";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  DEFAULT_IOSCHED = {
    to = [ ];
    reason = "the scheduler of a disk is chosen at run time";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  DEFAULT_MESSAGE_LOGLEVEL = {
    to = [ "MESSAGE_LOGLEVEL_DEFAULT" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have MESSAGE_LOGLEVEL_DEFAULT";
  };
  DEFAULT_NOOP = {
    to = [ ];
    reason = "the scheduler of a disk is chosen at run time";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  DEFAULT_SECURITY = {
    to = [ ];
    reason = "LSM lists what starts, in order";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have LSM";
  };
  DEVKMEM = {
    to = [ ];
    reason = "/dev/kmem was dropped in 5.13";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12";
  };
  DEVPTS_MULTIPLE_INSTANCES = {
    to = [ ];
    reason = "always so since 4.7";
    evidence = "commit \"devpts: Make each mount of devpts an independent filesystem.\"; absent from 5.10, 6.1, 6.12";
  };
  DRM_AMD_DC_DCN = {
    to = [ "DRM_AMD_DC_FP" ];
    reason = "renamed in 6.3";
    evidence = "in the Kconfig files of 5.10 and 6.1; 6.12 has DRM_AMD_DC_FP instead";
  };
  EFI_VARS = {
    to = [ "EFIVAR_FS" ];
    reason = "replaced by efivarfs; dropped in 6.0";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12; EFIVAR_FS in all three";
  };
  EMBEDDED = {
    to = [ ];
    reason = "dropped; EXPERT shows the same questions";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  ENABLE_MUST_CHECK = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  ENABLE_WARN_DEPRECATED = {
    to = [ ];
    reason = "the warning was dropped";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  EXPERIMENTAL = {
    to = [ ];
    reason = "dropped in 3.14";
    evidence = "commit \"final removal of CONFIG_EXPERIMENTAL\"; absent from 5.10, 6.1, 6.12";
  };
  EXT2_FS_XIP = {
    to = [ "FS_DAX" ];
    reason = "DAX took its place";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12, which have FS_DAX";
  };
  EXT3_DEFAULTS_TO_ORDERED = {
    to = [ ];
    reason = "dropped; the mount option data= says it";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  EXT3_FS = {
    to = [ ];
    reason = "dropped; EXT4_FS mounts ext3";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  EXT3_FS_POSIX_ACL = {
    to = [ ];
    reason = "dropped; EXT4_FS_POSIX_ACL has them for ext3";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  EXT3_FS_SECURITY = {
    to = [ ];
    reason = "dropped; EXT4_FS_SECURITY has them for ext3";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  EXT3_FS_XATTR = {
    to = [ ];
    reason = "always on, and ext3 is read by EXT4_FS";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  EXT4_FS_XATTR = {
    to = [ ];
    reason = "part of EXT4_FS";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  FIRMWARE_IN_KERNEL = {
    to = [ ];
    reason = "dropped with the firmware of the tree; EXTRA_FIRMWARE names files to build in";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  FORCE_MAX_ZONEORDER = {
    to = [ "ARCH_FORCE_MAX_ORDER" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12, which have ARCH_FORCE_MAX_ORDER";
  };
  HEADERS_CHECK = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  HOTPLUG = {
    to = [ ];
    reason = "always on, and dropped in 3.16";
    evidence = "commit \"Finally eradicate CONFIG_HOTPLUG\"; absent from 5.10, 6.1, 6.12";
  };
  IDE = {
    to = [ "ATA" ];
    reason = "the old drivers were dropped in 5.14; libata has the hardware";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12; ATA in all three";
  };
  INET6_XFRM_MODE_BEET = {
    to = [ ];
    reason = "part of INET6_ESP and its like";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  INET6_XFRM_MODE_ROUTEOPTIMIZATION = {
    to = [ ];
    reason = "part of IPV6_MIP6";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  INET6_XFRM_MODE_TRANSPORT = {
    to = [ ];
    reason = "part of INET6_ESP and its like";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  INET6_XFRM_MODE_TUNNEL = {
    to = [ ];
    reason = "part of INET6_ESP and its like";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  INET_LRO = {
    to = [ ];
    reason = "dropped; GRO took its place, and is always on";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  INET_XFRM_MODE_BEET = {
    to = [ ];
    reason = "part of INET_ESP and its like";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  INET_XFRM_MODE_TRANSPORT = {
    to = [ ];
    reason = "always built in since 5.2";
    evidence = "commit \"xfrm: make xfrm modes builtin\"; absent from 5.10, 6.1, 6.12";
  };
  INET_XFRM_MODE_TUNNEL = {
    to = [ ];
    reason = "always built in since 5.2";
    evidence = "commit \"xfrm: make xfrm modes builtin\"; absent from 5.10, 6.1, 6.12";
  };
  INOTIFY = {
    to = [ ];
    reason = "dropped; INOTIFY_USER is what programs use";
    evidence = "in the Kconfig files of 2.6.31; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  IOSCHED_CFQ = {
    to = [ "IOSCHED_BFQ" ];
    reason = "the schedulers of one queue were dropped in 5.0; BFQ is the nearest";
    evidence = "commit \"block: remove legacy IO schedulers\"; absent from 5.10, 6.1, 6.12";
  };
  IOSCHED_DEADLINE = {
    to = [ "MQ_IOSCHED_DEADLINE" ];
    reason = "the schedulers of one queue were dropped in 5.0";
    evidence = "commit \"block: remove legacy IO schedulers\"; absent from 5.10, 6.1, 6.12";
  };
  IOSCHED_NOOP = {
    to = [ ];
    reason = "always there, as the scheduler none";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  IP6_NF_QUEUE = {
    to = [ ];
    reason = "dropped; NETFILTER_NETLINK_QUEUE took its place";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  IP6_NF_TARGET_LOG = {
    to = [ ];
    reason = "NETFILTER_XT_TARGET_LOG has it for IPv6 too";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  IPV6_PRIVACY = {
    to = [ ];
    reason = "part of IPV6";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  IPX = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  IP_DCCP = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  IP_NF_MATCH_ADDRTYPE = {
    to = [ "NETFILTER_XT_MATCH_ADDRTYPE" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.31 and 2.6.36; absent from 3.10.108, 4.9.337 and 7.2.12, which have NETFILTER_XT_MATCH_ADDRTYPE";
  };
  IP_NF_QUEUE = {
    to = [ ];
    reason = "dropped; NETFILTER_NETLINK_QUEUE took its place";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  IP_NF_TARGET_CLUSTERIP = {
    to = [ ];
    reason = "dropped; NETFILTER_XT_MATCH_CLUSTER took its place";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  IP_NF_TARGET_LOG = {
    to = [ "NETFILTER_XT_TARGET_LOG" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12, which have NETFILTER_XT_TARGET_LOG";
  };
  IP_NF_TARGET_ULOG = {
    to = [ ];
    reason = "dropped; NETFILTER_XT_TARGET_NFLOG took its place";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  IRDA = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  JBD = {
    to = [ ];
    reason = "dropped; EXT4_FS mounts ext3, with JBD2";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  KEXEC_VERIFY_SIG = {
    to = [ "KEXEC_SIG" ];
    reason = "split in 5.4";
    evidence = "commit \"kexec_file: split KEXEC_VERIFY_SIG into KEXEC_SIG and KEXEC_SIG_FORCE\"; absent from 5.10, 6.1, 6.12";
  };
  KEYS_DEBUG_PROC_KEYS = {
    to = [ ];
    reason = "/proc/keys is always there with KEYS";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  LBDAF = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  LEDS_TRIGGER_IDE_DISK = {
    to = [ "LEDS_TRIGGER_DISK" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12, which have LEDS_TRIGGER_DISK";
  };
  LIBCRC32C = {
    to = [ "CRC32" ];
    reason = "merged into it";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12, which has CRC32";
  };
  MAC80211_RC_MINSTREL_HT = {
    to = [ "MAC80211_RC_MINSTREL" ];
    reason = "part of it";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have MAC80211_RC_MINSTREL";
  };
  MAC80211_RC_MINSTREL_VHT = {
    to = [ ];
    reason = "part of MAC80211_RC_MINSTREL";
    evidence = "in the Kconfig files of 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  MAC80211_RC_PID = {
    to = [ ];
    reason = "dropped; MAC80211_RC_MINSTREL took its place";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  MANDATORY_FILE_LOCKING = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  MD_MULTIPATH = {
    to = [ ];
    reason = "dropped; DM_MULTIPATH took its place";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  MEMCG_KMEM = {
    to = [ ];
    reason = "always on with MEMCG since 6.11";
    evidence = "in the Kconfig files of 5.10 and 6.1, absent from 6.12";
  };
  MEMCG_SWAP = {
    to = [ ];
    reason = "always on with MEMCG and SWAP since 6.1";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12";
  };
  MICROCODE_AMD = {
    to = [ ];
    reason = "part of MICROCODE";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  MICROCODE_INTEL = {
    to = [ ];
    reason = "part of MICROCODE";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  MISC_DEVICES = {
    to = [ ];
    reason = "only a menu's switch; its drivers stand by themselves";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  MMC_BLOCK_BOUNCE = {
    to = [ ];
    reason = "dropped: hosts that need it ask for it";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  MTD_CHAR = {
    to = [ ];
    reason = "part of MTD";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192";
  };
  MTD_CONCAT = {
    to = [ ];
    reason = "part of MTD";
    evidence = "in the Kconfig files of 2.6.31 and 2.6.36; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  MTD_M25P80 = {
    to = [ "MTD_SPI_NOR" ];
    reason = "merged into it in 5.2";
    evidence = "commit \"mtd: spi-nor: Move m25p80 code in spi-nor.c\"; absent from 5.10, 6.1, 6.12";
  };
  MTD_NAND = {
    to = [ "MTD_RAW_NAND" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have MTD_RAW_NAND";
  };
  MTD_NAND_IDS = {
    to = [ ];
    reason = "part of MTD_RAW_NAND";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  MTD_PARTITIONS = {
    to = [ ];
    reason = "part of MTD";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192";
  };
  NETDEV_1000 = {
    to = [ ];
    reason = "only a menu's switch; drivers stand below their makers, as NET_VENDOR_INTEL";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  NETDEV_10000 = {
    to = [ ];
    reason = "only a menu's switch; drivers stand below their makers, as NET_VENDOR_INTEL";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  NET_CLS_RSVP = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NET_CLS_TCINDEX = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NET_ETHERNET = {
    to = [ "ETHERNET" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192, which have ETHERNET";
  };
  NET_PCI = {
    to = [ ];
    reason = "only a menu's switch; drivers stand below their makers, as NET_VENDOR_INTEL";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  NET_SCH_CBQ = {
    to = [ ];
    reason = "dropped; NET_SCH_HTB is the nearest";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NET_SCH_DSMARK = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NFSD_V3 = {
    to = [ ];
    reason = "part of NFSD";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NFS_V4_1 = {
    to = [ ];
    reason = "part of NFS_V4";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  NFT_CHAIN_NAT_IPV4 = {
    to = [ ];
    reason = "part of NFT_NAT";
    evidence = "in the Kconfig files of 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NFT_CHAIN_NAT_IPV6 = {
    to = [ ];
    reason = "part of NFT_NAT";
    evidence = "in the Kconfig files of 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NFT_COUNTER = {
    to = [ "NF_TABLES" ];
    reason = "part of it since 5.17";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12; NF_TABLES in all three";
  };
  NFT_META = {
    to = [ ];
    reason = "part of NF_TABLES";
    evidence = "in the Kconfig files of 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  NFT_OBJREF = {
    to = [ "NF_TABLES" ];
    reason = "part of it since 6.2";
    evidence = "in the Kconfig files of 5.10 and 6.1, absent from 6.12; NF_TABLES in all three";
  };
  NF_CONNTRACK_IPV4 = {
    to = [ "NF_CONNTRACK" ];
    reason = "merged into it in 4.19";
    evidence = "commit \"netfilter: conntrack: remove l3proto abstraction\"; absent from 5.10, 6.1, 6.12";
  };
  NF_CONNTRACK_IPV6 = {
    to = [ "NF_CONNTRACK" ];
    reason = "merged into it in 4.19";
    evidence = "commit \"netfilter: conntrack: remove l3proto abstraction\"; absent from 5.10, 6.1, 6.12";
  };
  NF_CONNTRACK_PROC_COMPAT = {
    to = [ ];
    reason = "the old files in /proc were dropped";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  NF_NAT_IPV4 = {
    to = [ "NF_NAT" ];
    reason = "merged into it in 5.1";
    evidence = "commit \"netfilter: nat: merge nf_nat_ipv4,6 into nat core\"; absent from 5.10, 6.1, 6.12";
  };
  NF_NAT_IPV6 = {
    to = [ "NF_NAT" ];
    reason = "merged into it in 5.1";
    evidence = "commit \"netfilter: nat: merge nf_nat_ipv4,6 into nat core\"; absent from 5.10, 6.1, 6.12";
  };
  OPROFILE = {
    to = [ ];
    reason = "dropped; PERF_EVENTS took its place";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  OPTIMIZE_INLINING = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  OVERLAYFS_FS = {
    to = [ "OVERLAY_FS" ];
    reason = "called so outside the kernel, before it was taken in";
    evidence = "in configurations of vendors' kernels; in none of 2.6.39.3, 3.10, 5.10.223, 6.1.192, which have OVERLAY_FS";
  };
  PAGE_TABLE_ISOLATION = {
    to = [ "MITIGATION_PAGE_TABLE_ISOLATION" ];
    reason = "renamed in 6.9";
    evidence = "in the Kconfig files of 5.10 and 6.1; 6.12 has MITIGATION_PAGE_TABLE_ISOLATION instead";
  };
  PM_RUNTIME = {
    to = [ ];
    reason = "part of PM";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  PROC_DEVICETREE = {
    to = [ ];
    reason = "always there with OF and PROC_FS";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  RANDOM_TRUST_BOOTLOADER = {
    to = [ ];
    reason = "always on; random.trust_bootloader=0 turns it off";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  RANDOM_TRUST_CPU = {
    to = [ ];
    reason = "always on; random.trust_cpu=0 turns it off";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  RAW_DRIVER = {
    to = [ ];
    reason = "dropped in 5.14; O_DIRECT does the same";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12";
  };
  REFCOUNT_FULL = {
    to = [ ];
    reason = "always full since 5.5";
    evidence = "commit \"locking/refcount: Consolidate implementations of refcount_t\"; absent from 5.10, 6.1, 6.12";
  };
  REISERFS_FS = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  RETPOLINE = {
    to = [ "MITIGATION_RETPOLINE" ];
    reason = "renamed in 6.9";
    evidence = "in the Kconfig files of 5.10 and 6.1; 6.12 has MITIGATION_RETPOLINE instead";
  };
  SCHED_DEBUG = {
    to = [ ];
    reason = "always on with DEBUG_FS";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  SCSI_MULTI_LUN = {
    to = [ ];
    reason = "always on; scsi_mod.max_luns=1 turns it off";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  SECURITY_APPARMOR_BOOTPARAM_VALUE = {
    to = [ ];
    reason = "LSM lists what starts, in order";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  SECURITY_SELINUX_DISABLE = {
    to = [ ];
    reason = "dropped; selinux=0 turns it off";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  SLAB = {
    to = [ "SLUB" ];
    reason = "dropped in 6.8; SLUB is the allocator";
    evidence = "in the Kconfig files of 5.10 and 6.1, absent from 6.12; SLUB in all three";
  };
  SLOB = {
    to = [ "SLUB_TINY" ];
    reason = "dropped in 6.4";
    evidence = "in the Kconfig files of 5.10 and 6.1; 6.12 has SLUB_TINY instead";
  };
  SMB_FS = {
    to = [ ];
    reason = "dropped; CIFS took its place";
    evidence = "in the Kconfig files of 2.6.31 and 2.6.36; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  SOUND_PRIME = {
    to = [ ];
    reason = "dropped with the drivers of OSS; SND_PCM_OSS and SND_MIXER_OSS have its devices";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  SYSCTL_SYSCALL = {
    to = [ ];
    reason = "the system call was dropped; /proc/sys has the same";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  SYSCTL_SYSCALL_CHECK = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  SYSFS_DEPRECATED = {
    to = [ ];
    reason = "dropped in 6.3";
    evidence = "in the Kconfig files of 5.10 and 6.1, absent from 6.12";
  };
  SYSFS_DEPRECATED_V2 = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 5.10.223 and 6.1.192; absent from 6.12.117 and 7.2.12";
  };
  SYSV_FS = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  THUNDERBOLT = {
    to = [ "USB4" ];
    reason = "renamed in 5.6";
    evidence = "commit \"thunderbolt: Update Kconfig entries to USB4\"; absent from 5.10, 6.1, 6.12";
  };
  TIMER_STATS = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 3.10.108 and 4.9.337; absent from 5.10.223, 6.1.192 and 7.2.12";
  };
  TREE_PREEMPT_RCU = {
    to = [ "PREEMPT_RCU" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have PREEMPT_RCU";
  };
  UIO_PDRV = {
    to = [ ];
    reason = "UIO_PDRV_GENIRQ does the same";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  UNUSED_SYMBOLS = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 4.9.337 and 5.10.223; absent from 6.1.192, 6.12.117 and 7.2.12";
  };
  USB_DEVICEFS = {
    to = [ ];
    reason = "dropped; /dev/bus/usb has the same";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192";
  };
  USB_DEVICE_CLASS = {
    to = [ ];
    reason = "dropped; sysfs has the same";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192";
  };
  USB_LIBUSUAL = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  USB_SUSPEND = {
    to = [ ];
    reason = "part of PM";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 3.10.108, 4.9.337 and 7.2.12";
  };
  USELIB = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 6.1.192 and 6.12.117; absent from 7.2.12";
  };
  VIDEO_OUTPUT_CONTROL = {
    to = [ ];
    reason = "nothing took its place";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10.108; absent from 4.9.337, 5.10.223 and 7.2.12";
  };
  X86_X32 = {
    to = [ "X86_X32_ABI" ];
    reason = "renamed in 5.18";
    evidence = "in the Kconfig files of 5.10; 6.1 and 6.12 have X86_X32_ABI instead";
  };
}
