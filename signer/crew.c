/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t work; /* there is some, or the crew ends */
	pthread_cond_t done; /* the last part has ended */
	pthread_t threads[CREW_MAX];
	unsigned count; /* of threads */
	bool ends;
	/* the work under way */
	int (*part)(void *ctx, size_t index, struct err *e);
	void *ctx;
	size_t next, parts, running;
	size_t failed; /* first part that did, SIZE_MAX if none */
	struct err error;
};

/* With the lock held, which is given up for the time of the part. */
static void do_part(struct crew *c)
{
	const size_t index = c->next++;
	struct err e = { 0 };
	int rc;

	c->running++;
	pthread_mutex_unlock(&c->lock);
	rc = c->part(c->ctx, index, &e);
	pthread_mutex_lock(&c->lock);
	if (rc && index < c->failed) {
		c->failed = index;
		c->error = e;
	}
	c->running--;
	if (c->next == c->parts && c->running == 0)
		pthread_cond_signal(&c->done);
}

static void *work(void *arg)
{
	struct crew *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->ends) {
		if (c->next < c->parts)
			do_part(c);
		else
			pthread_cond_wait(&c->work, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static unsigned processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	if (count < 1)
		return 1;
	return count < CREW_MAX ? (unsigned)count : CREW_MAX;
}

int crew_new(unsigned jobs, struct crew **out, struct err *e)
{
	struct crew *c = mem_alloc(1, sizeof(*c));
	sigset_t all, before;
	int rc = 0;

	if (jobs == 0)
		jobs = processors();
	if (jobs > CREW_MAX)
		jobs = CREW_MAX;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->done, NULL);
	/* Signals are for the thread that knows what to do with them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (c->count + 1 < jobs && rc == 0) {
		rc = pthread_create(&c->threads[c->count], NULL, work, c);
		c->count += rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		crew_free(c);
		return err_set(e, ERR_SYSTEM, "threads cannot be had");
	}
	*out = c;
	return 0;
}

void crew_free(struct crew *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->ends = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->count; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int run_alone(size_t count,
		     int (*part)(void *ctx, size_t index, struct err *e),
		     void *ctx, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (part(ctx, i, e))
			return -1;
	return 0;
}

int crew_run(struct crew *c, size_t count,
	     int (*part)(void *ctx, size_t index, struct err *e), void *ctx,
	     struct err *e)
{
	int rc;

	if (!c || c->count == 0 || count < 2)
		return run_alone(count, part, ctx, e);
	pthread_mutex_lock(&c->lock);
	c->part = part;
	c->ctx = ctx;
	c->failed = SIZE_MAX;
	c->next = 0;
	c->parts = count;
	pthread_cond_broadcast(&c->work);
	while (c->next < c->parts)
		do_part(c);
	while (c->running > 0)
		pthread_cond_wait(&c->done, &c->lock);
	rc = c->failed == SIZE_MAX ? 0 : -1;
	if (rc)
		*e = c->error;
	pthread_mutex_unlock(&c->lock);
	return rc;
}
