/* What this kernel would export. Never compiled. */
EXPORT_SYMBOL(printk);
EXPORT_SYMBOL_GPL(fake_for_gpl);
EXPORT_SYMBOL_NS(fake_in_namespace, FAKE);
