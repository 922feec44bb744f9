/* SPDX-License-Identifier: MIT
 *
 * tcpdelay: a TCP proxy that holds every byte back for a while, each way.
 *
 *   cc -O2 -pthread -o tcpdelay tcpdelay.c
 *   ./tcpdelay PORT TARGET-PORT MICROSECONDS      both on 127.0.0.1; runs until it is killed
 *
 * MICROSECONDS is what is added to a round trip: half of it on the way there, half back. Order and
 * throughput stay: what came together leaves together. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long delay_ns;
static int target;

struct piece {
	struct piece *next;
	struct timespec due;
	size_t n;	/* 0: the end */
	char data[];
};
struct way {		/* one direction of a connection */
	int from, to;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct piece *first, **last;
	size_t held;
};

static void *deliver(void *arg)
{
	struct way *w = arg;

	prctl(PR_SET_TIMERSLACK, 1UL);
	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (!w->first)
			pthread_cond_wait(&w->more, &w->lock);
		struct piece *p = w->first;
		w->first = p->next;
		if (!w->first)
			w->last = &w->first;
		w->held -= p->n;
		pthread_cond_signal(&w->more);
		pthread_mutex_unlock(&w->lock);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &p->due, NULL) == EINTR)
			;
		for (size_t done = 0; done < p->n;) {
			ssize_t r = write(w->to, p->data + done, p->n - done);
			if (r <= 0)
				break;
			done += (size_t)r;
		}
		if (!p->n) {
			shutdown(w->to, SHUT_WR);
			free(p);
			return NULL;	/* the descriptors of a connection are left to the process */
		}
		free(p);
	}
}

static void *collect(void *arg)
{
	struct way *w = arg;
	static __thread char buffer[1 << 18];
	ssize_t r;

	do {
		r = read(w->from, buffer, sizeof buffer);
		if (r < 0)
			r = 0;
		struct piece *p = malloc(sizeof *p + (size_t)r);
		if (!p)
			exit(1);
		clock_gettime(CLOCK_MONOTONIC, &p->due);
		p->due.tv_nsec += delay_ns;
		p->due.tv_sec += p->due.tv_nsec / 1000000000;
		p->due.tv_nsec %= 1000000000;
		p->n = (size_t)r;
		p->next = NULL;
		memcpy(p->data, buffer, (size_t)r);
		pthread_mutex_lock(&w->lock);
		while (w->held > (64 << 20))
			pthread_cond_wait(&w->more, &w->lock);
		*w->last = p;
		w->last = &p->next;
		w->held += p->n;
		pthread_cond_signal(&w->more);
		pthread_mutex_unlock(&w->lock);
	} while (r);
	return NULL;
}

static void start(int from, int to)
{
	struct way *w = calloc(1, sizeof *w);
	pthread_t t;

	if (!w)
		exit(1);
	w->from = from;
	w->to = to;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	if (pthread_create(&t, NULL, deliver, w) || pthread_detach(t) ||
	    pthread_create(&t, NULL, collect, w) || pthread_detach(t))
		exit(1);
}

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: tcpdelay PORT TARGET-PORT MICROSECONDS\n");
		return 2;
	}
	target = atoi(argv[2]);
	delay_ns = atol(argv[3]) * 500;
	signal(SIGPIPE, SIG_IGN);
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = here(atoi(argv[1]));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 64)) {
		perror("tcpdelay");
		return 1;
	}
	/* A reserved source port on the way out: some servers (GlusterFS) ask for one. */
	for (int low = 1023;;) {
		int c = accept(l, NULL, NULL), s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in to = here(target);
		int tries = 100;
		for (; c >= 0 && tries--; low = low > 700 ? low - 1 : 1023) {
			struct sockaddr_in me = here(low);
			if (!bind(s, (struct sockaddr *)&me, sizeof me) || errno == EACCES)
				break;
		}
		if (c < 0 || s < 0 || connect(s, (struct sockaddr *)&to, sizeof to)) {
			close(c);
			close(s);
			continue;
		}
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		start(c, s);
		start(s, c);
	}
}
