/* What a kernel for arm would export, and one for arm64 does not. Never compiled. */
EXPORT_SYMBOL(fake_of_arm);

#define EXPORT_ARM(name)	EXPORT_SYMBOL(fake_arm_##name)
EXPORT_ARM(macro);
