# Symbols that later kernels call otherwise, or no longer have: what a configuration report says about a symbol that a tree
# does not know. `to` is empty where nothing took its place. The versions in `evidence` are trees whose Kconfig files were read.
{
  ANON_INODES = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  AVERAGE = {
    to = [ ];
    reason = "what needs it has it in a header";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
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
  CGROUP_MEM_RES_CTLR = {
    to = [ "MEMCG" ];
    reason = "renamed in 3.6";
    evidence = "commit \"memcg: rename config variables\"; absent from 5.10, 6.1, 6.12";
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
  EXT3_FS_XATTR = {
    to = [ ];
    reason = "always on, and ext3 is read by EXT4_FS";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  FIRMWARE_IN_KERNEL = {
    to = [ ];
    reason = "dropped with the firmware of the tree; EXTRA_FIRMWARE names files to build in";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
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
  KEXEC_VERIFY_SIG = {
    to = [ "KEXEC_SIG" ];
    reason = "split in 5.4";
    evidence = "commit \"kexec_file: split KEXEC_VERIFY_SIG into KEXEC_SIG and KEXEC_SIG_FORCE\"; absent from 5.10, 6.1, 6.12";
  };
  LBDAF = {
    to = [ ];
    reason = "always on";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  MAC80211_RC_MINSTREL_HT = {
    to = [ "MAC80211_RC_MINSTREL" ];
    reason = "part of it";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have MAC80211_RC_MINSTREL";
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
  NET_ETHERNET = {
    to = [ "ETHERNET" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3; absent from 5.10.223 and 6.1.192, which have ETHERNET";
  };
  NFT_COUNTER = {
    to = [ "NF_TABLES" ];
    reason = "part of it since 5.17";
    evidence = "in the Kconfig files of 5.10, absent from 6.1 and 6.12; NF_TABLES in all three";
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
  RETPOLINE = {
    to = [ "MITIGATION_RETPOLINE" ];
    reason = "renamed in 6.9";
    evidence = "in the Kconfig files of 5.10 and 6.1; 6.12 has MITIGATION_RETPOLINE instead";
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
  SYSCTL_SYSCALL = {
    to = [ ];
    reason = "the system call was dropped; /proc/sys has the same";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192";
  };
  SYSFS_DEPRECATED = {
    to = [ ];
    reason = "dropped in 6.3";
    evidence = "in the Kconfig files of 5.10 and 6.1, absent from 6.12";
  };
  THUNDERBOLT = {
    to = [ "USB4" ];
    reason = "renamed in 5.6";
    evidence = "commit \"thunderbolt: Update Kconfig entries to USB4\"; absent from 5.10, 6.1, 6.12";
  };
  TREE_PREEMPT_RCU = {
    to = [ "PREEMPT_RCU" ];
    reason = "renamed";
    evidence = "in the Kconfig files of 2.6.39.3 and 3.10; absent from 5.10.223 and 6.1.192, which have PREEMPT_RCU";
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
  X86_X32 = {
    to = [ "X86_X32_ABI" ];
    reason = "renamed in 5.18";
    evidence = "in the Kconfig files of 5.10; 6.1 and 6.12 have X86_X32_ABI instead";
  };
}
