/*
 * What init says to whoever reads the console. A line of it counts only with the nonce of the run, which came along in a file and is
 * taken before anything else runs: whatever is loaded or started later can print what it likes, and cannot speak for init.
 */
#ifndef KFLAKE_MARKS_H
#define KFLAKE_MARKS_H

#define NONCE_FILE "/kflake_nonce"
#define NONCE_DIGITS 32

/* What stands where no run gave one. */
static char nonce[NONCE_DIGITS + 1] = "none";

/* The digits are the file's last, before a newline. */
static void take_nonce(void)
{
	char text[128];
	ssize_t got;
	int fd = open(NONCE_FILE, O_RDONLY), n;

	if (fd < 0)
		return;
	got = read(fd, text, sizeof(text));
	close(fd);
	unlink(NONCE_FILE);
	if (got < NONCE_DIGITS + 1)
		return;
	for (n = 0; n < NONCE_DIGITS; n++)
		nonce[n] = text[got - 1 - NONCE_DIGITS + n];
}

/* One write per line, so that kernel messages cannot fall into the middle of it. */
static void say(const char *line)
{
	size_t length = strlen(line);

	while (length > 0) {
		ssize_t written = write(1, line, length);

		if (written <= 0)
			return;
		line += written;
		length -= written;
	}
}

/* `who` is a name of ours. */
static void mark(const char *who, const char *words)
{
	char line[640];

	snprintf(line, sizeof(line), "\n%s: %s %s\n", who, nonce, words);
	say(line);
}

#endif
