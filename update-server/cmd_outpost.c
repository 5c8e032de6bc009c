/* SPDX-License-Identifier: Apache-2.0 */
/* `outpost add|list|show`, and `bundle import`: what a medium brought over an
 * air gap. */
#include "update-server/cmd_outpost.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/text.h"

#include "update-server/bundle_file.h"
#include "update-server/cmd_envelope.h"
#include "update-server/cmd_release.h"
#include "update-server/commands.h"
#include "update-server/outpost.h"

#define REPORTS     "reports"
#define DEVICES     "devices"
#define NUMBERS_MAX 1000 /* reports of one medium */

/* ---- carrying out -------------------------------------------------------- */

static int fetch_report(struct ui *u, int dirfd, int64_t number, struct err *e)
{
	struct buf file = BUF_INIT(OUTPOST_FILE_MAX);
	char from[64], to[64];
	int rc = -1;

	if (text_format(from, sizeof(from), e, "/v1/people/report/%" PRId64,
			number) == 0 &&
	    text_format(to, sizeof(to), e, REPORTS "/%" PRId64 ".json",
			number) == 0 &&
	    people_fetch(u->client, from, &file, e) == 0)
		rc = fs_replace_file(dirfd, to, buf_slice(&file), 0644, e);
	buf_done(&file);
	return rc;
}

int outpost_export(struct ui *u, int dirfd, uint64_t since, struct err *e)
{
	struct json *body = json_new_object(), *answer = NULL;
	const struct json *list;
	int rc = 0;

	if (since > 0)
		json_set_int(body, "since", (int64_t)since);
	if (people_post(u->client, "/v1/people/report-export", body, &answer,
			e) ||
	    fs_mkdirs(dirfd, REPORTS, 0755, e)) {
		json_free(answer);
		return -1;
	}
	list = json_get(answer, "reports");
	for (size_t i = 0; rc == 0 && i < json_count(list); i++)
		rc = fetch_report(u, dirfd, json_int(json_at(list, i)), e);
	if (rc == 0 && u->json)
		rc = ui_print_json(answer, e);
	else if (rc == 0)
		printf("report %" PRId64 ", and %zu before it\n",
		       json_int(json_get(answer, "report")),
		       json_count(list) - 1);
	json_free(answer);
	return rc;
}

/* ---- bringing in --------------------------------------------------------- */

/* *known: the server has this one, or a later. */
static int upload_report(struct ui *u, int dirfd, uint64_t number, bool *known,
			 struct err *e)
{
	char path[64];
	struct stat st;
	int fd = -1, rc = -1;

	*known = false;
	if (text_format(path, sizeof(path), e, REPORTS "/%" PRIu64 ".json",
			number) ||
	    fs_open(dirfd, path, O_RDONLY | O_CLOEXEC, &fd, e))
		return -1;
	if (fstat(fd, &st))
		(void)err_sys(e, "%s", path);
	else
		rc = people_put(u->client, "/v1/people/outpost-report", fd,
				(uint64_t)st.st_size, e);
	fs_close(&fd);
	if (rc && e->code == ERR_ROLLBACK) {
		*known = true;
		return 0;
	}
	return rc ? err_in(e, "%s", path) : 0;
}

struct numbers {
	uint64_t at[NUMBERS_MAX];
	size_t count;
};

static int note_number(struct numbers *n, const char *name, struct err *e)
{
	struct slice text = slice_of(name), tail = slice_of(".json");
	struct err ignored;
	uint64_t number;
	size_t i;

	if (text.len <= tail.len ||
	    !slice_equal(slice_sub(text, text.len - tail.len, tail.len),
			 tail) ||
	    num_parse(slice_sub(text, 0, text.len - tail.len), JSON_INT_MAX,
		      &number, &ignored))
		return 0;
	if (n->count == NUMBERS_MAX)
		return err_set(e, ERR_LIMIT, REPORTS ": more than %d",
			       NUMBERS_MAX);
	for (i = n->count++; i > 0 && n->at[i - 1] > number; i--)
		n->at[i] = n->at[i - 1];
	n->at[i] = number;
	return 0;
}

static int read_numbers(int dirfd, struct numbers *n, struct err *e)
{
	const struct dirent *entry;
	DIR *d = NULL;
	int fd = -1, rc = 0;

	if (fs_open(dirfd, REPORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd, e))
		return -1;
	d = fdopendir(fd);
	if (!d) {
		fs_close(&fd);
		return err_sys(e, REPORTS);
	}
	while (rc == 0 && (entry = readdir(d)))
		rc = note_number(n, entry->d_name, e);
	(void)closedir(d); /* it was only read */
	return rc;
}

/* In the order of their numbers; the known ones are passed over, but a medium
 * without any news is an old one. */
static int import_reports(struct ui *u, int dirfd, struct err *e)
{
	struct numbers n = { .count = 0 };
	size_t news = 0;
	bool known;

	if (read_numbers(dirfd, &n, e))
		return -1;
	for (size_t i = 0; i < n.count; i++) {
		if (upload_report(u, dirfd, n.at[i], &known, e))
			return -1;
		news += !known;
	}
	if (news == 0)
		return err_set(e, ERR_ROLLBACK,
			       "all reports of this medium are known already");
	if (u->json)
		printf("{\"v\": 1, \"reports\": %zu}\n", news);
	else
		printf("%zu new report%s\n", news, news == 1 ? "" : "s");
	return 0;
}

/* ---- what devices said --------------------------------------------------- */

struct words {
	size_t news, known, refused;
};

static int upload_word(struct ui *u, int folder, const char *name,
		       struct words *w, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct stat st;
	int fd = -1, rc = -1;

	if (text_format(path, sizeof(path), e, DEVICES "/%s", name) ||
	    fs_open(folder, name, O_RDONLY | O_CLOEXEC, &fd, e))
		return -1;
	if (fstat(fd, &st))
		(void)err_sys(e, "%s", path);
	else
		rc = people_put(u->client, "/v1/people/device-report", fd,
				(uint64_t)st.st_size, e);
	fs_close(&fd);
	if (rc == 0)
		w->news++;
	else if (e->code == ERR_ROLLBACK)
		w->known++;
	else
		return err_in(e, "%s", path);
	return 0;
}

/* One that is not taken keeps no other from being heard; the first is told. */
static int upload_words(struct ui *u, DIR *d, struct words *w, struct err *e)
{
	const struct dirent *entry;
	struct err why = { 0 };

	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    upload_word(u, dirfd(d), entry->d_name, w, &why) == 0)
			continue;
		if (why.code == ERR_NETWORK) {
			*e = why;
			return -1;
		}
		if (w->refused++ == 0)
			*e = why;
	}
	return w->refused > 0 ? -1 : 0;
}

static int import_words(struct ui *u, int folder, struct err *e)
{
	struct words w = { 0 };
	char text[128];
	DIR *d = NULL;
	int fd = -1, rc;

	if (fs_open(folder, DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd,
		    e))
		return -1;
	d = fdopendir(fd);
	if (!d) {
		fs_close(&fd);
		return err_sys(e, DEVICES);
	}
	rc = upload_words(u, d, &w, e);
	(void)closedir(d); /* it was only read */
	(void)snprintf(text, sizeof(text),
		       "{\"v\": 1, \"devices\": %zu, \"known\": %zu, "
		       "\"refused\": %zu}",
		       w.news, w.known, w.refused);
	if (u->json)
		program_print_json(text);
	else
		printf("%zu device%s said something new, %zu nothing new, %zu "
		       "refused\n",
		       w.news, w.news == 1 ? "" : "s", w.known, w.refused);
	return rc;
}

static bool has(int dirfd, const char *name)
{
	struct err ignored;
	int fd = -1;
	bool found = fs_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			     &fd, &ignored) == 0;

	fs_close(&fd);
	return found;
}

/* Releases and keys came from outside, reports from inside. */
static int import_rest(struct ui *u, const struct bundle_place *p,
		       struct err *e)
{
	char path[PATH_MAX_LEN];

	if (has(p->dirfd, "metadata") && release_import_folder(u, p->dirfd, e))
		return -1;
	if (has(p->dirfd, "envelopes") &&
	    (text_format(path, sizeof(path), e, "%s/envelopes", p->path) ||
	     envelope_import_folder(u, path, e)))
		return -1;
	return has(p->dirfd, REPORTS) ? import_reports(u, p->dirfd, e) : 0;
}

/* A word that is refused keeps nothing else on the medium from being taken in;
 * the first that went wrong is told at the end. */
static int import_parts(struct ui *u, const struct bundle_place *p,
			struct err *e)
{
	const int dirfd = p->dirfd;
	bool releases = has(dirfd, "metadata");
	bool keys = has(dirfd, "envelopes"), reports = has(dirfd, REPORTS);
	bool words = has(dirfd, DEVICES);
	struct err later = { 0 };
	int rc = 0;

	if (!releases && !keys && !reports && !words)
		return err_set(
			e, ERR_NOT_FOUND,
			"%s holds neither metadata/, envelopes/, " REPORTS
			"/ nor " DEVICES "/",
			u->operands[0]);
	/* First: what devices said is news, whatever the rest is. */
	if (words && import_words(u, dirfd, e)) {
		rc = -1;
		if (e->code == ERR_NETWORK)
			return -1; /* nobody is there for the rest, either */
	}
	return import_rest(u, p, rc ? &later : e) ? -1 : rc;
}

int command_bundle_import(int argc, char **argv, struct err *e)
{
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct bundle_place place = BUNDLE_PLACE_INIT;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 1, e) == 0 &&
	    bundle_place_read(u.operands[0], &place, e) == 0)
		rc = import_parts(&u, &place, e);
	rc = bundle_place_end(&place, rc, e);
	ui_done(&u);
	return rc;
}

/* ---- outposts ------------------------------------------------------------ */

int command_outpost_add(int argc, char **argv, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct ui u = { 0 };
	const struct opt opts[] = { UI_OPTIONS(&u), OPT_END };
	struct ec_public key;
	struct json *body;
	int rc = -1;

	if (ui_start(&u, argc, argv, opts, 2, e))
		goto out;
	if (!name_is_valid(slice_of(u.operands[0]))) {
		(void)err_set(e, ERR_USAGE, "%s: not a name", u.operands[0]);
		goto out;
	}
	if (fs_read_path(u.operands[1], &pem, e) ||
	    ec_public_from_pem(buf_slice(&pem), &key, e)) {
		(void)named_in(e, u.operands[1]);
		goto out;
	}
	body = json_new_object();
	json_set_text(body, "name", u.operands[0]);
	json_set_text(body, "key", buf_text(&pem));
	rc = ui_act(&u, "/v1/people/outpost-add", body,
		    "added: its reports are taken from now on", e);
out:
	buf_done(&pem);
	ui_done(&u);
	return rc;
}

int command_outpost_list(int argc, char **argv, struct err *e)
{
	static const char *const columns[] = { "name",  "report",   "records",
					       "added", "received", NULL };

	return ui_list(argc, argv, "/v1/people/outposts", "outposts", columns,
		       e);
}

static void print_outpost(const struct json *j)
{
	static const char *const fields[] = { "name",    "key",   "report",
					      "records", "added", "received",
					      NULL };
	static const char *const said[] = { "time", "version", "environment",
					    "targets", NULL };
	static const char *const fleet[] = { "points",        "devices",
					     "unprovisioned", "behind",
					     "silent",        NULL };
	static const char *const rollouts[] = { "name",       "product",
						"release",    "state",
						"population", NULL };
	const struct json *s = json_get(j, "said");

	ui_fields(j, fields);
	if (!s)
		return;
	printf("\nit said:\n");
	ui_fields(s, said);
	if (json_get(s, "fleet"))
		ui_fields(json_get(s, "fleet"), fleet);
	printf("\n");
	ui_table(json_get(s, "rollouts"), rollouts);
}

int command_outpost_show(int argc, char **argv, struct err *e)
{
	return ui_show(argc, argv, "/v1/people/outpost/", print_outpost, e);
}
