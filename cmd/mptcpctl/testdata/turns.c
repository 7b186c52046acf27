/* SPDX-License-Identifier: Apache-2.0 */

/*
 * turns N SOCKET DIRECTORY -- BEFORE... -- COMMAND... [-- BEFORE... -- COMMAND...]...
 *
 * Runs commands in turns, N times, each after the one before it, which is not measured.
 * A command may begin with settings for its environment. For each run it prints the
 * number of the command, the time and the processor time in ns, children included, and
 * the peak of memory in kB. Meanwhile it answers at SOCKET as ubusd does, with what is in
 * the files 0, 1 and 2 of DIRECTORY: at first, and to each of two requests. The processor
 * time of that belongs to the command that asks.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listening(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))
		fail(path);
	return fd;
}

static void answer(int listener, const char *directory)
{
	static char text[3][1 << 16], request[1 << 16];
	ssize_t size[3];
	for (int i = 0; i < 3; i++) {
		char name[4096];
		snprintf(name, sizeof name, "%s/%d", directory, i);
		int fd = open(name, O_RDONLY);
		size[i] = read(fd, text[i], sizeof text[i]);
		if (size[i] < 0)
			fail(name);
		close(fd);
	}
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		for (int i = 0; i < 3 && write(fd, text[i], size[i]) == size[i];)
			if (++i < 3 && read(fd, request, sizeof request) <= 0)
				break;
		while (read(fd, request, sizeof request) > 0)
			;
		close(fd);
	}
}

static long long clock_ns(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t))
		fail("clock_gettime");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long ns(struct timeval t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

/* run runs a command that ends with "--" or NULL. */
static void run(char **command, struct rusage *usage)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open("/dev/null", O_RDWR);
		dup2(fd, 1);
		dup2(fd, 2);
		for (; strchr(*command, '='); command++)
			putenv(*command);
		execvp(*command, command);
		_exit(127);
	}
	if (wait4(pid, &status, 0, usage) != pid || status) {
		fprintf(stderr, "%s ended with status %d\n", *command, status);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), commands = 0, listener = listening(argv[2]);
	char **command[64];
	for (int i = 4; i < argc; i++)
		if (!strcmp(argv[i], "--")) {
			argv[i] = NULL;
			command[commands++] = argv + i + 1;
		}
	pid_t bus = fork();
	if (bus == 0)
		answer(listener, argv[3]);
	clockid_t clock;
	if (clock_getcpuclockid(bus, &clock))
		fail("clock_getcpuclockid");
	close(listener);
	while (rounds-- > 0)
		for (int i = 0; i < commands; i += 2) {
			struct rusage usage;
			run(command[i], &usage);
			long long answered = clock_ns(clock), start = clock_ns(CLOCK_MONOTONIC);
			run(command[i + 1], &usage);
			long long took = clock_ns(CLOCK_MONOTONIC) - start, spent = ns(usage.ru_utime) + ns(usage.ru_stime);
			printf("%d %lld %lld %ld\n", i / 2, took, spent + clock_ns(clock) - answered, usage.ru_maxrss);
		}
	kill(bus, SIGKILL);
	return 0;
}
