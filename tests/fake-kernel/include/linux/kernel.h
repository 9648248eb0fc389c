#define KERN_NOTICE ""
int printk(const char *format, ...);
