/* An init of somebody else's: says what it was given, and powers off. */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	printf("own init: %s\n", count > 1 ? arguments[1] : "nothing");
	fflush(stdout);
	sleep(1);
	reboot(RB_POWER_OFF);
	return 1;
}
