/*
 * Loads the modules that came along in the initramfs, by the system call that every kernel with modules has; finit_module is younger.
 * Wants load_image(), which makes it, and marks.h.
 */
#ifndef KFLAKE_MODULES_H
#define KFLAKE_MODULES_H

/* A user's own modules, numbered from 0. Whoever put them in compares how many there were with how many loaded. */
#define MODULE "/kflake_module.%d.ko"
#define MODULES 10000
#define TOO_LARGE 27

/* 0, or an errno. Closes the file. */
static int load_module(int fd)
{
	static char image[8 << 20];
	size_t have = 0;
	ssize_t got;
	int error;

	while ((got = read(fd, image + have, sizeof(image) - have)) > 0)
		have += got;
	error = errno;
	close(fd);
	if (got < 0)
		return error;
	if (have == sizeof(image))
		return TOO_LARGE;
	return load_image(image, have) == 0 ? 0 : errno;
}

/* Loads the user's modules, and says as `who` which did not load: how many did, and the errno of the first that did not. They may need
   each other, so a module that fails is tried again when another one could be loaded since. */
static int load_modules(const char *who, int *error)
{
	static char loaded[MODULES];
	static int failed[MODULES];
	char text[64];
	int count = 0, before, again, fd, n;

	do {
		before = count;
		again = 0;
		for (n = 0; n < MODULES; n++) {
			if (loaded[n])
				continue;
			snprintf(text, sizeof(text), MODULE, n);
			fd = open(text, O_RDONLY);
			if (fd < 0)
				break;
			failed[n] = load_module(fd);
			if (failed[n])
				again = 1;
			else
				loaded[n] = 1, count++;
		}
	} while (again && count > before);
	*error = 0;
	for (n = 0; n < MODULES; n++) {
		if (!failed[n])
			continue;
		if (!*error)
			*error = failed[n];
		snprintf(text, sizeof(text), "failed module=%d error=%d", n, failed[n]);
		mark(who, text);
	}
	return count;
}

#endif
