/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

#define GOOD                                                                   \
	"[device]\nproduct = gateway\nmodel = board\nstate = /var/lib/pawl\n"  \
	"[trust]\nroot = /etc/pawl/root.json\nenvironment = lab\n"             \
	"[slot]\npath = /srv/app\n"
#define SERVER                                                                 \
	"[server]\nurl = https://a:1\nurl = https://b:2\n"                     \
	"enrol = https://a:3\nca = /etc/pawl/server-ca.pem\n"

static int parse(const char *text, struct settings *c, struct err *e)
{
	return settings_parse(slice_of(text), "client.conf", c, e);
}

static void refuse(const char *text)
{
	struct settings c;
	struct err e = { 0 };

	assert_refused(parse(text, &c, &e), ERR_CONFIG);
}

static void refuse_saying(const char *text, const char *words)
{
	struct settings c;
	struct err e = { 0 };

	assert_refused_saying(parse(text, &c, &e), ERR_CONFIG, words);
}

struct many {
	const char *each, *end; /* around a number */
	size_t n;
};

/* So many times: lines, or words. */
static void refuse_many(const char *before, const struct many *m,
			const char *words)
{
	struct buf text = BUF_INIT(8192);
	struct err e = { 0 };

	assert_ok(buf_add(&text, slice_of(before), &e));
	for (size_t i = 0; i < m->n; i++)
		assert_ok(buf_addf(&text, &e, "%s%zu%s", m->each, i, m->end));
	assert_ok(buf_add(&text, slice_of("\n"), &e));
	refuse_saying(buf_text(&text), words);
	buf_done(&text);
}

static void the_least_is_enough(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD, &c, &e));
	assert_string_equal(c.product, "gateway");
	assert_int_equal(c.environment, ENV_LAB);
	assert_int_equal(c.slots[0].attributes, TREE_APP);
	assert_int_equal(c.interval_sec, 3600);
	assert_int_equal(c.retry_min_sec, 120);
	assert_int_equal(c.retry_max_sec, 3600);
	assert_int_equal(c.health.argc, 0);
	settings_done(&c);
}

static void everything_is_read(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD SERVER
			"[trial]\nhealth = /usr/bin/check  --fast\t-v \n"
			"deadline = 20\n"
			"[restart]\ncommand = /bin/systemctl restart app\n"
			"[poll]\ninterval = 60\nretry_min = 1\nretry_max = 2\n",
			&c, &e));
	assert_int_equal(c.urls.count, 2);
	assert_int_equal(c.health.argc, 3);
	assert_string_equal(c.health.argv[0], "/usr/bin/check");
	assert_string_equal(c.health.argv[1], "--fast");
	assert_string_equal(c.health.argv[2], "-v");
	assert_null(c.health.argv[3]);
	assert_int_equal(c.restart.argc, 3);
	assert_int_equal(c.deadline_sec, 20);
	settings_done(&c);
}

static void what_is_missing_or_wrong_is_refused(void **state)
{
	(void)state;
	refuse("");
	refuse("[device]\nproduct = x\n");
	refuse(GOOD "[device]\nunknown = 1\n");
	refuse(GOOD "[slot]\nkind = drum\n");
	refuse(GOOD "[slot]\nattributes = some\n");
	refuse(GOOD "[poll]\ninterval = 0\n");
	refuse(GOOD SERVER "patience = 4\n");
	refuse(GOOD "[poll]\nretry_min = 10\nretry_max = 5\n");
	refuse("[device]\nproduct = Not/A/Name\nstate = /s\n"
	       "[trust]\nroot = r\nenvironment = lab\n[slot]\npath = /p\n");
	refuse("[device]\nproduct = x\nstate = relative\n"
	       "[trust]\nroot = r\nenvironment = lab\n[slot]\npath = /p\n");
	refuse("[device]\nproduct = x\nstate = /s\n"
	       "[trust]\nroot = r\nenvironment = moon\n[slot]\npath = /p\n");
}

#define IMAGE  "[slot]\nkind = image\na = /dev/mmcblk0p2\nb = /dev/mmcblk0p3\n"
#define LOADER "[boot]\ncontrol = grub\n"

static void image_slots_are_two_places_and_a_boot_loader(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD IMAGE LOADER, &c, &e));
	assert_int_equal(c.slots[0].kind, SLOT_IMAGE);
	assert_int_equal(settings_content(&c.slots[0]), PACKAGE_IMAGE);
	assert_string_equal(c.slots[0].b, "/dev/mmcblk0p3");
	assert_string_equal(c.slot_root, "/");
	settings_done(&c);
	assert_ok(parse(GOOD "[slot]\nkind = file\n", &c, &e));
	assert_int_equal(c.slots[0].kind, SLOT_FILE);
	assert_int_equal(settings_content(&c.slots[0]), PACKAGE_IMAGE);
	settings_done(&c);
	refuse(GOOD "[slot]\nkind = file\nattributes = system\n");
	refuse(GOOD "[slot]\nkind = file\na = /x\nb = /y\n");
	refuse(GOOD IMAGE); /* the symlink starts no image */
	refuse(GOOD IMAGE LOADER "[slot]\nattributes = app\n");
	refuse(GOOD LOADER "[slot]\nkind = image\n");
	refuse(GOOD LOADER "[slot]\nkind = image\na = /x\nb = /x\n");
	refuse(GOOD LOADER "[slot]\nkind = image\na = /x\nb = y\n");
	refuse(GOOD IMAGE LOADER "[slot]\nroot = here\n");
	refuse(GOOD "[slot]\nb = /dev/mmcblk0p3\n");
}

static void a_handler_has_a_program_and_a_name(void **state)
{
#define HANDLER "[slot mcu]\nkind = handler\n"
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD HANDLER "program = /usr/lib/x /dev/ttyS1\n", &c,
			&e));
	assert_int_equal(c.slots[1].kind, SLOT_HANDLER);
	assert_int_equal(settings_content(&c.slots[1]), PACKAGE_IMAGE);
	assert_int_equal(c.slots[1].program.argc, 2);
	assert_string_equal(c.slots[1].program.argv[1], "/dev/ttyS1");
	assert_int_equal(c.slots[1].program_sec, 300);
	settings_done(&c);
	refuse(GOOD HANDLER);
	refuse(GOOD HANDLER "program = x\n");
	refuse(GOOD HANDLER "program = /x\ndeadline = 0\n");
	refuse(GOOD "[slot mcu]\nkind = file\nprogram = /x\n");
	refuse(GOOD "[slot]\nkind = handler\nprogram = /x\n");
}

static void a_package_is_spooled_or_passes_through(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD, &c, &e));
	assert_int_equal(c.spool, SPOOL_AUTO);
	assert_int_equal(c.spool_window, 16u << 20);
	settings_done(&c);
	assert_ok(parse(GOOD "[fetch]\nspool = never\nwindow = 262144\n", &c,
			&e));
	assert_int_equal(c.spool, SPOOL_NEVER);
	assert_int_equal(c.spool_window, 262144);
	settings_done(&c);
	refuse(GOOD "[fetch]\nspool = sometimes\n");
	refuse(GOOD "[fetch]\nwindow = 262143\n");
}

static void further_slots_have_names(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD "[slot modem]\nkind = file\n"
			     "[slot web]\n[poll]\ninterval = 60\n"
			     "[slot modem]\n",
			&c, &e));
	assert_int_equal(c.slot_count, 3);
	assert_string_equal(c.slots[0].component, "main");
	assert_int_equal(c.slots[0].kind, SLOT_TREE);
	assert_string_equal(c.slots[1].component, "modem");
	assert_int_equal(c.slots[1].kind, SLOT_FILE);
	assert_int_equal(c.slots[2].kind, SLOT_TREE);
	assert_int_equal(settings_slot_of(&c, "web"), 2);
	assert_int_equal(settings_slot_of(&c, "none"), 3);
	settings_done(&c);
	assert_ok(parse(GOOD "[slot]\ncomponent = app\n", &c, &e));
	assert_int_equal(settings_slot_of(&c, "app"), 0);
	assert_int_equal(settings_slot_of(&c, "main"), 1);
	settings_done(&c);
	assert_ok(parse(GOOD, &c, &e));
	assert_int_equal(settings_slot_of(&c, "whatever"), 0);
	settings_done(&c);
	/* A device that the loader need not know. */
	assert_ok(parse(GOOD "[slot fpga]\nkind = image\na = /x\nb = /y\n", &c,
			&e));
	assert_string_equal(c.slots[1].b, "/y");
	settings_done(&c);
	refuse(GOOD "[slot main]\n"); /* twice the same */
	refuse(GOOD "[slot ../x]\n");
	refuse(GOOD "[slot ]\n");
	refuse(GOOD "[slot a]\n[slot b]\n[slot c]\n[slot d]\n");
	refuse(GOOD "[slot x]\npath = /elsewhere\n");
	refuse(GOOD "[slot x]\nkind = file\nattributes = app\n");
	refuse(GOOD "[slot x]\nkind = image\na = /x\nb = /y\n"
		    "[slot y]\nkind = image\na = /z\nb = /x\n");
	refuse(GOOD "[slot]\ncomponent = No/Name\n");
}

static void data_are_saved_and_brought_back_or_neither(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD "[data]\nsave = /bin/save it\n"
			     "restore = /bin/restore\nspace = 1000\n",
			&c, &e));
	assert_int_equal(c.data_save.argc, 2);
	assert_int_equal(c.data_space, 1000);
	assert_int_equal(c.data_sec, 300);
	settings_done(&c);
	refuse(GOOD "[data]\nsave = /bin/save\n");
	refuse(GOOD "[data]\nrestore = /bin/restore\n");
	refuse(GOOD "[data]\nsave = save\nrestore = /bin/restore\n");
}

static void what_is_kept_is_named_beneath_one_folder(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD "[keep]\npath = etc/ssh\npath = etc/ssh.old\n", &c,
			&e));
	assert_int_equal(c.keep.count, 2);
	assert_string_equal(c.keep.at[1], "etc/ssh.old");
	settings_done(&c);
	refuse(GOOD "[keep]\npath = /etc\n");
	refuse(GOOD "[keep]\npath = etc/../../x\n");
	refuse(GOOD "[keep]\npath = .\n");
	refuse(GOOD "[keep]\npath = etc\npath = etc\n");
	refuse(GOOD "[keep]\npath = etc/ssh/key\npath = etc/ssh\n");
	refuse(GOOD "[keep]\npath = a\npath = b\npath = c\npath = d\n"
		    "path = e\npath = f\npath = g\npath = h\npath = i\n"
		    "path = j\npath = k\npath = l\npath = m\npath = n\n"
		    "path = o\npath = p\npath = q\n");
}

static void plain_http_and_unpinned_servers_are_refused(void **state)
{
	(void)state;
	refuse(GOOD "[server]\nurl = http://a\nca = /ca\n");
	refuse(GOOD "[server]\nurl = https://a\n");
	refuse(GOOD "[server]\nenrol = ftp://a\nca = /ca\n");
}

static void keys_are_in_one_token_or_in_files(void **state)
{
	struct settings c;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse(GOOD, &c, &e));
	assert_null(c.token.module);
	assert_null(c.token.provider);
	settings_done(&c);
	assert_ok(parse(GOOD "[keys]\nmodule = /lib/p11.so\ntoken = pawl\n"
			     "pin = /etc/pawl/pin\nvariable = A_1=/x y\n"
			     "variable = B=\n",
			&c, &e));
	assert_string_equal(c.token.module, "/lib/p11.so");
	assert_string_equal(c.token.label, "pawl");
	assert_string_equal(c.token.pin, "/etc/pawl/pin");
	assert_int_equal(c.token.variables.count, 2);
	assert_string_equal(c.token.variables.at[0], "A_1=/x y");
	settings_done(&c);
	assert_ok(parse(GOOD "[keys]\nprovider = tpm2\n", &c, &e));
	settings_done(&c);
	refuse(GOOD "[keys]\nmodule = /lib/p11.so\n");
	refuse(GOOD "[keys]\ntoken = pawl\n");
	refuse(GOOD "[keys]\nmodule = p11.so\ntoken = pawl\n");
	refuse(GOOD "[keys]\nmodule = /lib/p11.so\ntoken = pawl\n"
		    "provider = tpm2\n");
	refuse(GOOD "[keys]\nmodule = /lib/p11.so\ntoken = pawl\npin = x\n");
	refuse(GOOD "[keys]\nprovider = tpm2\npin = /etc/pawl/pin\n");
	refuse(GOOD "[keys]\nvariable = A=b\n");
	refuse(GOOD "[keys]\nprovider = tpm2\nvariable = =b\n");
	refuse(GOOD "[keys]\nprovider = tpm2\nvariable = A\n");
	refuse(GOOD "[keys]\nprovider = tpm2\nvariable = a=b\n");
}

static void local_programs_are_absolute_paths(void **state)
{
	(void)state;
	refuse(GOOD "[trial]\nhealth = check\n");
	refuse(GOOD "[restart]\ncommand = ./restart\n");
	refuse_saying(GOOD "[floor]\ncounter = count\n", "[floor] counter");
	refuse_saying(GOOD "[boot]\ncontrol = command\ncommand = boot\n",
		      "[boot] command: boot is not");
	refuse_saying(GOOD "[boot]\nlog = journalctl -k\n",
		      "[boot] log: journalctl is not");
	refuse_saying(GOOD LOADER "[reboot]\ncommand = reboot\n",
		      "[reboot] command");
	refuse_saying(GOOD "[install]\nconsent = ask\n", "[install] consent");
}

static void lists_have_ends(void **state)
{
	const struct many words = { " ", "", SETTINGS_ARGS_MAX };
	const struct many checks = { "check = tcp 8", "\n",
				     SETTINGS_CHECKS_MAX + 1 };
	const struct many slots = { "[slot s", "]\npath = /s\n",
				    RELEASE_COMPONENTS_MAX };
	const struct many urls = { "url = https://a", "\n",
				   SETTINGS_URLS_MAX + 1 };

	(void)state;
	refuse_many(GOOD "[restart]\ncommand = /x", &words,
		    "[restart] command: more than 32 arguments");
	refuse_many(GOOD "[trial]\n", &checks, "[trial] check: more than 8");
	refuse_many(GOOD, &slots, "more than 4 slots");
	refuse_many(GOOD "[server]\nca = /ca\n", &urls,
		    "[server] url: more than 8");
}

static void what_goes_together_comes_together(void **state)
{
	(void)state;
	refuse_saying(GOOD LOADER "[slot]\nkind = image\na = /x\n",
		      "[slot] a and b");
	refuse_saying(GOOD LOADER "[slot]\nkind = image\nb = /x\n",
		      "[slot] a and b");
	refuse_saying(GOOD "[slot]\nroot = /x\n", "goes with kind = image");
	refuse_saying(GOOD "[boot]\ncontrol = lilo\n", "not lilo");
	refuse_saying(GOOD "[boot]\ncontrol = command\n",
		      "goes with control = command");
	refuse_saying(GOOD LOADER "[boot]\ncommand = /x\n",
		      "goes with control = command");
	refuse_saying(GOOD "[reboot]\ncommand = /sbin/reboot\n",
		      "with the symlink nothing reboots");
}

static void every_value_is_judged(void **state)
{
	(void)state;
	refuse_saying(GOOD "[device]\nmodel = A Model\n", "");
	refuse_saying("[device]\nproduct = x\nmodel = A/b\nstate = /s\n"
		      "[trust]\nroot = /r\nenvironment = lab\n"
		      "[slot]\npath = /p\n",
		      "[device] model: not a name");
	refuse_saying(GOOD "[device]\nhardware = Rev B\n",
		      "[device] hardware: not a name");
	refuse_saying(GOOD "[device]\nstatus = status.json\n",
		      "[device] status");
	refuse_saying(GOOD "[device]\nstatus = /run/pawl/\n",
		      "[device] status");
	refuse_saying(GOOD "[reboot]\nwindow = 25:00-26:00\n",
		      "[reboot] window");
	refuse_saying(GOOD "[install]\nwindow = soon\n", "[install] window");
	refuse_saying(GOOD "[trial]\ncheck = tcp 0\n", "[trial] check");
	refuse_saying(GOOD "[fetch]\nspool = sometimes\n", "not sometimes");
	refuse_saying(GOOD SERVER "[server]\nproxy = socks5://a:1\n",
		      "[server] proxy");
	refuse_saying(GOOD SERVER "[server]\nproxy = http://\n",
		      "[server] proxy");
	refuse_saying(GOOD SERVER "[server]\nproxy = http://a:1/x\n",
		      "[server] proxy");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	char path[] = "/tmp/pawl-conf.XXXXXX";
	struct settings c;
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_ok(fs_write(fd, slice_of(GOOD), &e));
	assert_int_equal(fchmod(fd, 0664), 0);
	assert_refused(settings_load(path, &c, &e), ERR_CONFIG);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_ok(settings_load(path, &c, &e));
	settings_done(&c);
	assert_ok(fs_write(fd, slice_of("[slot]\nkind = drum\n"), &e));
	assert_refused_saying(settings_load(path, &c, &e), ERR_CONFIG, "drum");
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_refused(settings_load(path, &c, &e), ERR_CONFIG);
}

/* Not one byte of what is too long is believed. */
static void a_file_without_end_is_refused(void **state)
{
	static char spaces[INI_MAX_LEN - sizeof(GOOD) + 1];
	char path[] = "/tmp/pawl-conf.XXXXXX";
	struct settings c;
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	memset(spaces, '\n', sizeof(spaces));
	assert_true(fd >= 0);
	assert_ok(fs_write(fd, slice_of(GOOD), &e));
	assert_ok(fs_write(
		fd, (struct slice){ (uint8_t *)spaces, sizeof(spaces) - 1 },
		&e));
	assert_ok(settings_load(path, &c, &e));
	settings_done(&c);
	assert_ok(fs_write(fd, slice_of("\n"), &e));
	assert_refused_saying(settings_load(path, &c, &e), ERR_CONFIG,
			      "too long");
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void write_text(int dirfd, const char *name, const char *text)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(dirfd, name, slice_of(text), 0600, &e));
}

/* By the state folder that is left of it. */
static void a_damaged_file_leads_to_the_one_before(void **state)
{
	char folder[] = "/tmp/pawl-conf.XXXXXX", path[64], text[200];
	struct settings c;
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_ok(fs_open_dir(folder, &fd, &e));
	(void)snprintf(path, sizeof(path), "%s/client.conf", folder);
	(void)snprintf(text, sizeof(text),
		       "rubbish\nstateful = /x\nstate\t= %s \r\n", folder);
	write_text(fd, "client.conf", text);
	assert_refused(settings_recall(path, &c, &e), ERR_NOT_FOUND);
	write_text(fd, SETTINGS_GOOD, GOOD);
	assert_ok(settings_recall(path, &c, &e));
	assert_string_equal(c.product, "gateway");
	settings_done(&c);
	/* Nor is that one believed without looking. */
	write_text(fd, SETTINGS_GOOD, "[device]\n");
	assert_refused(settings_recall(path, &c, &e), ERR_CONFIG);
	write_text(fd, SETTINGS_GOOD, GOOD);
	assert_int_equal(fchmod(fd, 0777), 0);
	assert_refused(settings_recall(path, &c, &e), ERR_CONFIG);
	assert_ok(fs_remove_tree(fd, SETTINGS_GOOD, &e));
	assert_ok(fs_remove_tree(fd, "client.conf", &e));
	fs_close(&fd);
	assert_int_equal(rmdir(folder), 0);
}

/* A session keeps it for that: what was read is there, and only from a file. */
static void what_was_read_is_remembered(void **state)
{
	char path[] = "/tmp/pawl-conf.XXXXXX";
	struct settings c;
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_ok(fs_write(fd, slice_of(GOOD), &e));
	assert_ok(settings_load(path, &c, &e));
	assert_true(slice_equal(buf_slice(&c.file), slice_of(GOOD)));
	settings_done(&c);
	assert_ok(parse(GOOD, &c, &e));
	assert_int_equal(c.file.len, 0);
	settings_done(&c);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_is_enough),
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(what_is_missing_or_wrong_is_refused),
		cmocka_unit_test(image_slots_are_two_places_and_a_boot_loader),
		cmocka_unit_test(a_handler_has_a_program_and_a_name),
		cmocka_unit_test(a_package_is_spooled_or_passes_through),
		cmocka_unit_test(further_slots_have_names),
		cmocka_unit_test(data_are_saved_and_brought_back_or_neither),
		cmocka_unit_test(what_is_kept_is_named_beneath_one_folder),
		cmocka_unit_test(plain_http_and_unpinned_servers_are_refused),
		cmocka_unit_test(keys_are_in_one_token_or_in_files),
		cmocka_unit_test(local_programs_are_absolute_paths),
		cmocka_unit_test(lists_have_ends),
		cmocka_unit_test(what_goes_together_comes_together),
		cmocka_unit_test(every_value_is_judged),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_file_without_end_is_refused),
		cmocka_unit_test(a_damaged_file_leads_to_the_one_before),
		cmocka_unit_test(what_was_read_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
