/*
 * What `kflake boot` gives to someone who sits at the console: a shell that is small enough to come along everywhere. It runs programs
 * by their path, knows a few commands itself, and powers the machine off when it ends. Wants modules.h.
 */
#ifndef KFLAKE_SHELL_H
#define KFLAKE_SHELL_H

#include <dirent.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#define WORDS 256

static const char HELP[] =
	"Programs run by their path. Commands: cat FILE..., cd DIR, dmesg, echo TEXT [> FILE], exit,\n"
	"help, insmod FILE, kill PID, ls [DIR], mkdir DIR, mount [-t TYPE WHAT DIR], pwd, rm FILE..., rmmod NAME, uname.\n"
	"exit, or Ctrl-D, powers the machine off; Ctrl-A X ends it at once.\n";

static int complain(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int copy_out(const char *path)
{
	char buffer[4096];
	ssize_t got;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return complain(path);
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(1, buffer, got) != got)
			return complain("write");
	return got < 0 ? complain(path) : (close(fd), 0);
}

static int list(const char *path)
{
	struct dirent *entry;
	struct stat facts;
	char name[4096];
	DIR *folder = opendir(path);

	if (!folder)
		return complain(path);
	while ((entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (lstat(name, &facts) != 0)
			printf("?          ? %s\n", entry->d_name);
		else
			printf("%c %10lld %s\n",
			       S_ISDIR(facts.st_mode) ? 'd' : S_ISLNK(facts.st_mode) ? 'l' : S_ISREG(facts.st_mode) ? '-' : 'c',
			       (long long)facts.st_size, entry->d_name);
	}
	closedir(folder);
	return 0;
}

static int insert(const char *path)
{
	int error, fd = open(path, O_RDONLY);

	if (fd < 0)
		return complain(path);
	error = load_module(fd);
	errno = error;
	return error ? complain(path) : 0;
}

static int show_log(void)
{
	static char text[1 << 20];
	int length = klogctl(3, text, sizeof(text));

	if (length < 0)
		return complain("dmesg");
	return write(1, text, length) == length ? 0 : 1;
}

/* One command, in a process of its own. */
static int command(int count, char **word)
{
	static char *environment[] = { "PATH=/", "HOME=/", "TERM=vt100", NULL };
	struct utsname name;
	char path[4096];
	int n, failed = 0;

	if (strcmp(word[0], "help") == 0)
		return fputs(HELP, stdout) < 0;
	if (strcmp(word[0], "echo") == 0) {
		for (n = 1; n < count; n++)
			printf("%s%s", n > 1 ? " " : "", word[n]);
		return puts("") < 0;
	}
	if (strcmp(word[0], "pwd") == 0)
		return getcwd(path, sizeof(path)) ? puts(path) < 0 : complain("pwd");
	if (strcmp(word[0], "dmesg") == 0)
		return show_log();
	if (strcmp(word[0], "ls") == 0)
		return list(count > 1 ? word[1] : ".");
	if (strcmp(word[0], "uname") == 0) {
		if (uname(&name) != 0)
			return complain("uname");
		return printf("%s %s %s %s\n", name.sysname, name.release, name.version, name.machine) < 0;
	}
	if (strcmp(word[0], "mount") == 0) {
		if (count == 1)
			return copy_out("/proc/mounts");
		if (count != 5 || strcmp(word[1], "-t") != 0)
			return fputs("mount -t TYPE WHAT DIR\n", stderr), 2;
		return mount(word[3], word[4], word[2], 0, NULL) == 0 ? 0 : complain(word[4]);
	}
	if (count > 1 && strcmp(word[0], "kill") == 0)
		return kill(atoi(word[1]), SIGTERM) == 0 ? 0 : complain(word[1]);
	if (count > 1 && strcmp(word[0], "rmmod") == 0)
		return syscall(SYS_delete_module, word[1], O_NONBLOCK) == 0 ? 0 : complain(word[1]);
	if (count > 1 && strcmp(word[0], "mkdir") == 0)
		return mkdir(word[1], 0755) == 0 ? 0 : complain(word[1]);
	if (count > 1 && strcmp(word[0], "insmod") == 0)
		return insert(word[1]);
	if (count > 1 && strcmp(word[0], "cat") == 0) {
		for (n = 1; n < count; n++)
			failed |= copy_out(word[n]);
		return failed;
	}
	if (count > 1 && strcmp(word[0], "rm") == 0) {
		for (n = 1; n < count; n++)
			failed |= remove(word[n]) == 0 ? 0 : complain(word[n]);
		return failed;
	}
	if (strchr(word[0], '/')) {
		execve(word[0], word, environment);
	} else {
		snprintf(path, sizeof(path), "/%s", word[0]);
		execve(path, word, environment);
	}
	if (errno == ENOENT)
		return fprintf(stderr, "%s: no such program or command; help lists what there is\n", word[0]), 127;
	complain(word[0]);
	return 126;
}

/* The words of a line, in place; quotes keep blanks. What follows > or >> is taken out, as the file to write to. */
static int split(char *line, char **word, char **to, int *append)
{
	char *in = line, *out = line, quote;
	int count = 0, redirect = 0;

	*to = NULL;
	for (;;) {
		while (*in == ' ' || *in == '\t')
			in++;
		if (!*in || *in == '#' || count + 1 == WORDS)
			break;
		if (*in == '>') {
			redirect = 1;
			*append = *++in == '>';
			in += *append;
			continue;
		}
		if (redirect)
			*to = out;
		else
			word[count++] = out;
		redirect = 0;
		for (quote = 0; *in && (quote || !strchr(" \t>", *in)); in++) {
			if (quote ? *in == quote : *in == '"' || *in == '\'')
				quote = quote ? 0 : *in;
			else
				*out++ = *in;
		}
		/* The end of the word may be written over the character that ended it. */
		if (*in == '>') {
			memmove(in + 1, in, strlen(in) + 1);
			in++;
		} else if (*in) {
			in++;
		}
		*out++ = 0;
	}
	word[count] = NULL;
	return count;
}

static void execute(char *line)
{
	char *word[WORDS], *to;
	int append = 0, status, fd, count = split(line, word, &to, &append);
	pid_t child;

	if (count == 0)
		return;
	if (strcmp(word[0], "exit") == 0 || strcmp(word[0], "poweroff") == 0 || strcmp(word[0], "reboot") == 0)
		exit(0);
	if (strcmp(word[0], "cd") == 0) {
		if (chdir(count > 1 ? word[1] : "/") != 0)
			complain(word[1]);
		return;
	}
	fflush(stdout);
	child = fork();
	if (child == 0) {
		/* Its own group in the foreground, so that Ctrl-C reaches it and not us. */
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTTOU, SIG_DFL);
		if (to) {
			fd = open(to, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0644);
			if (fd < 0)
				exit(complain(to));
			dup2(fd, 1);
		}
		exit(command(count, word));
	}
	if (child < 0) {
		complain("fork");
		return;
	}
	setpgid(child, child);
	if (waitpid(child, &status, 0) != child)
		return;
	tcsetpgrp(0, getpgrp());
	if (WIFSIGNALED(status))
		printf("%s\n", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		printf("(exit code %d)\n", WEXITSTATUS(status));
}

/* /dev/console cannot be the terminal that Ctrl-C is typed at; the device behind it can. Without /proc/consoles (before 2.6.38)
   there is no Ctrl-C. */
static void take_terminal(void)
{
	char text[1024], *line;
	unsigned int major, minor;
	int fd = open("/proc/consoles", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	setsid();
	if (got <= 0)
		return;
	text[got] = 0;
	close(fd);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *flags = strchr(line, '('), *end = flags ? strchr(flags, ')') : NULL;

		if (!end || !memchr(flags, 'C', end - flags) || sscanf(end + 1, "%u:%u", &major, &minor) != 2)
			continue;
		mknod("/kflake_terminal", S_IFCHR | 0600, makedev(major, minor));
		fd = open("/kflake_terminal", O_RDWR);
		unlink("/kflake_terminal");
		if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
			return;
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		return;
	}
}

static void interrupted(int signal)
{
	(void)signal;
}

static void shell(void)
{
	char line[2 * 4096], folder[4096];
	struct sigaction interrupt;

	take_terminal();
	/* Ctrl-C at the prompt ends the read, and there is a new prompt. */
	memset(&interrupt, 0, sizeof(interrupt));
	interrupt.sa_handler = interrupted;
	sigaction(SIGINT, &interrupt, NULL);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	fputs("A small shell; help lists its commands, exit powers off.\n", stdout);
	for (;;) {
		printf("%s # ", getcwd(folder, sizeof(folder)) ? folder : "?");
		fflush(stdout);
		/* As long as a line can get by words that end at a `>`. */
		errno = 0;
		if (!fgets(line, sizeof(line) / 2, stdin)) {
			if (errno != EINTR)
				break;
			clearerr(stdin);
			puts("");
			continue;
		}
		line[strcspn(line, "\r\n")] = 0;
		execute(line);
		fflush(stdout);
	}
	exit(0);
}

#endif
