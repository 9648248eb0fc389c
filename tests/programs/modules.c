/*
 * init's loading of modules, over files that are made up: argv[1] modules, of which every one needs the next, and the last one loads
 * by itself, or fails with argv[2] where that is not 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int count, fails, opened = -1, is_open, loaded[20000];

static int made_up_open(const char *path, int flags)
{
	int n;

	(void)flags;
	if (sscanf(path, "/kflake_module.%d.ko", &n) != 1 || n >= count || is_open)
		return -1;
	is_open = 1;
	return opened = n;
}

static ssize_t made_up_read(int fd, void *to, size_t length)
{
	(void)fd, (void)to, (void)length;
	return 0;
}

static int made_up_close(int fd)
{
	(void)fd;
	return is_open = 0;
}

#define open made_up_open
#define read made_up_read
#define close made_up_close

static int load_image(void *image, size_t length)
{
	(void)image, (void)length;
	errno = opened + 1 < count ? ENOENT : fails;
	if (errno == 0 || loaded[opened + 1])
		return loaded[opened] = 1, 0;
	return -1;
}

#include "../../validate/init/marks.h"
#include "../../validate/init/modules.h"

int main(int argc, char **argv)
{
	int error, done;

	(void)argc;
	count = atoi(argv[1]);
	fails = atoi(argv[2]);
	take_nonce();
	done = load_modules("kflake-init", &error);
	printf("loaded=%d error=%d\n", done, error);
	return 0;
}
