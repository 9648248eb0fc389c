/*
 * Process 1 of a boot test: loads the modules that came along, says in one line where it runs and how many loaded, and powers the machine off.
 * Static, without threads, and happy with a kernel that has almost everything turned off.
 */
#ifdef KFLAKE_BARE
#include "bare.h"
#else
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int load_image(void *image, size_t length)
{
	return syscall(SYS_init_module, image, (unsigned long)length, "");
}
#endif

#include "marks.h"
#include "modules.h"

#define PROBE "/kflake_probe.ko"
#define NAME "kflake-init"

int main(void)
{
	struct utsname name;
	char line[512], module[64];
	const char *end = getenv("kflake_end");
	int error, fd, count;

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
	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);

	strcpy(module, "none");
	fd = open(PROBE, O_RDONLY);
	if (fd >= 0) {
		error = load_module(fd);
		if (error == 0)
			strcpy(module, "loaded");
		else
			snprintf(module, sizeof(module), "error-%d", error);
	}
	count = load_modules(NAME, &error);
	if (error)
		snprintf(module, sizeof(module), "error-%d", error);
	else if (count > 0 && strcmp(module, "none") == 0)
		strcpy(module, "loaded");

	if (uname(&name) != 0) {
		mark(NAME, "error uname");
	} else if (getpid() != 1) {
		mark(NAME, "error pid");
	} else {
		snprintf(line, sizeof(line), "ok pid=1 release=%s machine=%s module=%s loaded=%d", name.release,
			 name.machine, module, count);
		mark(NAME, line);
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
