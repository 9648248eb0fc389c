# Symbols that later kernels call otherwise, or no longer have: what a configuration report says about a symbol that a tree
# does not know. `to` is empty where nothing took its place. The versions in `evidence` are trees whose Kconfig files were read.
{
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
  EXPERIMENTAL = {
    to = [ ];
    reason = "dropped in 3.14";
    evidence = "commit \"final removal of CONFIG_EXPERIMENTAL\"; absent from 5.10, 6.1, 6.12";
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
  KEXEC_VERIFY_SIG = {
    to = [ "KEXEC_SIG" ];
    reason = "split in 5.4";
    evidence = "commit \"kexec_file: split KEXEC_VERIFY_SIG into KEXEC_SIG and KEXEC_SIG_FORCE\"; absent from 5.10, 6.1, 6.12";
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
  MTD_M25P80 = {
    to = [ "MTD_SPI_NOR" ];
    reason = "merged into it in 5.2";
    evidence = "commit \"mtd: spi-nor: Move m25p80 code in spi-nor.c\"; absent from 5.10, 6.1, 6.12";
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
  X86_X32 = {
    to = [ "X86_X32_ABI" ];
    reason = "renamed in 5.18";
    evidence = "in the Kconfig files of 5.10; 6.1 and 6.12 have X86_X32_ABI instead";
  };
}
