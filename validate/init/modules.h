/*
 * Loads the modules that came along in the initramfs, by the system call that every kernel with modules has; finit_module is younger.
 * Wants load_image(), which makes it.
 */
#ifndef KFLAKE_MODULES_H
#define KFLAKE_MODULES_H

/* A user's own modules, numbered from 0. */
#define MODULE "/kflake_module.%d.ko"
#define MODULES 100
#define TOO_LARGE 27

/* 0, or an errno. */
static int load_module(int fd)
{
	static char image[8 << 20];
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, image + have, sizeof(image) - have)) > 0)
		have += got;
	if (got < 0)
		return errno;
	if (have == sizeof(image))
		return TOO_LARGE;
	return load_image(image, have) == 0 ? 0 : errno;
}

/* Loads the user's modules: how many loaded, and the errno of one that did not. They may need each other, so a module that fails is
   tried again when another one could be loaded since. */
static int load_modules(int *error)
{
	static char loaded[MODULES];
	char path[64];
	int count = 0, before, failed, fd, n;

	do {
		before = count;
		*error = 0;
		for (n = 0; n < MODULES; n++) {
			snprintf(path, sizeof(path), MODULE, n);
			if (loaded[n])
				continue;
			fd = open(path, O_RDONLY);
			if (fd < 0)
				break;
			failed = load_module(fd);
			if (failed)
				*error = failed;
			else
				loaded[n] = 1, count++;
		}
	} while (*error && count > before);
	return count;
}

#endif
