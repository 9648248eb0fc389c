/* Says where it runs and with what arguments, and ends with 42; with "crash", of a signal; with "wait", not by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(int count, char **words)
{
	struct utsname name;
	int i;

	if (uname(&name) != 0)
		return 1;
	printf("%s %s, child of %d:", name.release, name.machine, (int)getppid());
	for (i = 1; i < count; i++)
		printf(" [%s]", words[i]);
	printf("\n");
	if (count > 1 && strcmp(words[1], "crash") == 0) {
		fflush(stdout);
		abort();
	}
	if (count > 1 && strcmp(words[1], "wait") == 0) {
		fflush(stdout);
		for (;;)
			pause();
	}
	return 42;
}
