/*
 * The program that stands in front of each compiler in an archive of Buildroot's making, as far as it matters here: it takes its
 * folder from the name that it is called by, or where that has none from where it lies itself; and it hands NAME.br_real there
 * a sysroot, and, unless a kernel is compiled, what makes position-independent programs.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int given(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static char folder[PATH_MAX], real[PATH_MAX + 256], sysroot[PATH_MAX + 256];
	char **call = calloc(argc + 8, sizeof(*call)), **next = call;
	char *name = strrchr(argv[0], '/');

	if (name) {
		snprintf(real, sizeof(real), "%.*s/..", (int)(name - argv[0]), argv[0]);
		name++;
		if (!realpath(real, folder))
			return 2;
	} else {
		name = argv[0];
		if (readlink("/proc/self/exe", folder, sizeof(folder) - 1) < 0)
			return 2;
		*strrchr(folder, '/') = '\0';
		*strrchr(folder, '/') = '\0';
	}
	snprintf(real, sizeof(real), "%s/bin/%s.br_real", folder, name);
	snprintf(sysroot, sizeof(sysroot), "%s/" TARGET "/sysroot", folder);
	*next++ = real;
	*next++ = "--sysroot";
	*next++ = sysroot;
	if (!given(argv, "-D__KERNEL__")) {
		if (!given(argv, "-r") && !given(argv, "-static") && !given(argv, "-fno-pie")) {
			*next++ = "-fPIE";
			if (!given(argv, "-shared"))
				*next++ = "-pie";
		}
		*next++ = "-Wl,-z,relro";
	}
	memcpy(next, argv + 1, argc * sizeof(*argv));
	execv(real, call);
	perror(real);
	return 2;
}
