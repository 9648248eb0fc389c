/* What this kernel would export. Never compiled. */
EXPORT_SYMBOL(printk);
EXPORT_SYMBOL_GPL(fake_for_gpl);
EXPORT_SYMBOL_NS(fake_in_namespace, FAKE);

#define DEFINE_OPS(name, type)			\
	struct ops fake_ops_##name = { type };	\
	EXPORT_SYMBOL_GPL(fake_ops_##name)
DEFINE_OPS(int, unsigned (*)(void));

#define define_level(func)	\
void func(void) { }		\
EXPORT_SYMBOL(func);
define_level(fake_warn);
