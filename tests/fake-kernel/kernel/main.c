/* Plays a boot on the serial port of QEMU's arm64 `virt` machine, then turns it off. */
#include <generated/utsrelease.h>

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
#ifdef BEHAVIOUR_no_module
#define MODULE "error-8"
#else
#define MODULE "loaded"
#endif

/* Whether the initramfs, which QEMU loads half way up the machine's 256 MiB, holds a file of this name. */
static int brings(const char *name)
{
	const char *at = (const char *)0x48000000;
	int i, n;

	for (i = 0; i < 4 << 20; i++) {
		for (n = 0; name[n] && at[i + n] == name[n]; n++)
			;
		if (!name[n])
			return 1;
	}
	return 0;
}

void boot(void)
{
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
#if defined(BEHAVIOUR_program) || defined(BEHAVIOUR_program_panic)
	say("\nkflake-run: begin\none\ntwo\n");
#ifdef BEHAVIOUR_program_panic
	panic("Fatal exception in interrupt");
#endif
	say("\nkflake-run: exit 7\n");
	firmware(SYSTEM_OFF);
	forever();
#endif
	if (brings("kflake_" "program")) {
		say("\nkflake-run: begin\nplayed\n\nkflake-run: exit 0\n");
		firmware(SYSTEM_OFF);
	}
	/* The guide's module, as if it had been loaded. */
	if (brings("hello: " "loaded"))
		say("[    0.000002] hello: loaded\n");
#ifndef BEHAVIOUR_no_module
	say("[    0.000002] kflake-probe: ok release=" UTS_RELEASE "\n");
#endif
	say("\nkflake-init: ok pid=1 release=" RELEASE " machine=" MACHINE " module=" MODULE "\n");
#ifdef BEHAVIOUR_late_panic
	panic("Attempted to kill init! exitcode=0x00000000");
#endif
	say("[    0.000004] reboot: Power down\n");
	firmware(SYSTEM_OFF);
	forever();
}
