/* Uses enough of a C library to notice a bad one: sorting, formatting, allocation, threads, long jumps. */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf back;

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void *answer(void *argument)
{
	*(int *)argument = 42;
	return argument;
}

int main(void)
{
	int *numbers = malloc(3 * sizeof(int));
	int caught = 0, jumped;
	pthread_t thread;

	memcpy(numbers, (int[]){3, 1, 2}, 3 * sizeof(int));
	qsort(numbers, 3, sizeof(int), compare);
	if (pthread_create(&thread, NULL, answer, &caught) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	jumped = setjmp(back);
	if (jumped == 0)
		longjmp(back, 7);
#ifdef __GLIBC__
	const char *libc = "glibc";
#else
	const char *libc = jumped == 7 ? "musl" : "a bad jump";
#endif
	printf("sorted %d %d %d, caught %d, on %s\n", numbers[0], numbers[1], numbers[2], caught, libc);
	return 0;
}
