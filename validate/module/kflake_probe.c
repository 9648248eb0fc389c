/* Says on the console that it was loaded, and which kernel it was built for. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#ifdef KFLAKE_OLD_UTSRELEASE
#include <linux/utsrelease.h>
#else
#include <generated/utsrelease.h>
#endif

static int __init kflake_probe_init(void)
{
	printk(KERN_NOTICE "kflake-probe: ok release=%s\n", UTS_RELEASE);
	return 0;
}

static void __exit kflake_probe_exit(void)
{
}

module_init(kflake_probe_init);
module_exit(kflake_probe_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The kflake authors");
MODULE_DESCRIPTION("Proves that a module built for this kernel loads into it");
