/*
 * Process 1 of `kflake boot ... -- PROGRAM`: runs one program on the console, says how it ended, and powers the machine off.
 * What the program writes stands, byte for byte, between the lines "kflake-run: begin" and "kflake-run: exit N".
 * Without a program there is a shell for whoever sits at the console. Modules that came along are loaded first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
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

#include "modules.h"
#include "shell.h"

#define PROGRAM "/kflake_program"
#define ARGUMENTS "/kflake_arguments"
#define CONSOLE_LEVEL 8

static void say(const char *line)
{
	size_t length = strlen(line);

	while (length > 0) {
		ssize_t written = write(1, line, length);

		if (written <= 0)
			return;
		line += written;
		length -= written;
	}
}

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

static void run(void)
{
	static char *environment[] = { "PATH=/", "HOME=/", "TERM=vt100", NULL };
	char line[64], **list = arguments();
	int status;
	pid_t child, ended;

	if (!list) {
		say("\nkflake-run: error arguments\n");
		return;
	}
	say("\nkflake-run: begin\n");
	child = fork();
	if (child == 0) {
		take_terminal();
		execve(PROGRAM, list, environment);
		snprintf(line, sizeof(line), "\nkflake-run: error exec %d\n", errno);
		say(line);
		_exit(127);
	}
	if (child < 0) {
		say("\nkflake-run: error fork\n");
		return;
	}
	/* Orphans of the program are ours as well. */
	do
		ended = wait(&status);
	while (ended > 0 && ended != child);
	tcdrain(1);
	if (ended != child)
		say("\nkflake-run: error wait\n");
	else if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "\nkflake-run: signal %d\n", WTERMSIG(status)), say(line);
	else
		snprintf(line, sizeof(line), "\nkflake-run: exit %d\n", WEXITSTATUS(status)), say(line);
	tcdrain(1);
}

/* Runs it with the console to itself: only a dying kernel's messages get through, and lines end as it ends them. */
static void run_alone(void)
{
	struct termios terminal;

	klogctl(CONSOLE_LEVEL, NULL, 1);
	if (tcgetattr(1, &terminal) == 0) {
		terminal.c_oflag &= ~OPOST;
		tcsetattr(1, TCSANOW, &terminal);
	}
	run();
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
		snprintf(line, sizeof(line), "\nkflake-init: ok pid=1 release=%s machine=%s module=%s\n", name.release,
			 name.machine, module);
		say(line);
	}
	child = fork();
	if (child == 0)
		shell();
	do
		ended = wait(NULL);
	while (ended > 0 && ended != child);
}

int main(void)
{
	const char *end = getenv("kflake_end");
	char line[64];
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
	/* What the kernel lacks, the program does without. */
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mkdir("/sys", 0755);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/tmp", 01777);

	modules = load_modules(&error);
	if (access(PROGRAM, F_OK) != 0) {
		sit(modules, error);
	} else if (error) {
		snprintf(line, sizeof(line), "\nkflake-run: error module %d\n", error);
		say(line);
	} else {
		run_alone();
	}
	sync();

	/* Some machines can only be left by a reboot, which QEMU is told to treat as the end. */
	if (!end || strcmp(end, "reboot") != 0)
		reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	reboot(RB_HALT_SYSTEM);
	for (;;)
		pause();
}
