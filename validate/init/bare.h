/*
 * What init needs of a C library, for compilers that come without one: a dozen system calls and a few string functions.
 * System call numbers are those of each architecture's asm/unistd.h and have not changed since 2.6.
 */
#ifndef KFLAKE_BARE_H
#define KFLAKE_BARE_H

#define NULL ((void *)0)
#define O_RDONLY 0
#define O_RDWR 2
#define RB_AUTOBOOT 0x01234567
#define RB_HALT_SYSTEM 0xcdef0123
#define RB_POWER_OFF 0x4321fedc

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

struct utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

#if defined(__mips__) && _MIPS_SIM == _ABI64
enum { NR_read = 5000, NR_write = 5001, NR_open = 5002, NR_dup2 = 5032, NR_getpid = 5038, NR_uname = 5061,
       NR_mkdir = 5081, NR_close = 5003, NR_unlink = 5085, NR_sync = 5157, NR_mount = 5160, NR_reboot = 5164, NR_init_module = 5168 };
#elif defined(__x86_64__)
enum { NR_read = 0, NR_write = 1, NR_open = 2, NR_dup2 = 33, NR_getpid = 39, NR_uname = 63,
       NR_mkdir = 83, NR_close = 3, NR_unlink = 87, NR_sync = 162, NR_mount = 165, NR_reboot = 169, NR_init_module = 175 };
#elif defined(__sparc__) && defined(__arch64__)
enum { NR_read = 3, NR_write = 4, NR_open = 5, NR_dup2 = 90, NR_getpid = 20, NR_uname = 189,
       NR_mkdir = 136, NR_close = 6, NR_unlink = 10, NR_sync = 36, NR_mount = 167, NR_reboot = 55, NR_init_module = 190 };
#elif defined(__aarch64__) || defined(__riscv) || defined(__loongarch__)
/* The numbers that new architectures share have no open, mkdir, unlink and dup2. */
enum { NR_read = 63, NR_write = 64, NR_openat = 56, NR_dup3 = 24, NR_getpid = 172, NR_uname = 160,
       NR_mkdirat = 34, NR_close = 57, NR_unlinkat = 35, NR_sync = 81, NR_mount = 40, NR_reboot = 142, NR_init_module = 105 };
#define KFLAKE_AT_CALLS
#else
#ifdef __mips__
#define NR(n) (4000 + (n))
#else
#define NR(n) (n)
#endif
enum { NR_read = NR(3), NR_write = NR(4), NR_open = NR(5), NR_dup2 = NR(63), NR_getpid = NR(20), NR_uname = NR(122),
       NR_mkdir = NR(39), NR_close = NR(6), NR_unlink = NR(10), NR_sync = NR(36), NR_mount = NR(21), NR_reboot = NR(88), NR_init_module = NR(128) };
#endif

static int errno;

/* The first instruction: hands the stack, with arguments and environment on it, to start(). */
void start(long *stack) __attribute__((used, noreturn));

#define REG(name, reg, value) register long name __asm__(reg) = (long)(value)

static long call(long number, long a, long b, long c, long d, long e)
{
	long result;

#if defined(__arm__)
	REG(r7, "r7", number);
	REG(r0, "r0", a);
	REG(r1, "r1", b);
	REG(r2, "r2", c);
	REG(r3, "r3", d);
	REG(r4, "r4", e);
	__asm__ volatile("swi 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4) : "memory");
	result = r0;
#elif defined(__aarch64__)
	REG(x8, "x8", number);
	REG(x0, "x0", a);
	REG(x1, "x1", b);
	REG(x2, "x2", c);
	REG(x3, "x3", d);
	REG(x4, "x4", e);
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	result = x0;
#elif defined(__riscv)
	REG(a7, "a7", number);
	REG(a0, "a0", a);
	REG(a1, "a1", b);
	REG(a2, "a2", c);
	REG(a3, "a3", d);
	REG(a4, "a4", e);
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
	result = a0;
#elif defined(__loongarch__)
	REG(a7, "$a7", number);
	REG(a0, "$a0", a);
	REG(a1, "$a1", b);
	REG(a2, "$a2", c);
	REG(a3, "$a3", d);
	REG(a4, "$a4", e);
	__asm__ volatile("syscall 0"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4)
			 : "$t0", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8", "memory");
	result = a0;
#elif defined(__mips__)
	REG(v0, "$2", number);
	REG(a0, "$4", a);
	REG(a1, "$5", b);
	REG(a2, "$6", c);
	REG(a3, "$7", d);
#if _MIPS_SIM == _ABI64
	REG(a4, "$8", e);
	__asm__ volatile("syscall"
			 : "+r"(v0), "+r"(a3)
			 : "r"(a0), "r"(a1), "r"(a2), "r"(a4)
			 : "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory");
#else
	/* The fifth argument is on the stack, above room for the first four. */
	__asm__ volatile("addiu $29, $29, -32\n\tsw %6, 16($29)\n\tsyscall\n\taddiu $29, $29, 32"
			 : "+r"(v0), "+r"(a3)
			 : "r"(a0), "r"(a1), "r"(a2), "r"(v0), "r"(e)
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory");
#endif
	result = a3 ? -v0 : v0;
#elif defined(__powerpc__)
	REG(r0, "r0", number);
	REG(r3, "r3", a);
	REG(r4, "r4", b);
	REG(r5, "r5", c);
	REG(r6, "r6", d);
	REG(r7, "r7", e);
	__asm__ volatile("sc\n\tbns+ 1f\n\tneg 3, 3\n1:"
			 : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
			 :
			 : "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
	result = r3;
#elif defined(__sparc__) && defined(__arch64__)
	REG(g1, "g1", number);
	REG(o0, "o0", a);
	REG(o1, "o1", b);
	REG(o2, "o2", c);
	REG(o3, "o3", d);
	REG(o4, "o4", e);
	/* An error is told by the carry flag. */
	__asm__ volatile("ta 0x6d\n\tbcc,pt %%xcc, 1f\n\tnop\n\tneg %0\n1:"
			 : "+r"(o0), "+r"(o1)
			 : "r"(g1), "r"(o2), "r"(o3), "r"(o4)
			 : "g2", "g3", "g4", "g5", "cc", "memory");
	result = o0;
#elif defined(__x86_64__)
	REG(r10, "r10", d);
	REG(r8, "r8", e);
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
#elif defined(__i386__)
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
#elif defined(__m68k__)
	REG(d0, "d0", number);
	REG(d1, "d1", a);
	REG(d2, "d2", b);
	REG(d3, "d3", c);
	REG(d4, "d4", d);
	REG(d5, "d5", e);
	__asm__ volatile("trap #0" : "+r"(d0) : "r"(d1), "r"(d2), "r"(d3), "r"(d4), "r"(d5) : "memory");
	result = d0;
#elif defined(__s390x__)
	REG(r1, "r1", number);
	REG(r2, "r2", a);
	REG(r3, "r3", b);
	REG(r4, "r4", c);
	REG(r5, "r5", d);
	REG(r6, "r6", e);
	__asm__ volatile("svc 0" : "+r"(r2) : "r"(r1), "r"(r3), "r"(r4), "r"(r5), "r"(r6) : "memory");
	result = r2;
#elif defined(__sh__)
	REG(r3, "r3", number);
	REG(r4, "r4", a);
	REG(r5, "r5", b);
	REG(r6, "r6", c);
	REG(r7, "r7", d);
	REG(r0, "r0", e);
	__asm__ volatile("trapa #0x15" : "+r"(r0) : "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7) : "t", "memory");
	result = r0;
#else
#error "init without a C library: how this architecture calls its kernel is not written down here"
#endif
	if (result < 0 && result > -4096) {
		errno = -result;
		return -1;
	}
	return result;
}

#if defined(__arm__)
__asm__(".text\n.globl _start\n_start:\n\tmov r0, sp\n\tbl start\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl _start\n_start:\n\tmov x0, sp\n\tbl start\n");
#elif defined(__riscv)
/* The linker makes use of gp, where it can. */
__asm__(".text\n.globl _start\n_start:\n.option push\n.option norelax\n\tla gp, __global_pointer$\n.option pop\n\tmv a0, sp\n\tandi sp, sp, -16\n\tcall start\n");
#elif defined(__loongarch__)
__asm__(".text\n.globl _start\n_start:\n\tmove $a0, $sp\n\tbl start\n");
#elif defined(__mips__)
#if _MIPS_SIM == _ABI64
#define ADD "daddiu"
#else
#define ADD "addiu"
#endif
__asm__(".text\n.set push\n.set noreorder\n.globl _start\n.ent _start\n_start:\n\tmove $4, $29\n\t" ADD " $29, $29, -32\n"
	"\tjal start\n\tnop\n.end _start\n.set pop\n");
#elif defined(__powerpc64__) && _CALL_ELF == 2
__asm__(".text\n.globl _start\n_start:\n\taddis 2, 12, .TOC.-_start@ha\n\taddi 2, 2, .TOC.-_start@l\n\tmr 3, 1\n"
	"\tstdu 1, -112(1)\n\tbl start\n\tnop\n");
#elif defined(__powerpc64__)
__asm__(".section \".opd\", \"aw\"\n.align 3\n.globl _start\n_start:\n\t.quad .L_start, .TOC.@tocbase, 0\n.text\n.L_start:\n"
	"\tmr 3, 1\n\tstdu 1, -112(1)\n\tbl start\n\tnop\n");
#elif defined(__powerpc__)
__asm__(".text\n.globl _start\n_start:\n\tmr 3, 1\n\tstwu 1, -32(1)\n\tbl start\n");
#elif defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#elif defined(__i386__)
__asm__(".text\n.globl _start\n_start:\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall start\n");
#elif defined(__m68k__)
__asm__(".text\n.globl _start\n_start:\n\tmove.l %sp, %d0\n\tmove.l %d0, -(%sp)\n\tjsr start\n");
#elif defined(__sparc__) && defined(__arch64__)
/* Above the biased stack pointer is room for a register window. */
__asm__(".text\n.globl _start\n_start:\n\tadd %sp, 2047 + 128, %o0\n\tsub %sp, 48, %sp\n\tcall start\n\tnop\n");
#elif defined(__s390x__)
__asm__(".text\n.globl _start\n_start:\n\tlgr %r2, %r15\n\taghi %r15, -160\n\tbrasl %r14, start\n");
#elif defined(__sh__)
__asm__(".text\n.globl _start\n_start:\n\tmov r15, r4\n\tmov.l 1f, r0\n\tjsr @r0\n\tnop\n.align 2\n1:\t.long start\n");
#endif

static ssize_t read(int fd, void *to, size_t length) { return call(NR_read, fd, (long)to, length, 0, 0); }
static ssize_t write(int fd, const void *from, size_t length) { return call(NR_write, fd, (long)from, length, 0, 0); }
static int close(int fd) { return call(NR_close, fd, 0, 0, 0, 0); }
static int getpid(void) { return call(NR_getpid, 0, 0, 0, 0, 0); }
static int uname(struct utsname *to) { return call(NR_uname, (long)to, 0, 0, 0, 0); }
static void sync(void) { call(NR_sync, 0, 0, 0, 0, 0); }
static void reboot(unsigned int how) { call(NR_reboot, 0xfee1dead, 672274793, how, 0, 0); }
static int load_image(void *image, size_t length) { return call(NR_init_module, (long)image, length, (long)"", 0, 0); }

static int mount(const char *what, const char *where, const char *type, unsigned long flags, const void *data)
{
	return call(NR_mount, (long)what, (long)where, (long)type, flags, (long)data);
}

#ifdef KFLAKE_AT_CALLS
#define AT_FDCWD -100
static int open(const char *path, int flags) { return call(NR_openat, AT_FDCWD, (long)path, flags, 0, 0); }
static int mkdir(const char *path, int mode) { return call(NR_mkdirat, AT_FDCWD, (long)path, mode, 0, 0); }
static int unlink(const char *path) { return call(NR_unlinkat, AT_FDCWD, (long)path, 0, 0, 0); }
static int dup2(int from, int to) { return call(NR_dup3, from, to, 0, 0, 0); }
#else
static int open(const char *path, int flags) { return call(NR_open, (long)path, flags, 0, 0, 0); }
static int mkdir(const char *path, int mode) { return call(NR_mkdir, (long)path, mode, 0, 0, 0); }
static int unlink(const char *path) { return call(NR_unlink, (long)path, 0, 0, 0, 0); }
static int dup2(int from, int to) { return call(NR_dup2, from, to, 0, 0, 0); }
#endif

/* Compilers call these of their own accord; volatile keeps them from being recognised as themselves. */
size_t strlen(const char *text)
{
	const volatile char *end = text;

	while (*end)
		end++;
	return (const char *)end - text;
}

void *memcpy(void *to, const void *from, size_t length)
{
	volatile char *out = to;
	const char *in = from;

	while (length-- > 0)
		*out++ = *in++;
	return to;
}

void *memset(void *to, int value, size_t length)
{
	volatile char *out = to;

	while (length-- > 0)
		*out++ = value;
	return to;
}

#ifdef __arm__
/* libgcc's division calls it for a division by zero. */
int raise(int number)
{
	for (;;)
		call(NR_getpid, number, 0, 0, 0, 0);
}
#endif

static char *strcpy(char *to, const char *from) { return memcpy(to, from, strlen(from) + 1); }

static int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

/* Knows %s and %d of numbers from 0 to 9999. */
static int snprintf(char *to, size_t size, const char *format, ...)
{
	__builtin_va_list list;
	char digits[5];
	char *out = to, *end = to + size - 1;
	const char *part;
	int value, n;

	__builtin_va_start(list, format);
	for (; *format; format++) {
		if (*format != '%') {
			if (out < end)
				*out++ = *format;
			continue;
		}
		part = digits;
		if (*++format == 's') {
			part = __builtin_va_arg(list, const char *);
		} else {
			value = __builtin_va_arg(list, int);
			n = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
			digits[n] = 0;
			do {
				digits[--n] = '0' + value % 10;
				value /= 10;
			} while (n > 0);
		}
		while (*part && out < end)
			*out++ = *part++;
	}
	__builtin_va_end(list);
	*out = 0;
	return out - to;
}

static char **environment;

static char *getenv(const char *name)
{
	size_t length = strlen(name), i;
	char **entry;

	for (entry = environment; *entry; entry++) {
		for (i = 0; i < length && (*entry)[i] == name[i]; i++)
			;
		if (i == length && (*entry)[i] == '=')
			return *entry + i + 1;
	}
	return NULL;
}

static void pause(void) {}

int main(void);

void start(long *stack)
{
	environment = (char **)(stack + 1 + stack[0] + 1);
	main();
	for (;;)
		;
}

#endif
