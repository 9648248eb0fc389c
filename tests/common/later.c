// Puts the clock of the programs that it is loaded into 400 days ahead. Files keep the times that the system gives them.
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD = 400 * 24 * 60 * 60 };

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (syscall(SYS_clock_gettime, clock, now))
		return -1;
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		now->tv_sec += AHEAD;
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	if (syscall(SYS_gettimeofday, now, zone))
		return -1;
	now->tv_sec += AHEAD;
	return 0;
}

time_t time(time_t *told)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now))
		return (time_t)-1;
	if (told)
		*told = now.tv_sec;
	return now.tv_sec;
}
