/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is there, nothing else is touched, and half is nothing. */
#include "common/image_disk.h"

#include "common/mem.h"
#include "tests/unit/box.h"

#define SLOT_LEN (6u * IMAGE_BLOCK + 100)

static struct box box;
static uint8_t before[SLOT_LEN], image[SLOT_LEN], after[SLOT_LEN];
static int slot;

/* A slot that is full of something else; an image with runs of zeros. */
static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	box_open(&box);
	for (size_t i = 0; i < SLOT_LEN; i++) {
		before[i] = (uint8_t)(i * 7 + 1);
		image[i] = (uint8_t)(i * 3 + i / 251 + 1);
	}
	memset(image + IMAGE_BLOCK, 0, 2 * IMAGE_BLOCK);
	memset(image + 4 * IMAGE_BLOCK, 0, IMAGE_BLOCK);
	assert_ok(fs_create(box.dir, "slot", 0644, &slot, &e));
	assert_ok(fs_write_at(slot, 0, (struct slice){ before, SLOT_LEN }, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&slot);
	box_close(&box);
	return 0;
}

static void read_slot(void)
{
	struct err e = { 0 };
	size_t got;

	assert_ok(fs_read_at(slot, 0, after, SLOT_LEN, &got, &e));
	assert_int_equal(got, SLOT_LEN);
}

static void write_image(size_t len, size_t step)
{
	struct slice rest = { image, len };
	struct image_writer *w = NULL;
	struct err e = { 0 };

	assert_ok(fs_write_at(slot, 0, (struct slice){ before, SLOT_LEN }, &e));
	assert_ok(image_writer_new(slot, len, &w, &e));
	while (rest.len > 0) {
		struct slice part = slice_sub(rest, 0, step);

		assert_ok(image_writer_add(w, part, &e));
		rest = slice_sub(rest, part.len, rest.len);
	}
	assert_ok(image_writer_end(w, &e));
	image_writer_free(w);
}

static void any_length_in_any_pieces_is_written_and_nothing_behind(void **state)
{
	static const size_t lens[] = { 1,
				       IMAGE_BLOCK - 1,
				       IMAGE_BLOCK,
				       IMAGE_BLOCK + 1,
				       2 * IMAGE_BLOCK,
				       3 * IMAGE_BLOCK,
				       5 * IMAGE_BLOCK,
				       5 * IMAGE_BLOCK + 7,
				       SLOT_LEN };
	static const size_t steps[] = { 1000, IMAGE_BLOCK, SLOT_LEN };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			struct sha256 digest, got;
			struct err e = { 0 };

			write_image(lens[i], steps[k]);
			read_slot();
			assert_memory_equal(after, image, lens[i]);
			assert_memory_equal(after + lens[i], before + lens[i],
					    SLOT_LEN - lens[i]);
			sha256_of((struct slice){ image, lens[i] }, &digest);
			assert_ok(image_digest(slot, lens[i], true, NULL, &got,
					       &e));
			assert_true(sha256_equal(&digest, &got));
			assert_ok(image_digest(slot, lens[i], false, NULL, &got,
					       &e));
			assert_true(sha256_equal(&digest, &got));
		}
}

static void what_is_not_ended_does_not_start(void **state)
{
	static const uint8_t zeros[IMAGE_BLOCK];
	struct image_writer *w = NULL;
	struct err e = { 0 };

	(void)state;
	assert_ok(image_writer_new(slot, SLOT_LEN, &w, &e));
	read_slot();
	assert_memory_equal(after, zeros, IMAGE_BLOCK);
	assert_ok(image_writer_add(w, (struct slice){ image, SLOT_LEN }, &e));
	image_writer_free(w);
	read_slot();
	assert_memory_equal(after, zeros, IMAGE_BLOCK);
}

static void a_changed_byte_changes_the_digest(void **state)
{
	struct sha256 first, then;
	struct err e = { 0 };
	const uint8_t other = 0xff;

	(void)state;
	write_image(SLOT_LEN, SLOT_LEN);
	assert_ok(image_digest(slot, SLOT_LEN, true, NULL, &first, &e));
	assert_ok(fs_write_at(slot, SLOT_LEN - 1, (struct slice){ &other, 1 },
			      &e));
	assert_ok(image_digest(slot, SLOT_LEN, true, NULL, &then, &e));
	assert_false(sha256_equal(&first, &then));
	assert_refused(image_digest(slot, SLOT_LEN + 1, true, NULL, &then, &e),
		       ERR_NOT_FOUND);
}

static void only_devices_and_files_have_room(void **state)
{
	struct err e = { 0 };
	uint64_t room;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_ok(image_room(slot, &room, &e));
	assert_int_equal(room, SLOT_LEN);
	assert_refused(image_room(fd, &room, &e), ERR_REFUSED);
	assert_refused(image_room(box.dir, &room, &e), ERR_REFUSED);
	fs_close(&fd);
}

static void a_slot_that_cannot_be_written_is_an_error(void **state)
{
	struct image_writer *w = NULL;
	struct err e = { 0 };
	int fd = -1;

	(void)state;
	assert_ok(fs_open(box.dir, "slot", O_RDONLY, &fd, &e));
	assert_refused(image_writer_new(fd, SLOT_LEN, &w, &e), ERR_SYSTEM);
	assert_null(w);
	fs_close(&fd);
	assert_refused(image_writer_new(slot, SLOT_LEN + 1, &w, &e), ERR_SPACE);
	read_slot();
	assert_memory_equal(after, before, SLOT_LEN);
}

#define WITH_SLOT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Cut at any byte, kept or not: another writer goes on where it was kept. */
static void another_writer_goes_on_where_it_was_kept(void **state)
{
	static const size_t cuts[] = { IMAGE_BLOCK, IMAGE_BLOCK + 1,
				       3 * IMAGE_BLOCK - 9, 5 * IMAGE_BLOCK };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		const size_t len = 5 * IMAGE_BLOCK + 7;
		struct image_writer *w = NULL;
		struct slice all = { image, len }, head;
		struct buf kept = BUF_INIT(IMAGE_BLOCK);
		struct err e = { 0 };

		assert_ok(fs_write_at(slot, 0,
				      (struct slice){ before, SLOT_LEN }, &e));
		assert_ok(image_writer_new(slot, len, &w, &e));
		assert_ok(image_writer_add(w, slice_sub(all, 0, cuts[i]), &e));
		assert_ok(image_writer_keep(w, &head, &e));
		assert_ok(buf_add(&kept, head, &e));
		/* What comes after it is lost, and may be there. */
		assert_ok(image_writer_add(w, slice_sub(all, cuts[i], 3), &e));
		image_writer_free(w);
		read_slot();
		for (size_t k = 0; k < IMAGE_BLOCK; k++)
			assert_int_equal(after[k], 0); /* it does not start */
		assert_ok(image_writer_resume(slot, len, buf_slice(&kept),
					      cuts[i], &w, &e));
		assert_ok(
			image_writer_add(w, slice_sub(all, cuts[i], len), &e));
		assert_ok(image_writer_end(w, &e));
		image_writer_free(w);
		buf_done(&kept);
		read_slot();
		assert_memory_equal(after, image, len);
		assert_memory_equal(after + len, before + len, SLOT_LEN - len);
	}
}

static void where_nothing_was_kept_nobody_goes_on(void **state)
{
	const struct slice head = { image, IMAGE_BLOCK };
	struct image_writer *w = NULL;
	struct slice unused;
	struct err e = { 0 };

	(void)state;
	assert_ok(image_writer_new(slot, SLOT_LEN, &w, &e));
	assert_ok(image_writer_add(w, (struct slice){ image, IMAGE_BLOCK - 1 },
				   &e));
	assert_refused(image_writer_keep(w, &unused, &e), ERR_CONFLICT);
	image_writer_free(w);
	assert_refused(image_writer_resume(slot, SLOT_LEN,
					   slice_sub(head, 0, 9), IMAGE_BLOCK,
					   &w, &e),
		       ERR_CONFLICT);
	assert_refused(image_writer_resume(slot, SLOT_LEN, head,
					   IMAGE_BLOCK - 1, &w, &e),
		       ERR_CONFLICT);
	assert_refused(
		image_writer_resume(slot, SLOT_LEN, head, SLOT_LEN, &w, &e),
		ERR_CONFLICT);
	assert_refused(image_writer_resume(slot, SLOT_LEN + 1, head,
					   IMAGE_BLOCK, &w, &e),
		       ERR_SPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SLOT(another_writer_goes_on_where_it_was_kept),
		WITH_SLOT(where_nothing_was_kept_nobody_goes_on),
		WITH_SLOT(
			any_length_in_any_pieces_is_written_and_nothing_behind),
		WITH_SLOT(what_is_not_ended_does_not_start),
		WITH_SLOT(a_changed_byte_changes_the_digest),
		WITH_SLOT(only_devices_and_files_have_room),
		WITH_SLOT(a_slot_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
