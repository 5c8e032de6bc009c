/* SPDX-License-Identifier: Apache-2.0 */
/* The commands publish and checklist, as a person runs them: a process each,
 * over a repository on disk. */
#include "signer/commands.h"

#include "tests/unit/lab_repo.h"

#include "tests/unit/said.h"

struct run {
	int (*command)(int argc, char **argv, struct err *e);
	char *argv[8];
	int argc;
};

static struct lab lab;
static struct said said;

static int lab_setup(void **state)
{
	(void)state;
	lab_open(&lab, ENV_LAB);
	return 0;
}

static int production_setup(void **state)
{
	(void)state;
	lab_open(&lab, ENV_PRODUCTION);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lab_close(&lab);
	return 0;
}

/* ---- running ------------------------------------------------------------- */

static int run_command(void *ctx)
{
	const struct run *run = ctx;
	struct err e = { 0 };
	char *argv[8];

	memcpy(argv, run->argv, sizeof(argv));
	if (run->command(run->argc, argv, &e) == 0)
		return 0;
	(void)fprintf(stderr, "%s", e.msg);
	return (int)e.code;
}

/* publish REPO DIR with two more words, or fewer. */
static void publish(const char *option, const char *value)
{
	struct run run = { cmd_publish, { mem_dup_str("publish") }, 1 };

	if (option)
		run.argv[run.argc++] = mem_dup_str(option);
	if (value)
		run.argv[run.argc++] = mem_dup_str(value);
	run.argv[run.argc++] = lab.path;
	run.argv[run.argc++] = lab.folder;
	said_run(&said, run_command, &run);
	for (int i = 0; i < run.argc - 2; i++)
		free(run.argv[i]);
}

static void checklist(const char *operand)
{
	char name[] = "checklist", path[128];
	struct run run = { cmd_checklist, { name, path }, 2 };

	(void)snprintf(path, sizeof(path), "%s", operand);
	said_run(&said, run_command, &run);
}

#define assert_said(code, words)                                               \
	(assert_int_equal(said.status, (code)),                                \
	 assert_non_null(strstr(said.err, (words))))

/* Refused, nobody has seen anything, and nothing counts as published. */
#define assert_unseen(code, words)                                             \
	(assert_said(code, words),                                             \
	 assert_false(lab_has(lab.folder_fd, "metadata/1.targets.json")),      \
	 assert_false(lab_has(lab.r.dirfd, "metadata/1.targets.json")),        \
	 assert_true(lab_has(lab.r.dirfd, "staged/targets.json")))

static bool prints(const char *words)
{
	return strstr(said.out, words) != NULL;
}

/* ---- what is published --------------------------------------------------- */

static void what_was_signed_is_published(void **state)
{
	(void)state;
	lab_list(&lab, LAB_ROLE, "gateway/1/manual.txt", "read me");
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_said(0, "only devices built for lab accept this");
	assert_true(prints("root version 1, until "));
	assert_true(prints("targets version 1, until "));
	assert_true(prints(LAB_ROLE " version 1, until "));
	assert_true(prints("packages: 1 copied"));
	assert_true(prints("published to "));
	assert_true(lab_has(lab.folder_fd, "metadata/1.root.json"));
	assert_true(lab_has(lab.folder_fd, "metadata/1.targets.json"));
	assert_true(lab_has(lab.folder_fd, "metadata/1." LAB_ROLE ".json"));
	assert_false(lab_has(lab.folder_fd, "metadata/timestamp.json"));
	assert_true(lab_has(lab.folder_fd, "targets/gateway"));
	lab_look(&lab);
	assert_int_equal(repo_version(&lab.r, "root"), 1);
	assert_int_equal(repo_version(&lab.r, LAB_ROLE), 1);
	assert_null(repo_role(&lab.r, "targets")->staged);
	/* Again: it is all there. */
	publish(NULL, NULL);
	assert_said(0, "");
	assert_true(prints("packages: 0 copied (0 B), 1 were there"));
}

static void in_a_lab_the_folder_is_complete(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	publish("--with-online", NULL);
	assert_said(0, "");
	assert_true(lab_has(lab.folder_fd, "metadata/timestamp.json"));
	assert_true(lab_has(lab.folder_fd, "metadata/1.snapshot.json"));
	lab_look(&lab);
	publish("--with-online", NULL);
	assert_said(0, "");
	assert_true(lab_has(lab.folder_fd, "metadata/2.snapshot.json"));
}

static void what_is_not_named_stays_staged(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_said(0, "");
	lab_look(&lab);
	lab_begin(&lab, "targets");
	lab_begin(&lab, LAB_ROLE);
	lab_sign_all(&lab);
	publish("--only", LAB_ROLE);
	assert_said(0, "");
	lab_look(&lab);
	assert_int_equal(repo_version(&lab.r, LAB_ROLE), 2);
	assert_int_equal(repo_version(&lab.r, "targets"), 1);
	assert_non_null(repo_role(&lab.r, "targets")->staged);
	assert_false(lab_has(lab.folder_fd, "metadata/2.targets.json"));
}

/* ---- what is refused before anybody sees it ------------------------------ */

static void who_has_not_signed_yet_is_waited_for(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	lab_begin(&lab, "targets");
	lab_sign(&lab, LAB_TARGETS, 1);
	publish(NULL, NULL);
	assert_unseen(ERR_UNTRUSTED, "staged targets is not signed by enough "
				     "keys: missing 1 of ");
}

static void what_the_rules_refuse_is_not_published(void **state)
{
	(void)state;
	json_set_text(lab_signed(&lab, "targets"), "expires",
		      "2020-01-01T00:00:00Z");
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_unseen(ERR_REFUSED, "staged/targets.json: targets: expire");
}

/* A device would look for it in vain. */
static void a_role_that_nobody_signed_is_not_delegated_to(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(repo_unstage(&lab.r, LAB_ROLE, &e));
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_unseen(ERR_REFUSED, "targets delegate to " LAB_ROLE
				   ", which nobody has signed");
}

/* No rule for one file sees that another one comes first. */
static void what_a_device_would_not_find_is_not_published(void **state)
{
	(void)state;
	lab_list(&lab, LAB_ROLE, "gateway/1/manual.txt", "read me");
	lab_list(&lab, "targets", "gateway/1/manual.txt", "read that");
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_unseen(ERR_CONFLICT, "a device would refuse this: ");
}

static void without_its_package_no_release_is_published(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab_list(&lab, LAB_ROLE, "gateway/1/manual.txt", "read me");
	lab_sign_all(&lab);
	assert_ok(fs_remove_tree(lab.r.dirfd, "targets", &e));
	publish(NULL, NULL);
	assert_unseen(ERR_NOT_FOUND, "gateway/1/manual.txt: ");
}

static void a_role_that_is_none_cannot_be_chosen(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	publish("--only", "rollout");
	assert_unseen(ERR_USAGE, "--only: no role rollout");
	publish("--only", "targets");
	assert_unseen(ERR_REFUSED,
		      "the first publication needs root and targets");
}

static void a_root_without_the_online_key_signs_nothing_online(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_remove(lab.r.dirfd, "online.key", &e));
	lab_sign_all(&lab);
	publish("--with-online", NULL);
	assert_unseen(ERR_NOT_FOUND, "no online key here");
}

/* It fits the key, and does not open it: by then the rest is published. */
static void a_damaged_passphrase_is_told_of(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_replace_file(lab.r.dirfd, "online.pass", slice_of("no"),
				  0600, &e));
	lab_sign_all(&lab);
	publish("--with-online", NULL);
	assert_int_not_equal(said.status, 0);
	assert_false(lab_has(lab.folder_fd, "metadata"));
}

static void a_folder_of_another_repository_is_not_added_to(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_mkdir(lab.folder_fd, "metadata", 0755, &e));
	put_file(lab.folder_fd, "metadata/1.root.json", "{}", 0644);
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_said(ERR_CONFLICT,
		    "what another repository published lies there: "
		    "name another folder");
	assert_false(lab_has(lab.folder_fd, "targets"));
	assert_false(lab_has(lab.folder_fd, "metadata/1.targets.json"));
}

/* Its root is ours, and what one of ours wrote there is not what we signed. */
static void what_was_published_is_never_written_over(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_int_equal(said.status, 0);
	assert_ok(fs_replace_file(lab.folder_fd, "metadata/1.targets.json",
				  slice_of("{}"), 0644, &e));
	publish(NULL, NULL);
	assert_said(ERR_CONFLICT, "this folder belongs to another repository");
}

static void a_folder_of_somebody_else_is_left_alone(void **state)
{
	(void)state;
	put_file(lab.folder_fd, "notes", "mine", 0644);
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_said(ERR_CONFLICT, "\"notes\" lies there already");
	assert_false(lab_has(lab.folder_fd, "metadata"));
	assert_false(lab_has(lab.folder_fd, "targets"));
}

/* As where the repository came back from an old copy: devices read on. */
static void what_lies_in_the_folder_is_read_as_a_device_does(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_mkdir(lab.folder_fd, "metadata", 0755, &e));
	put_file(lab.folder_fd, "metadata/2.root.json", "{}", 0644);
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_said(ERR_FORMAT, "a device would refuse this: ");
	assert_false(prints("published to"));
}

/* ---- production ---------------------------------------------------------- */

static void publish_checked_today(void)
{
	char today[UTC_TEXT_LEN];

	utc_format(lab.now, today);
	today[strlen("2026-11-27")] = 0;
	publish("--backup-checked", today);
}

static void production_goes_through_the_checklist(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_unseen(ERR_REFUSED, "1 point of the checklist is open");
	assert_true(prints("[open] backup"));
	publish("--backup-checked", "yesterday");
	assert_unseen(ERR_USAGE, "");
	publish("--with-online", NULL);
	assert_unseen(ERR_REFUSED, "in production the server signs");
	publish_checked_today();
	assert_said(0, "");
	assert_null(strstr(said.err, "only devices built for"));
	assert_true(lab_has(lab.folder_fd, "metadata/1.targets.json"));
}

static void a_checklist_that_cannot_be_read_is_open(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(fs_replace_file(lab.r.dirfd, "checklist.json", slice_of("no"),
				  0644, &e));
	lab_sign_all(&lab);
	publish(NULL, NULL);
	assert_unseen(ERR_FORMAT, "checklist: ");
}

static void the_checklist_alone_says_what_is_open(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	checklist(lab.path);
	assert_int_equal(said.status, 0);
	assert_true(prints("[open] backup"));
	assert_true(prints("[ok] keys"));
	checklist("--nonsense");
	assert_said(ERR_USAGE, "nonsense");
	checklist(lab.folder);
	assert_said(ERR_NOT_FOUND, "is not a repository");
	put_file(lab.r.dirfd, "checklist.json", "no", 0644);
	checklist(lab.path);
	assert_said(ERR_FORMAT, "checklist.json");
}

static void outside_production_it_is_advice(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	checklist(lab.path);
	assert_said(0, "lab: publish does not insist on this");
}

/* ---- where from and where to --------------------------------------------- */

static void both_places_are_needed(void **state)
{
	struct run run = { cmd_publish,
			   { mem_dup_str("publish"), lab.path },
			   2 };

	(void)state;
	said_run(&said, run_command, &run);
	assert_said(ERR_USAGE, "REPO and DIR are needed");
	free(run.argv[0]);
	publish("--nonsense", NULL);
	assert_unseen(ERR_USAGE, "nonsense");
}

static void what_is_no_repository_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	lab_sign_all(&lab);
	assert_ok(fs_remove(lab.r.dirfd, "pawl.ini", &e));
	/* Not even the folder is made. */
	(void)snprintf(lab.folder, sizeof(lab.folder), "%s/new", lab.box.path);
	publish(NULL, NULL);
	assert_unseen(ERR_NOT_FOUND, "is not a repository");
	assert_false(lab_has(lab.box.dir, "new"));
}

static void a_folder_that_cannot_be_made_comes_first(void **state)
{
	(void)state;
	lab_sign_all(&lab);
	put_file(lab.box.dir, "file", "", 0644);
	(void)snprintf(lab.folder, sizeof(lab.folder), "%s/file/publish",
		       lab.box.path);
	publish(NULL, NULL);
	assert_unseen(ERR_SYSTEM, "file/publish");
}

/* Whoever reads on from here hears of it by the exit status alone. */
static int publish_to_a_full_disk(void *ctx)
{
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full < 0 || dup2(full, STDOUT_FILENO) < 0)
		return 98;
	return run_command(ctx);
}

static void what_cannot_be_said_is_a_failure(void **state)
{
	char publish_name[] = "publish", checklist_name[] = "checklist";
	struct run runs[] = {
		{ cmd_checklist, { checklist_name, lab.path }, 2 },
		{ cmd_publish, { publish_name, lab.path, lab.folder }, 3 },
	};

	(void)state;
	lab_sign_all(&lab);
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		said_run(&said, publish_to_a_full_disk, &runs[i]);
		assert_said(ERR_SPACE, "standard output");
	}
}

#define IN_LAB(name) cmocka_unit_test_setup_teardown(name, lab_setup, teardown)
#define IN_PRODUCTION(name)                                                    \
	cmocka_unit_test_setup_teardown(name, production_setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_LAB(what_was_signed_is_published),
		IN_LAB(in_a_lab_the_folder_is_complete),
		IN_LAB(what_is_not_named_stays_staged),
		IN_LAB(who_has_not_signed_yet_is_waited_for),
		IN_LAB(what_the_rules_refuse_is_not_published),
		IN_LAB(a_role_that_nobody_signed_is_not_delegated_to),
		IN_LAB(what_a_device_would_not_find_is_not_published),
		IN_LAB(without_its_package_no_release_is_published),
		IN_LAB(a_role_that_is_none_cannot_be_chosen),
		IN_LAB(a_root_without_the_online_key_signs_nothing_online),
		IN_LAB(a_damaged_passphrase_is_told_of),
		IN_LAB(a_folder_of_another_repository_is_not_added_to),
		IN_LAB(what_was_published_is_never_written_over),
		IN_LAB(a_folder_of_somebody_else_is_left_alone),
		IN_LAB(what_lies_in_the_folder_is_read_as_a_device_does),
		IN_PRODUCTION(production_goes_through_the_checklist),
		IN_PRODUCTION(a_checklist_that_cannot_be_read_is_open),
		IN_PRODUCTION(the_checklist_alone_says_what_is_open),
		IN_LAB(outside_production_it_is_advice),
		IN_LAB(both_places_are_needed),
		IN_LAB(what_is_no_repository_is_named),
		IN_LAB(a_folder_that_cannot_be_made_comes_first),
		IN_LAB(what_cannot_be_said_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
