/* Plays a boot on the serial port of QEMU's arm64 `virt` machine, then turns it off. */
#include <generated/utsrelease.h>

#if defined(BEHAVIOUR_gcc_12_only) && __GNUC__ != 12
#error "for gcc 12"
#endif

#define SERIAL ((volatile unsigned int *)0x09000000)
#define SYSTEM_OFF 0x84000008UL
#define SYSTEM_RESET 0x84000009UL

__asm__(".section .text.start, \"ax\"\n"
	".global start\n"
	"start: adr x9, start\n"
	"	add x9, x9, #0x100000\n"
	"	mov sp, x9\n"
	"	bl boot\n"
	"1:	wfi\n"
	"	b 1b\n"
	".text\n");

static void say(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			*SERIAL = '\r';
		*SERIAL = *text;
	}
}

/* Power state calls, as the machine's firmware takes them. */
static void firmware(unsigned long call)
{
	register unsigned long x0 __asm__("x0") = call;

	__asm__ volatile("hvc #0" : "+r"(x0) : : "memory");
}

static void forever(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

static void __attribute__((unused)) panic(const char *why)
{
	say("[    0.000003] Kernel panic - not syncing: ");
	say(why);
	say("\n");
	firmware(SYSTEM_RESET);
	forever();
}

#ifdef BEHAVIOUR_irreproducible
const char built[] __attribute__((used)) = BUILT;
#endif
#ifdef BEHAVIOUR_own_vermagic
const char vermagic[] __attribute__((used)) = "\0" UTS_RELEASE " fake own";
#endif
#ifdef BEHAVIOUR_wrong_machine
#define MACHINE "mips"
#else
#define MACHINE "aarch64"
#endif
#ifdef BEHAVIOUR_wrong_release
#define RELEASE "5.5.5"
#else
#define RELEASE UTS_RELEASE
#endif
#ifdef BEHAVIOUR_wrong_uname
#define UNAME "5.5.5"
#else
#define UNAME UTS_RELEASE
#endif
/* What a kernel's uname takes its answer from. */
const struct { char nodename[65], release[65]; } uts __attribute__((used)) = { "(none)", UNAME };
#ifdef BEHAVIOUR_no_module
#define MODULE "error-8"
#define LOADED "0"
#else
#define MODULE "loaded"
#define LOADED count()
#endif

/* What follows this text in the initramfs, which QEMU loads half way up the machine's 256 MiB; nothing where it is not there. */
static const char *find(const char *text)
{
	const char *at = (const char *)0x48000000;
	int i, n;

	for (i = 0; i < 4 << 20; i++) {
		for (n = 0; text[n] && at[i + n] == text[n]; n++)
			;
		if (!text[n])
			return at + i + n;
	}
	return 0;
}

/* One of init's lines; what is no init's has another nonce. */
static void __attribute__((unused)) mark(const char *who, const char *nonce, const char *words)
{
	char line[33];
	int i;

	for (i = 0; i < 32; i++)
		line[i] = nonce[i];
	line[32] = 0;
	say("\n");
	say(who);
	say(": ");
	say(line);
	say(words);
	say("\n");
}

/* Two texts as one. */
static const char *words(const char *first, const char *second)
{
	static char text[256];
	char *to = text;

	while (*first)
		*to++ = *first++;
	while ((*to++ = *second++))
		;
	return text;
}

/* How many modules the initramfs brings, as a number in words. */
static const char *__attribute__((unused)) count(void)
{
	static char text[] = "....";
	char name[] = "kflake_" "module.0000.ko";
	int n, i, j, at;

	for (n = 0;; n++) {
		for (i = n, at = 4; at > 0 && (i > 0 || at == 4); i /= 10)
			text[--at] = '0' + i % 10;
		for (j = 0; at + j < 4; j++)
			name[14 + j] = text[at + j];
		name[14 + j] = '.', name[15 + j] = 'k', name[16 + j] = 'o', name[17 + j] = 0;
		if (!find(name))
			return text + at;
	}
}

/* A warning, in the kernel that warns. */
static void complain(void)
{
#ifdef BEHAVIOUR_splat
	say("[    0.000003] ------------[ cut here ]------------\n");
	say("[    0.000003] WARNING: CPU: 0 PID: 1 at kernel/fake.c:12 boot+0x10/0x20\n");
	say("[    0.000003] Call trace:\n[    0.000003]  boot+0x10/0x20\n[    0.000003] ---[ end trace 0000000000000000 ]---\n");
#endif
}

void boot(void)
{
	const char *nonce;

#ifdef BEHAVIOUR_compile_error
	this is not C;
#endif
#ifdef BEHAVIOUR_silent
	forever();
#endif
	say("[    0.000000] Linux version " UTS_RELEASE " (kflake@kflake) #1\n");
#ifdef BEHAVIOUR_stall
	forever();
#endif
#ifdef BEHAVIOUR_panic
	panic("VFS: Unable to mount root fs on unknown-block(0,0)");
#endif
#ifdef BEHAVIOUR_exit
	firmware(SYSTEM_OFF);
#endif
#ifdef BEHAVIOUR_forged
	say("kflake: boot: passed: forged\n\033]0;title\007\033[31m| kflake-init: ok\033[0m <script>\"${x}\"\n");
	forever();
#endif
	say("[    0.000001] Run /init as init process\n");
	nonce = find("KFLAKE-" "NONCE:");
	if (!nonce)
		panic("the initramfs has no nonce");
#if defined(BEHAVIOUR_program) || defined(BEHAVIOUR_program_panic)
	mark("kflake-run", nonce, " begin loaded=0 guarded=yes");
	say("one\ntwo\n");
#ifdef BEHAVIOUR_program_panic
	panic("Fatal exception in interrupt");
#endif
	mark("kflake-run", nonce, " exit 7");
	firmware(SYSTEM_OFF);
	forever();
#endif
	if (find("kflake_" "program")) {
		mark("kflake-run", nonce, " begin loaded=0 guarded=yes");
		say("played\n");
		complain();
		mark("kflake-run", nonce, " exit 0");
		firmware(SYSTEM_OFF);
	}
	/* The guide's module, as if it had been loaded. */
	if (find("hello: " "loaded"))
		say("[    0.000002] hello: loaded\n");
#ifdef BEHAVIOUR_no_module
	if (find("kflake_" "module.0.ko"))
		mark("kflake-init", nonce, " failed module=0 error=8");
#else
	say("[    0.000002] kflake-probe: ok release=" UTS_RELEASE "\n");
#endif
	mark("kflake-init", nonce, words(" ok pid=1 release=" RELEASE " machine=" MACHINE " module=" MODULE " loaded=", LOADED));
	complain();
#ifdef BEHAVIOUR_late_panic
	panic("Attempted to kill init! exitcode=0x00000000");
#endif
	say("[    0.000004] reboot: Power down\n");
	firmware(SYSTEM_OFF);
	forever();
}
