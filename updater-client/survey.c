/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/survey.h"

#include <string.h>

#include "common/floor.h"
#include "common/json.h"
#include "common/stepback.h"

/* One survey under way. */
struct look {
	const struct survey_job *job;
	struct survey *survey;
	/* Authorisations that are listed for what runs here. */
	char backs[WAY_BACK_MAX][PATH_MAX_LEN];
	size_t back_count;
};

/* One delegated role, if the repository has it. */
static int each_in(const struct survey_job *job, const char *role,
		   int (*visit)(void *ctx, const struct tuf_target *t,
				struct err *e),
		   void *ctx, struct err *e)
{
	struct err why = { 0 };

	if (tuf_client_each_in(job->client, job->from, role, visit, ctx,
			       &why) == 0 ||
	    why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

int survey_each(const struct survey_job *job,
		int (*visit)(void *ctx, const struct tuf_target *t,
			     struct err *e),
		void *ctx, struct err *e)
{
	char role[sizeof("product-") + NAME_MAX_LEN];

	if (tuf_client_each(job->client, visit, ctx, e) ||
	    text_format(role, sizeof(role), e, "product-%s",
			job->device->product) ||
	    each_in(job, role, visit, ctx, e))
		return -1;
	return job->lab ? each_in(job, "nightly", visit, ctx, e) : 0;
}

/* ---- the list ------------------------------------------------------------ */

static bool is_stepback(const struct tuf_target *t)
{
	const struct json *pawl =
		t->custom ? json_get(t->custom, "pawl") : NULL;

	return pawl &&
	       strcmp(json_text(json_get(pawl, "type")), "stepback") == 0;
}

/* Is it "stepback/<product>/<what runs>-..."? */
static bool is_from_here(const struct policy_device *d, const char *path)
{
	char start[PATH_MAX_LEN];
	struct err unused;

	return d->has_running &&
	       text_format(start, sizeof(start), &unused, "stepback/%s/%llu-",
			   d->product, (unsigned long long)d->seq) == 0 &&
	       strncmp(path, start, strlen(start)) == 0;
}

static int note_target(void *ctx, const struct tuf_target *t, struct err *e)
{
	struct look *l = ctx;
	struct release r = { 0 };
	struct err other = { 0 };

	if (is_stepback(t)) {
		if (is_from_here(l->job->device, t->path) &&
		    l->back_count < WAY_BACK_MAX)
			return text_format(l->backs[l->back_count++],
					   PATH_MAX_LEN, e, "%s", t->path);
		return 0;
	}
	/* What cannot be read is judged where releases are offered. */
	if (release_parse(t, &r, &other) == 0 && (l->job->lab || !r.nightly) &&
	    strcmp(r.product, l->job->device->product) == 0)
		way_add(&l->survey->way, &r);
	release_done(&r);
	return 0;
}

/* ---- documents ----------------------------------------------------------- */

static int read_floor(struct look *l, struct err *e)
{
	const char *product = l->job->device->product;
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct err why = { 0 };
	char path[PATH_MAX_LEN];
	struct floor floor;
	int rc = -1;

	if (floor_path(product, path, e))
		goto out;
	if (tuf_client_document(l->job->client, l->job->from, path,
				STATEMENT_MAX_LEN, &bytes, &why)) {
		rc = why.code == ERR_NOT_FOUND ? 0 : -1;
		if (rc)
			*e = why;
		goto out;
	}
	if (floor_parse(buf_slice(&bytes), &floor, e))
		goto out;
	if (strcmp(floor.product, product) != 0) {
		err_set(e, ERR_UNTRUSTED, "the floor is of %s", floor.product);
		goto out;
	}
	if (floor.seq > l->survey->floor)
		l->survey->floor = floor.seq;
	rc = 0;
out:
	buf_done(&bytes);
	return rc ? err_in(e, "the floor") : 0;
}

static int read_back(struct look *l, const char *path, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	struct stepback back;
	struct err other = { 0 };
	char own[PATH_MAX_LEN];
	int rc = -1;

	if (tuf_client_document(l->job->client, l->job->from, path,
				STATEMENT_MAX_LEN, &bytes, e) ||
	    stepback_parse(buf_slice(&bytes), &back, e) ||
	    stepback_path(&back, own, e))
		goto out;
	if (strcmp(own, path) != 0) {
		err_set(e, ERR_UNTRUSTED, "it stands under another name");
		goto out;
	}
	/* One that has expired is none; that is nothing to fail for. */
	if (stepback_allows(&back, l->job->device->product, l->job->device->seq,
			    l->job->now, &other) == 0)
		way_add_back(&l->survey->way, back.to);
	rc = 0;
out:
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

int survey_make(const struct survey_job *job, struct survey *s, struct err *e)
{
	struct look l = { .job = job, .survey = s };

	way_done(&s->way);
	if (survey_each(job, note_target, &l, e) || read_floor(&l, e))
		return -1;
	for (size_t i = 0; i < l.back_count; i++)
		if (read_back(&l, l.backs[i], e))
			return -1;
	return 0;
}

void survey_done(struct survey *s)
{
	way_done(&s->way);
	*s = (struct survey){ .floor = 0 };
}
