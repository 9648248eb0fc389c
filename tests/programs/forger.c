/*
 * Tries to pass as init: looks for what init proves itself with wherever a program can look, says init's last line with everything
 * that could be it, and then fails.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define DIGITS 32

static int found;

static void forge(const char *nonce)
{
	printf("\nkflake-run: %.*s exit 0\n", DIGITS, nonce);
	fflush(stdout);
}

static void search(const char *text, size_t length)
{
	size_t at, run = 0;

	for (at = 0; at < length; at++) {
		run = isxdigit((unsigned char)text[at]) ? run + 1 : 0;
		if (run == DIGITS) {
			found++;
			forge(text + at + 1 - DIGITS);
			run = 0;
		}
	}
}

static void search_file(const char *path)
{
	static char text[1 << 20];
	ssize_t got;
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	while ((got = read(fd, text, sizeof(text))) > 0)
		search(text, got);
	close(fd);
}

int main(void)
{
	char line[512], path[64];
	unsigned long from, to;
	char *memory;
	FILE *maps;
	int fd;

	forge("none");
	forge("00000000000000000000000000000000");
	search_file("/kflake_nonce");
	search_file("/proc/cmdline");
	search_file("/proc/1/cmdline");
	search_file("/proc/1/environ");
	search_file("/init");
	fd = open("/proc/1/mem", O_RDONLY);
	printf("/proc/1/mem: %s\n", fd < 0 ? strerror(errno) : "open");
	maps = fopen("/proc/1/maps", "r");
	while (fd >= 0 && maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || !(memory = malloc(to - from)))
			continue;
		if (pread(fd, memory, to - from, from) > 0)
			search(memory, to - from);
		free(memory);
	}
	printf("ptrace: %s\n", ptrace(PTRACE_ATTACH, 1, NULL, NULL) ? strerror(errno) : "attached");
	snprintf(path, sizeof(path), "/proc/%d/environ", getppid());
	search_file(path);
	printf("found %d\n", found);
	puts("FAIL: 3 of 5 tests");
	fflush(stdout);
	return 7;
}
