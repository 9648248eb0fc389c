/*
 * Process 1 of `kflake boot ... -- PROGRAM`: runs one program on the console, says how it ended, and powers the machine off.
 * What the program writes stands, byte for byte, between the lines "kflake-run: NONCE begin" and "kflake-run: NONCE exit N".
 * Without a program there is a shell for whoever sits at the console. Modules that came along are loaded first.
 *
 * The program runs as root, but cannot read the nonce: its file is gone, and it may not look into process 1. Only what changes the
 * kernel itself can still make process 1 lie. Where the kernel has no way to forbid it (CONFIG_MULTIUSER is off), we say so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int load_image(void *image, size_t length)
{
	return syscall(SYS_init_module, image, (unsigned long)length, "");
}

#include "marks.h"
#include "modules.h"
#include "shell.h"

#define NAME "kflake-run"
#define MAY_TRACE 19

#define PROGRAM "/kflake_program"
#define ARGUMENTS "/kflake_arguments"
#define INPUT "/kflake_stdin"
#define CONSOLE_LEVEL 8

/* The arguments, each ended by a zero byte in the file. */
static char **arguments(void)
{
	static char text[128 << 10];
	static char *list[4096];
	size_t have = 0, count = 0, at;
	ssize_t got;
	int fd = open(ARGUMENTS, O_RDONLY);

	if (fd < 0)
		return NULL;
	while ((got = read(fd, text + have, sizeof(text) - have)) > 0)
		have += got;
	close(fd);
	if (got < 0 || have == 0 || text[have - 1] != 0)
		return NULL;
	for (at = 0; at < have; at += strlen(text + at) + 1) {
		if (count + 1 == sizeof(list) / sizeof(list[0]))
			return NULL;
		list[count++] = text + at;
	}
	return list;
}

/* What this process becomes may not trace those that may. Kernels before 2.6.25 cannot forbid it. */
static void forbid_tracing(void)
{
	prctl(PR_CAPBSET_DROP, MAY_TRACE, 0, 0, 0);
}

/* Whether a program can be kept from looking into process 1: one that may not trace tries. */
static int guarded(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct may[2];
	char byte;
	int fd, status = 1;
	pid_t child = fork();

	if (child == 0) {
		/* What becoming a program would do. */
		forbid_tracing();
		if (syscall(SYS_capget, &header, may) == 0) {
			may[0].effective &= ~(1u << MAY_TRACE);
			may[0].permitted &= ~(1u << MAY_TRACE);
			may[0].inheritable &= ~(1u << MAY_TRACE);
			syscall(SYS_capset, &header, may);
		}
		fd = open("/proc/1/mem", O_RDONLY);
		_exit(fd >= 0 && pread(fd, &byte, 1, (off_t)(unsigned long)nonce) == 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Becomes the program; on failure writes the errno to `to`. */
static void become(char **list, int to)
{
	static char *environment[] = { "PATH=/", "HOME=/", "TERM=vt100", NULL };
	int error, input;

	take_terminal();
	/* What came along as its standard input, in the place of the console. */
	input = open(INPUT, O_RDONLY);
	if (input >= 0) {
		unlink(INPUT);
		dup2(input, 0);
		close(input);
	}
	forbid_tracing();
	execve(PROGRAM, list, environment);
	error = errno;
	if (write(to, &error, sizeof(error)) != sizeof(error))
		_exit(126);
	_exit(127);
}

static void run(int modules)
{
	char line[64], **list = arguments();
	int status, error, ends[2];
	ssize_t got;
	pid_t child, ended;

	if (!list || pipe(ends) != 0) {
		mark(NAME, "error arguments");
		return;
	}
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	snprintf(line, sizeof(line), "begin loaded=%d guarded=%s", modules, guarded() ? "yes" : "no");
	mark(NAME, line);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		become(list, ends[1]);
	}
	if (child < 0) {
		mark(NAME, "error fork");
		return;
	}
	close(ends[1]);
	do
		got = read(ends[0], &error, sizeof(error));
	while (got < 0 && errno == EINTR);
	/* Orphans of the program are ours as well. */
	do
		ended = wait(&status);
	while (ended > 0 && ended != child);
	tcdrain(1);
	if (got == sizeof(error))
		snprintf(line, sizeof(line), "error exec %d", error);
	else if (ended != child)
		snprintf(line, sizeof(line), "error wait");
	else if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "signal %d", WTERMSIG(status));
	else
		snprintf(line, sizeof(line), "exit %d", WEXITSTATUS(status));
	mark(NAME, line);
	tcdrain(1);
}

/* Runs it with the console to itself: only a dying kernel's messages get through, and lines end as it ends them. */
static void run_alone(int modules)
{
	struct termios terminal;

	klogctl(CONSOLE_LEVEL, NULL, 1);
	if (tcgetattr(1, &terminal) == 0) {
		terminal.c_oflag &= ~OPOST;
		tcsetattr(1, TCSANOW, &terminal);
	}
	run(modules);
}

/* Says where it runs, as the init of a boot test does, and waits for the shell. */
static void sit(int modules, int error)
{
	struct utsname name;
	char line[512], module[32];
	pid_t child, ended;

	if (error)
		snprintf(module, sizeof(module), "error-%d", error);
	else
		strcpy(module, modules > 0 ? "loaded" : "none");
	if (uname(&name) == 0) {
		snprintf(line, sizeof(line), "ok pid=1 release=%s machine=%s module=%s loaded=%d", name.release,
			 name.machine, module, modules);
		mark("kflake-init", line);
	}
	child = fork();
	if (child == 0)
		shell();
	do
		ended = wait(NULL);
	while (ended > 0 && ended != child);
	mark(NAME, "off");
}

int main(void)
{
	const char *end = getenv("kflake_end");
	int fd, modules, error;

	/* A kernel without a console device for us still has /dev/console in the initramfs. */
	if (write(1, "", 0) < 0) {
		fd = open("/dev/console", O_RDWR);
		if (fd >= 0) {
			dup2(fd, 0);
			dup2(fd, 1);
			dup2(fd, 2);
		}
	}
	take_nonce();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* What the kernel lacks, the program does without. */
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mkdir("/sys", 0755);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/tmp", 01777);

	modules = load_modules(NAME, &error);
	if (access(PROGRAM, F_OK) != 0)
		sit(modules, error);
	else if (error)
		mark(NAME, "error module");
	else
		run_alone(modules);
	sync();

	/* Some machines can only be left by a reboot, which QEMU is told to treat as the end. */
	if (!end || strcmp(end, "reboot") != 0)
		reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	reboot(RB_HALT_SYSTEM);
	for (;;)
		pause();
}
