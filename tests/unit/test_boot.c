/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "tests/unit/check.h"
#include "updater-client/boot_symlink.h"

#define ENV_LEN (128 * 1024) /* as on NOR flash, erase blocks */
#define FLAG_AT 4            /* behind the checksum: rises with each store */

struct fixture {
	char path[64], config[80];
	int dirfd;
	struct settings settings;
	struct slot_tree slots;
	struct boot boot;
};

static int make_fixture(void **state)
{
	struct fixture *f = mem_alloc(1, sizeof(*f));
	struct err e = { 0 };

	*state = f;
	(void)snprintf(f->path, sizeof(f->path), "/tmp/pawl-boot.XXXXXX");
	if (!mkdtemp(f->path) || fs_open_dir(f->path, &f->dirfd, &e))
		return -1;
	f->slots = (struct slot_tree){ f->dirfd, f->path };
	return 0;
}

static int remove_fixture(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	int rc;

	fs_close(&f->dirfd);
	if (fs_open_dir("/tmp", &f->dirfd, &e))
		return -1;
	rc = fs_remove_tree(f->dirfd, strrchr(f->path, '/') + 1, &e);
	fs_close(&f->dirfd);
	free(f);
	return rc;
}

static void use(struct fixture *f, enum boot_kind kind, const char *name)
{
	(void)snprintf(f->config, sizeof(f->config), "%s/%s", f->path, name);
	f->settings.control = kind;
	f->settings.boot_environment = f->config;
	boot_init(&f->boot, &f->settings, &f->slots);
}

static const struct boot_record on_a = { .slot = SLOT_A };
static const struct boot_record try_b = {
	.slot = SLOT_B, .trying = true, .back = SLOT_A, .left = 3
};

static void assert_record(const struct fixture *f,
			  const struct boot_record *wanted)
{
	struct boot_record got;
	struct err e = { 0 };

	assert_ok(boot_read(&f->boot, &got, &e));
	assert_true(boot_record_equal(&got, wanted));
}

/* ---- the symlink and its guard ------------------------------------------- */

static void starts_are_counted_beside_the_link(void **state)
{
	struct fixture *f = *state;
	const struct boot_record back = { .slot = SLOT_A, .failed = SLOT_B };
	struct boot_record r = { .slot = SLOT_NONE };
	struct err e = { 0 };

	use(f, CONTROL_SYMLINK, "");
	assert_record(f, &r);
	assert_ok(boot_write(&f->boot, &on_a, &e));
	assert_ok(boot_write(&f->boot, &try_b, &e));
	for (uint32_t left = 3; left > 0; left--) {
		assert_ok(boot_symlink_start(f->dirfd, f->path, &r, &e));
		assert_int_equal(r.left, left - 1);
		assert_int_equal(r.slot, SLOT_B);
	}
	assert_ok(boot_symlink_start(f->dirfd, f->path, &r, &e));
	assert_record(f, &back);
	/* What was given up is forgotten with the next record. */
	assert_ok(boot_write(&f->boot, &on_a, &e));
	assert_record(f, &on_a);
}

static void a_mark_counts_for_what_is_current_alone(void **state)
{
	struct fixture *f = *state;
	struct boot_record r;
	struct err e = { 0 };
	int fd = -1;

	use(f, CONTROL_SYMLINK, "");
	assert_ok(boot_write(&f->boot, &on_a, &e));
	/* Marked, and then the power was cut before the link was. */
	assert_ok(fs_create(f->dirfd, "trying.b.3", 0644, &fd, &e));
	fs_close(&fd);
	assert_record(f, &on_a);
	assert_ok(boot_symlink_start(f->dirfd, f->path, &r, &e));
	assert_int_equal(r.slot, SLOT_A);
}

/* ---- GRUB ---------------------------------------------------------------- */

static void a_damaged_grubenv_is_made_anew(void **state)
{
	struct fixture *f = *state;
	const struct boot_record none = { .slot = SLOT_NONE };
	struct err e = { 0 };

	use(f, CONTROL_GRUB, "grubenv");
	assert_record(f, &none);
	assert_ok(boot_write(&f->boot, &try_b, &e));
	assert_record(f, &try_b);
	assert_ok(fs_replace_file(f->dirfd, "grubenv", slice_of("rubbish"),
				  0644, &e));
	assert_record(f, &none);
	assert_ok(boot_write(&f->boot, &on_a, &e));
	assert_record(f, &on_a);
}

/* GRUB reads what a journal has not brought to its place yet. */
static void a_grubenv_is_written_where_it_lies(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	struct err e = { 0 };

	use(f, CONTROL_GRUB, "grubenv");
	assert_ok(boot_write(&f->boot, &on_a, &e));
	assert_ok(fs_stat(f->dirfd, "grubenv", &before, &e));
	assert_ok(boot_write(&f->boot, &try_b, &e));
	assert_ok(fs_stat(f->dirfd, "grubenv", &after, &e));
	assert_int_equal(after.st_ino, before.st_ino);
	assert_record(f, &try_b);
}

static void a_grubenv_that_is_a_link_is_refused(void **state)
{
	struct fixture *f = *state;
	struct boot_record r;
	struct err e = { 0 };

	use(f, CONTROL_GRUB, "grubenv");
	assert_ok(fs_symlink(f->dirfd, "/etc/passwd", "grubenv", &e));
	assert_refused(boot_read(&f->boot, &r, &e), ERR_REFUSED);
	assert_refused(boot_write(&f->boot, &on_a, &e), ERR_REFUSED);
}

/* ---- U-Boot -------------------------------------------------------------- */

/* crc32 of "a=1\0\0" and zeros is libubootenv's to make: begin with one copy
 * that is whole, as U-Boot's own tool would write it. */
static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void make_environment(struct fixture *f)
{
	uint8_t env[ENV_LEN] = { 0 };
	char config[256];
	uint32_t crc;
	struct err e = { 0 };

	memcpy(env + 5, "a=1", 3);
	env[4] = 1; /* the flag: how new it is */
	crc = crc32_of(env + 5, sizeof(env) - 5);
	memcpy(env, &crc, sizeof(crc));
	assert_ok(fs_replace_file(f->dirfd, "env0",
				  (struct slice){ env, sizeof(env) }, 0644,
				  &e));
	memset(env, 0xff, sizeof(env));
	assert_ok(fs_replace_file(f->dirfd, "env1",
				  (struct slice){ env, sizeof(env) }, 0644,
				  &e));
	(void)snprintf(config, sizeof(config), "%s/env0 0 %#x\n%s/env1 0 %#x\n",
		       f->path, ENV_LEN, f->path, ENV_LEN);
	assert_ok(fs_replace_file(f->dirfd, "fw.config", slice_of(config), 0644,
				  &e));
	use(f, CONTROL_UBOOT, "fw.config");
}

static void read_copy(struct fixture *f, const char *name, uint8_t *out)
{
	struct buf b = BUF_INIT(ENV_LEN);
	struct err e = { 0 };

	assert_ok(fs_read_file(f->dirfd, name, &b, &e));
	assert_int_equal(b.len, ENV_LEN);
	memcpy(out, b.ptr, ENV_LEN);
	buf_done(&b);
}

static void write_copy(struct fixture *f, const char *name, const uint8_t *in)
{
	struct err e = { 0 };

	assert_ok(fs_replace_file(f->dirfd, name, (struct slice){ in, ENV_LEN },
				  0644, &e));
}

/* Which copy did this write change? */
static const char *changed(struct fixture *f, const uint8_t *was0)
{
	uint8_t now[ENV_LEN];

	read_copy(f, "env0", now);
	return memcmp(now, was0, ENV_LEN) != 0 ? "env0" : "env1";
}

static void assert_old_or_new(struct fixture *f, const struct boot_record *old,
			      const struct boot_record *new)
{
	struct boot_record got;
	struct err e = { 0 };

	assert_ok(boot_read(&f->boot, &got, &e));
	assert_true(boot_record_equal(&got, old) ||
		    boot_record_equal(&got, new));
}

static void every_torn_environment_is_old_or_new(void **state)
{
	static const size_t cuts[] = {
		0, 1, 4, 5, 6, 20, 40, 512, 4095, 4096, 65536, ENV_LEN - 1
	};
	struct fixture *f = *state;
	uint8_t was0[ENV_LEN], was[ENV_LEN], now[ENV_LEN], torn[ENV_LEN];
	const char *name;
	struct err e = { 0 };
	uint8_t flag;

	make_environment(f);
	assert_ok(boot_write(&f->boot, &on_a, &e));
	read_copy(f, "env0", was0);
	read_copy(f, "env1", was);
	assert_ok(boot_write(&f->boot, &try_b, &e));
	name = changed(f, was0);
	/* One store for all four variables: the other copy is as it was. */
	read_copy(f, strcmp(name, "env0") == 0 ? "env1" : "env0", now);
	assert_memory_equal(now, strcmp(name, "env0") == 0 ? was : was0,
			    ENV_LEN);
	assert_true(was0[FLAG_AT] != was[FLAG_AT]);
	if (strcmp(name, "env0") == 0)
		memcpy(was, was0, ENV_LEN);
	flag = now[FLAG_AT];
	read_copy(f, name, now);
	assert_int_equal(now[FLAG_AT], (uint8_t)(flag + 1));
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		/* The first bytes are new; and the other way round. */
		memcpy(torn, was, ENV_LEN);
		memcpy(torn, now, cuts[i]);
		write_copy(f, name, torn);
		assert_old_or_new(f, &on_a, &try_b);
		memcpy(torn, now, ENV_LEN);
		memcpy(torn, was, cuts[i]);
		write_copy(f, name, torn);
		assert_old_or_new(f, &on_a, &try_b);
		/* The next write repairs it. */
		assert_ok(boot_write(&f->boot, &try_b, &e));
		assert_record(f, &try_b);
		write_copy(f, name, now);
	}
}

static void two_damaged_copies_are_refused_and_kept(void **state)
{
	struct fixture *f = *state;
	uint8_t bad[ENV_LEN], now[ENV_LEN];
	struct boot_record r;
	struct err e = { 0 };

	make_environment(f);
	assert_ok(boot_write(&f->boot, &on_a, &e));
	memset(bad, 'x', sizeof(bad));
	write_copy(f, "env0", bad);
	write_copy(f, "env1", bad);
	assert_refused(boot_read(&f->boot, &r, &e), ERR_FORMAT);
	assert_refused(boot_write(&f->boot, &on_a, &e), ERR_FORMAT);
	read_copy(f, "env0", now);
	assert_memory_equal(now, bad, ENV_LEN);
	read_copy(f, "env1", now);
	assert_memory_equal(now, bad, ENV_LEN);
}

/* ---- the kernel's word --------------------------------------------------- */

#define WITH_FOLDER(test)                                                      \
	cmocka_unit_test_setup_teardown(test, make_fixture, remove_fixture)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FOLDER(starts_are_counted_beside_the_link),
		WITH_FOLDER(a_mark_counts_for_what_is_current_alone),
		WITH_FOLDER(a_damaged_grubenv_is_made_anew),
		WITH_FOLDER(a_grubenv_is_written_where_it_lies),
		WITH_FOLDER(a_grubenv_that_is_a_link_is_refused),
		WITH_FOLDER(every_torn_environment_is_old_or_new),
		WITH_FOLDER(two_damaged_copies_are_refused_and_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
