#include <generated/utsrelease.h>
#include <asm/opcodes.h>
#ifndef FAKE_OPCODE
#error "arm64 borrows this from 32-bit ARM, as real trees do"
#endif
#define FAKE_JOIN2(a, b) a##b
#define FAKE_JOIN(a, b) FAKE_JOIN2(a, b)
#define FAKE_INFO(key, text) \
	static const char FAKE_JOIN(fake_info_, __LINE__)[] __attribute__((used, section(".modinfo"))) = key "=" text
#define module_init(function) \
	int init_module(void) { return function(); } \
	FAKE_INFO("vermagic", UTS_RELEASE " fake")
#define module_exit(function) void cleanup_module(void) { function(); }
#define EXPORT_SYMBOL(name)
#define MODULE_IMPORT_NS(name) FAKE_INFO("import_ns", #name)
#define MODULE_LICENSE(text) FAKE_INFO("license", text)
#define MODULE_AUTHOR(text) FAKE_INFO("author", text)
#define MODULE_DESCRIPTION(text) FAKE_INFO("description", text)
