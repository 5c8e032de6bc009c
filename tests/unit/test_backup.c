/* SPDX-License-Identifier: Apache-2.0 */
/* A server's folder, its backup, and the folder that comes of that. */
#include "update-server/backup.h"

#include <signal.h>
#include <sys/resource.h>

#include "common/json.h"

#include "tests/unit/box.h"
#include "update-server/store.h"
#include "update-server/store_cohort.h"

#define BLOB "blobs/ab/abcd"

static const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = 1000 };

struct world {
	struct box box;
	char live[96], saved[96], back[96];
};

static void folder_of(const struct world *w, const char *name, char out[96])
{
	(void)snprintf(out, 96, "%s/%s", w->box.path, name);
}

static void make_server(struct world *w)
{
	char path[128];
	struct store *s = NULL;
	struct err e = { 0 };
	int fd = box_folder(&w->box, "live");

	put_file(fd, "server.conf", "[listen]\npeople = 127.0.0.1:0\n", 0600);
	put_file(fd, "ca.pem", "a certificate", 0644);
	assert_ok(fs_mkdirs(fd, "keys", 0700, &e));
	assert_ok(fs_mkdirs(fd, "keeper/trust", 0700, &e));
	assert_ok(fs_mkdirs(fd, "blobs/ab", 0700, &e));
	put_file(fd, "keys/tls.key", "PRIVATE", 0600);
	put_file(fd, "keys/keeper.secret", "PRIVATE", 0600);
	put_file(fd, "keys/device-ca.pem", "another certificate", 0644);
	put_file(fd, "keeper/versions.json",
		 "{\"snapshot\":7,\"timestamp\":9,\"targets\":3}", 0600);
	put_file(fd, "keeper/stray.key", "PRIVATE", 0600);
	put_file(fd, BLOB, "payload", 0600);
	put_file(fd, BLOB ".0123", "half of one", 0600);
	(void)snprintf(path, sizeof(path), "%s/store.sqlite", w->live);
	assert_ok(store_open(path, &s, &e));
	assert_ok(store_cohort_add(s, "canary", &by, &e));
	store_close(s);
	fs_close(&fd);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	box_open(&w->box);
	folder_of(w, "live", w->live);
	folder_of(w, "saved", w->saved);
	folder_of(w, "back", w->back);
	make_server(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	box_close(&w->box);
	free(w);
	return 0;
}

static int save(struct world *w, bool payloads, struct err *e)
{
	struct backup_list l = { 0 };
	bool runs = true;
	int rc = backup_make(w->live, w->saved, payloads, &l, &runs, e);

	if (rc == 0)
		assert_false(runs);

	backup_list_done(&l);
	return rc;
}

static int put_back(struct world *w, struct err *e)
{
	struct backup_list l = { 0 };
	int rc = backup_restore(w->saved, w->back, "test", &l, e);

	backup_list_done(&l);
	return rc;
}

static bool there(const struct world *w, const char *path)
{
	struct stat st;
	struct err e;

	return fs_stat(w->box.dir, path, &st, &e) == 0;
}

static int64_t version_in(const struct world *w, const char *path,
			  const char *name)
{
	struct buf text = BUF_INIT(4096);
	struct json *j = NULL;
	struct err e = { 0 };
	int64_t version = -1;

	assert_ok(fs_read_file(w->box.dir, path, &text, &e));
	assert_ok(json_parse(buf_slice(&text), &j, &e));
	assert_ok(json_get_int(j, name, 0, JSON_INT_MAX, &version, &e));
	json_free(j);
	buf_done(&text);
	return version;
}

static void a_backup_holds_everything_but_keys(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(save(w, true, &e));
	assert_true(there(w, "saved/store.sqlite"));
	assert_true(there(w, "saved/keeper/versions.json"));
	assert_true(there(w, "saved/keys/device-ca.pem"));
	assert_true(there(w, "saved/" BLOB));
	assert_false(there(w, "saved/" BLOB ".0123"));
	assert_false(there(w, "saved/keys/tls.key"));
	assert_false(there(w, "saved/keys/keeper.secret"));
	assert_false(there(w, "saved/keeper/stray.key"));
	/* Not into what is there already. */
	assert_refused(save(w, true, &e), ERR_CONFLICT);
}

/* Nobody appends to the log of a server that does not run. */
static void what_is_saved_is_left_for_the_next_server_to_record(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(save(w, true, &e));
	assert_int_equal(version_in(w, "live/" STORE_BACKUP, "copies"), 1);
	assert_refused(save(w, true, &e), ERR_CONFLICT);
	assert_int_equal(version_in(w, "live/" STORE_BACKUP, "copies"), 1);
	folder_of(w, "again", w->saved);
	assert_ok(save(w, false, &e));
	assert_int_equal(version_in(w, "live/" STORE_BACKUP, "copies"), 2);
	assert_false(there(w, "again/" STORE_BACKUP));
}

static void payloads_may_be_left_out(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(save(w, false, &e));
	assert_true(there(w, "saved/store.sqlite"));
	assert_false(there(w, "saved/blobs"));
}

static void count_cohort(void *ctx, const struct store_cohort *c)
{
	if (strcmp(c->name, "canary") == 0)
		++*(unsigned *)ctx;
}

static void what_was_saved_comes_back_marked_and_ahead(void **state)
{
	struct world *w = *state;
	struct store *s = NULL;
	struct err e = { 0 };
	unsigned cohorts = 0;
	char path[128];

	assert_ok(save(w, true, &e));
	assert_ok(put_back(w, &e));
	assert_true(there(w, "back/" BLOB));
	assert_true(there(w, "back/" STORE_RESTORED));
	assert_true(version_in(w, "back/keeper/versions.json", "snapshot") >
		    100007);
	assert_true(version_in(w, "back/keeper/versions.json", "timestamp") >
		    100009);
	assert_int_equal(version_in(w, "back/keeper/versions.json", "targets"),
			 3);
	assert_int_equal(backup_missing_keys(w->back), 8);
	(void)snprintf(path, sizeof(path), "%s/store.sqlite", w->back);
	assert_ok(store_open(path, &s, &e));
	assert_ok(store_check(s, &e));
	assert_ok(store_cohort_each(s, count_cohort, &cohorts, &e));
	assert_int_equal(cohorts, 1);
	store_close(s);
	assert_refused(put_back(w, &e), ERR_CONFLICT);
}

static void what_is_newer_there_stays(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };
	int fd;

	assert_ok(save(w, true, &e));
	fd = box_folder(&w->box, "back");
	assert_ok(fs_mkdirs(fd, "keeper", 0700, &e));
	put_file(fd, "keeper/versions.json",
		 "{\"snapshot\":70,\"timestamp\":90,\"targets\":3}", 0600);
	put_file(fd, "server.conf", "# mine\n", 0600);
	fs_close(&fd);
	assert_ok(put_back(w, &e));
	assert_int_equal(version_in(w, "back/keeper/versions.json", "snapshot"),
			 70);
	assert_false(there(w, "back/keeper/trust/x"));
	fd = box_folder(&w->box, "back");
	fs_close(&fd);
}

/* A payload cannot be put where no folder can be. */
static void what_was_cut_short_is_ahead_all_the_same(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };
	int fd;

	assert_ok(save(w, true, &e));
	fd = box_folder(&w->box, "back");
	put_file(fd, "blobs", "no folder", 0600);
	assert_int_equal(put_back(w, &e), -1);
	assert_false(there(w, "back/store.sqlite"));
	assert_ok(fs_remove(fd, "blobs", &e));
	fs_close(&fd);
	assert_ok(put_back(w, &e));
	assert_true(there(w, "back/" BLOB));
	assert_true(version_in(w, "back/keeper/versions.json", "snapshot") >
		    100007);
	assert_true(version_in(w, "back/keeper/versions.json", "timestamp") >
		    100009);
}

static void limit_files(rlim_t size)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static uint64_t length_of(const struct world *w, const char *path)
{
	struct stat st;
	struct err e = { 0 };

	assert_ok(fs_stat(w->box.dir, path, &st, &e));
	return (uint64_t)st.st_size;
}

/* The disk is full in the middle of a payload, and then it is not. */
static void half_a_file_is_never_taken_for_one(void **state)
{
	static char large[65537];
	struct world *w = *state;
	struct err e = { 0 };

	memset(large, 'x', sizeof(large) - 1);
	assert_ok(fs_replace_file(w->box.dir, "live/" BLOB, slice_of(large),
				  0600, &e));
	assert_ok(save(w, true, &e));
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(32768);
	assert_int_equal(put_back(w, &e), -1);
	limit_files(RLIM_INFINITY);
	assert_false(there(w, "back/" BLOB));
	assert_false(there(w, "back/" BLOB ".part"));
	/* nor what a power cut left */
	assert_ok(fs_replace_file(w->box.dir, "back/" BLOB ".part",
				  slice_of("half"), 0600, &e));
	assert_ok(put_back(w, &e));
	assert_int_equal(length_of(w, "back/" BLOB), sizeof(large) - 1);
	assert_false(there(w, "back/" BLOB ".part"));
	assert_false(there(w, "back/store.sqlite.part"));
}

static void a_log_left_over_is_not_played_into_the_database(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };
	int fd;

	assert_ok(save(w, true, &e));
	fd = box_folder(&w->box, "back");
	put_file(fd, "store.sqlite-wal", "of another one", 0600);
	fs_close(&fd);
	assert_refused(put_back(w, &e), ERR_CONFLICT);
	assert_false(there(w, "back/" BLOB));
}

static void spoil(const struct world *w, const char *path)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(w->box.dir, path, slice_of("payloaD"), 0600,
				  &e));
}

static void nothing_of_a_damaged_backup_is_used(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	assert_ok(save(w, true, &e));
	spoil(w, "saved/" BLOB);
	assert_refused(put_back(w, &e), ERR_UNTRUSTED);
	assert_false(there(w, "back/ca.pem"));
	spoil(w, "saved/backup.json");
	assert_refused(put_back(w, &e), ERR_FORMAT);
	assert_ok(fs_remove(w->box.dir, "saved/backup.json", &e));
	assert_refused(put_back(w, &e), ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_backup_holds_everything_but_keys),
		TEST(what_is_saved_is_left_for_the_next_server_to_record),
		TEST(payloads_may_be_left_out),
		TEST(what_was_saved_comes_back_marked_and_ahead),
		TEST(what_is_newer_there_stays),
		TEST(what_was_cut_short_is_ahead_all_the_same),
		TEST(half_a_file_is_never_taken_for_one),
		TEST(a_log_left_over_is_not_played_into_the_database),
		TEST(nothing_of_a_damaged_backup_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
