/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that decides what is true, as the client starts it: forked and
 * confined, with the real source process over a folder (or a real server)
 * behind it. The test is the controlling process.
 */
#ifndef TESTS_UNIT_TRUST_BOX_H
#define TESTS_UNIT_TRUST_BOX_H

#include "tests/unit/box.h"
#include "tests/unit/tls_server.h"
#include "tests/unit/tuf_listed.h"
#include "updater-client/source.h"
#include "updater-client/trust.h"
#include "updater-client/worker.h"

#define PATIENCE_MS 20000

struct trust_box {
	struct repo *repo;
	struct box box;
	int folder_fd, metadata_fd, site_fd;
	char root_path[96], ca_path[96];
	struct trust_setup setup;
	struct worker source, trust;
	struct tls_server server;
	struct message question, answer;
};

/* ---- the repository ------------------------------------------------------ */

/* All that it serves, as a folder of files. */
static inline void pour(struct trust_box *w)
{
	for (const struct repo_file *f = w->repo->files; f; f = f->next) {
		char path[TUF_SOURCE_NAME_MAX + 16];
		struct err e = { 0 };
		char *slash;

		if (!f->name[0] || repo_file(w->repo, f->name) != f)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s",
			       strncmp(f->name, TUF_TARGETS_DIR,
				       strlen(TUF_TARGETS_DIR)) == 0
				       ? ""
				       : "metadata/",
			       f->name);
		slash = strrchr(path, '/');
		*slash = 0;
		assert_ok(fs_mkdirs(w->folder_fd, path, 0755, &e));
		*slash = '/';
		assert_ok(fs_replace_file(w->folder_fd, path,
					  buf_slice(&f->bytes), 0644, &e));
	}
}

static inline void release_and_pour(struct trust_box *w)
{
	repo_release(w->repo);
	pour(w);
}

/* ---- the processes ------------------------------------------------------- */

static inline void start_source(struct trust_box *w, int peer_fd)
{
	static char *urls[1];
	struct source_setup setup = {
		.folder_fd = w->server.pid > 0 ? -1 : w->folder_fd,
		.urls = urls,
		.url_count = 1,
		.ca_path = w->ca_path,
		.state_fd = -1,
		.token_fd = -1,
		.site_fd = -1,
		.spool_fd = -1,
		.peer_fd = peer_fd,
	};
	const struct worker_task task = { .name = "source",
					  .run = source_run,
					  .ctx = &setup,
					  .keep = { peer_fd, w->folder_fd },
					  .keep_count = 2 };
	struct message begin = { .kind = MESSAGE_BEGIN, .now = NOW }, m;
	struct err e = { 0 };

	urls[0] = w->server.url;
	assert_ok(worker_start(&task, -1, &w->source, &e));
	assert_ok(ipc_ask(&w->source.channel, &begin, MESSAGE_DONE, PATIENCE_MS,
			  &m, &e));
}

static inline void start(struct trust_box *w)
{
	const struct worker_task task = { .name = "trust",
					  .run = trust_run,
					  .ctx = &w->setup,
					  .keep = { 0, w->metadata_fd,
						    w->site_fd },
					  .keep_count = 3 };
	struct worker_task own = task;
	int link[2];
	struct err e = { 0 };

	worker_stop(&w->trust);
	worker_stop(&w->source);
	assert_ok(ipc_pair(link, &e));
	start_source(w, link[0]);
	w->setup.source_fd = own.keep[0] = link[1];
	assert_ok(worker_start(&own, -1, &w->trust, &e));
	fs_close(&link[0]);
	fs_close(&link[1]);
}

static inline int ask(struct trust_box *w, enum message_kind kind,
		      struct err *e)
{
	return ipc_ask(&w->trust.channel, &w->question, kind, PATIENCE_MS,
		       &w->answer, e);
}

static inline int open_at(struct trust_box *w, int64_t now, struct err *e)
{
	w->question = (struct message){ .kind = MESSAGE_OPEN, .now = now };
	return ask(w, MESSAGE_SITE, e);
}

/* A device of the product gateway, where release 9 runs. */
static inline void prepare(struct trust_box *w)
{
	struct message_choose *m = &w->question.choose;

	w->question = (struct message){ .kind = MESSAGE_CHOOSE };
	m->clock = m->floor = NOW;
	m->refresh = m->enrolled = true;
	m->id.bytes[0] = 9;
	strcpy(m->cohort, "canary");
	strcpy(m->device.product, "gateway");
	m->device.slot_count = 1;
	m->device.slots[0].content = PACKAGE_TREE;
	m->device.slots[0].attributes = TREE_APP;
	m->device.slots[0].digest.bytes[0] = 9;
	m->device.digest.bytes[0] = 9;
	m->device.has_running = true;
	strcpy(m->device.running, "9");
	m->device.seq = m->device.content_seq = 9;
}

static inline void begin(struct trust_box *w)
{
	struct err e = { 0 };

	start(w);
	assert_ok(open_at(w, NOW, &e));
	prepare(w);
}

/* The repository is served as it was made: root, and nothing listed. */
static inline void trust_box_open(struct trust_box *w)
{
	struct err e = { 0 };

	memset(w, 0, sizeof(*w));
	w->repo = repo_new();
	box_open(&w->box);
	w->folder_fd = box_folder(&w->box, "server");
	w->metadata_fd = box_folder(&w->box, "metadata");
	w->site_fd = box_folder(&w->box, "site");
	(void)snprintf(w->root_path, sizeof(w->root_path), "%s/root.json",
		       w->box.path);
	(void)snprintf(w->ca_path, sizeof(w->ca_path), "%s/ca.pem",
		       w->box.path);
	assert_ok(fs_replace_file(
		w->box.dir, "root.json",
		buf_slice(&repo_file(w->repo, "1.root.json")->bytes), 0644,
		&e));
	w->setup = (struct trust_setup){ .metadata_fd = w->metadata_fd,
					 .root_path = w->root_path,
					 .environment = ENV_LAB,
					 .site_fd = w->site_fd };
	pour(w);
}

static inline void trust_box_close(struct trust_box *w)
{
	worker_stop(&w->trust);
	worker_stop(&w->source);
	tls_server_stop(&w->server);
	fs_close(&w->folder_fd);
	fs_close(&w->metadata_fd);
	fs_close(&w->site_fd);
	box_close(&w->box);
	repo_free(w->repo);
}

#endif
