/* Copies standard input to standard output, and ends with 5. */
#include <unistd.h>

int main(void)
{
	char bytes[4096];
	ssize_t got;

	while ((got = read(0, bytes, sizeof(bytes))) > 0)
		if (write(1, bytes, got) != got)
			return 1;
	return got == 0 ? 5 : 2;
}
