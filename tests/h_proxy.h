/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_PROXY_H
#define H_PROXY_H

/*
 * A process between the library, which opens PROXY, and a QEMU at SOCKET, which
 * is honest until it is told otherwise.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "h_qemu.h"
#include "h_random.h"

#define PROXY_SOCKET	"proxy.sock"
#define PROXY		"qtest:" PROXY_SOCKET

enum proxy_mode {
	PROXY_HONEST,
	PROXY_SLOW,		/* n ms before each byte of the answers */
	PROXY_CUT,		/* hangs up after n bytes of them */
	PROXY_CUT_COMMAND,	/* likewise of the commands: see there */
	PROXY_FLOOD,		/* n lines of interrupts before each answer */
	PROXY_GARBAGE,		/* answer n is none */
	PROXY_REFUSE,		/* answer n is a refusal */
	PROXY_SILENT		/* from answer n on there is none */
};

/* Shared with the process. */
struct proxy {
	enum proxy_mode	mode;
	unsigned long	n;
	unsigned	kind;		/* of garbage */
	/* What has come from QEMU since the connection was made. */
	unsigned long	answers;
	unsigned long	bytes;
	unsigned long	commands;	/* bytes that went there */
};

static volatile struct proxy *proxy;

static void
proxy_write(int fd, const char *data, size_t length)
{
	ssize_t n;

	while (length > 0) {
		if ((n = send(fd, data, length, MSG_NOSIGNAL)) <= 0)
			return;
		data += n;
		length -= (size_t)n;
	}
}

static void
proxy_flood(int fd)
{
	static const char *const lines[] = {
		"raise ", "lower ", "raise 9", "nonsense ", "raise -", "\033[2J"
	};
	char text[64];
	unsigned long i;

	for (i = 0; i < proxy->n; i++) {
		(void)snprintf(text, sizeof(text), "IRQ %s%lu\n",
		    lines[i % 6], i % 40);
		proxy_write(fd, text, strlen(text));
	}
}

#define PROXY_KINDS	6

static void
proxy_garbage(int fd)
{
	static char data[65536];
	static const struct {
		const char	*text;
		size_t		length;
	} garbage[PROXY_KINDS] = {
		{ "\033]0;gotcha\007\233m\r\n", 15 }, { "\0\0\0\n", 4 },
		{ "\n", 1 }, { "OK 0x12monkeys\n", 15 }, { NULL, 0 },
		{ NULL, 1 }
	};
	size_t i, length = garbage[proxy->kind].length;

	if (garbage[proxy->kind].text != NULL) {
		proxy_write(fd, garbage[proxy->kind].text, length);
		return;
	}
	/* Anything; or a line without an end. */
	for (i = 0; i < sizeof(data); i++)
		data[i] = length != 0 ? 'x' : (char)next_random();
	proxy_write(fd, data, length != 0 ? sizeof(data) :
	    1 + next_random() % 200);
	proxy_write(fd, "\n", length == 0);
}

/* One line of QEMU's, with its end: 0 when it is time to hang up. */
static int
proxy_answer(int fd, const char *line, size_t length)
{
	size_t i;

	if (strncmp(line, "IRQ ", 4) != 0)
		proxy->answers++;
	switch (proxy->mode) {
	case PROXY_FLOOD:
		proxy_flood(fd);
		break;
	case PROXY_GARBAGE:
		if (proxy->answers == proxy->n) {
			proxy_garbage(fd);
			return 1;
		}
		break;
	case PROXY_REFUSE:
		if (proxy->answers == proxy->n) {
			proxy_write(fd, "FAIL Unwilling\n", 15);
			return 1;
		}
		break;
	case PROXY_SILENT:
		if (proxy->answers >= proxy->n)
			return 1;
		break;
	default:
		break;
	}
	for (i = 0; proxy->mode == PROXY_SLOW && i < length; i++) {
		sleep_ms((long)proxy->n);
		proxy_write(fd, line + i, 1);
	}
	if (proxy->mode == PROXY_CUT && proxy->bytes + length >= proxy->n) {
		proxy_write(fd, line, proxy->n - proxy->bytes);
		proxy->bytes = proxy->n;
		return 0;
	}
	proxy->bytes += length;
	if (proxy->mode != PROXY_SLOW)
		proxy_write(fd, line, length);
	return 1;
}

/*
 * A command that ends too soon makes QEMU abort, whoever ends it; but data may.
 * Long lines alone are cut in their middle.
 */
static int
proxy_command(int fd, const char *data, size_t length)
{
	size_t cut = proxy->n - proxy->commands;

	if (proxy->mode == PROXY_CUT_COMMAND &&
	    proxy->commands + length >= proxy->n) {
		if (strncmp(data, "b64write ", 9) != 0 || cut < 40)
			cut = 0;
		proxy_write(fd, data, cut);
		proxy->commands = proxy->n;
		return 0;
	}
	proxy->commands += length;
	proxy_write(fd, data, length);
	return 1;
}

/* From client to QEMU, and back a line at a time. */
static void
proxy_serve(int client, int qemu)
{
	static char in[65536], lines[65536];
	struct pollfd pfds[2] = { { client, POLLIN, 0 }, { qemu, POLLIN, 0 } };
	size_t used = 0;
	ssize_t n;
	char *end;

	for (;;) {
		(void)poll(pfds, 2, -1);
		if (pfds[0].revents != 0 &&
		    ((n = read(client, in, sizeof(in))) <= 0 ||
		    !proxy_command(qemu, in, (size_t)n)))
			return;
		if (pfds[1].revents == 0)
			continue;
		n = read(qemu, lines + used, sizeof(lines) - used);
		if (n <= 0)
			return;
		used += (size_t)n;
		while ((end = memchr(lines, '\n', used)) != NULL) {
			n = end + 1 - lines;
			if (!proxy_answer(client, lines, (size_t)n))
				return;
			used -= (size_t)n;
			memmove(lines, end + 1, used);
		}
	}
}

static int
proxy_socket(const char *path, int is_listener)
{
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    (is_listener ? bind(fd, (struct sockaddr *)&sun, sizeof(sun)) :
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun))) == -1 ||
	    (is_listener && listen(fd, 8) == -1))
		_exit(1);
	return fd;
}

/* One connection after the other. */
static void
proxy_run(int listener)
{
	int client, qemu;

	for (;;) {
		if ((client = accept(listener, NULL, NULL)) == -1)
			_exit(1);
		qemu = proxy_socket(SOCKET, 0);
		proxy->answers = proxy->bytes = proxy->commands = 0;
		proxy_serve(client, qemu);
		(void)close(client);
		(void)close(qemu);
	}
}

/* With a QEMU whose transfers take no time: see lib/qtest/start.c. */
static inline void
start_proxy(void)
{
	pid_t parent = getpid();
	int listener;

	start_qemu("q35,pit=off,hpet=off", "-icount shift=0,sleep=off");
	proxy = mmap(NULL, sizeof(*proxy), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE((const volatile void *)proxy != MAP_FAILED);
	listener = proxy_socket(PROXY_SOCKET, 1);
	switch (fork()) {
	case -1:
		atf_tc_fail("fork");
	case 0:
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			proxy_run(listener);
		_exit(0);
	}
	(void)close(listener);
}

#endif /* H_PROXY_H */
