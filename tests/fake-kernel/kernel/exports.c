/* What this kernel would export. Never compiled. */
EXPORT_SYMBOL(printk);
EXPORT_SYMBOL_GPL(fake_for_gpl);
EXPORT_SYMBOL_NS(fake_in_namespace, FAKE);

int fake_for_kvm(void) { return 3; }
EXPORT_SYMBOL_FOR_MODULES(fake_for_kvm, "kvm,kvm-*");

int fake_for_users(void) { return 4; }
EXPORT_SYMBOL_FOR_MODULES(fake_for_users, "other,us*");

#define DEFINE_OPS(name, type)			\
	struct ops fake_ops_##name = { type };	\
	EXPORT_SYMBOL_GPL(fake_ops_##name)
DEFINE_OPS(int, unsigned (*)(void));

#define define_level(func)	\
void func(void) { }		\
EXPORT_SYMBOL(func);
define_level(fake_warn);

#define EXPORT_FAKE(name)	EXPORT_SYMBOL_NS_GPL(fake_ns_##name, "FAKE_MACRO")
EXPORT_FAKE(one);
#define give_in(name, space)	EXPORT_SYMBOL_NS(name, space)
give_in(fake_ns_two, FAKE_GIVEN);
