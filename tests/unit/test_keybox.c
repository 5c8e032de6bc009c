/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keybox.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

#define DEVICES 5

static struct ec_private *key;
static struct ec_public to;
static uint8_t content_key[STREAM_KEY_LEN] = { 4, 5, 6 };
static const struct sha256 package = { { 1, 2 } };

static const struct keybox_purpose purpose = {
	.product = "kiosk",
	.release = "2026.11",
	.path = "kiosk/2026.11/main-full.pawl",
	.device = { { 9 } },
};

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (ec_generate(&key, &e))
		return -1;
	ec_public_of(key, &to);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ec_free(key);
	return 0;
}

static void is_113_bytes_and_opens_for_its_purpose_alone(void **state)
{
	struct keybox_purpose other[4] = { purpose, purpose, purpose, purpose };
	struct buf sealed = BUF_INIT(KEYBOX_SEALED_LEN);
	uint8_t got[STREAM_KEY_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(keybox_seal(&to, &purpose, content_key, &sealed, &e));
	assert_int_equal(sealed.len, 113);
	assert_ok(keybox_open(key, &purpose, sealed.ptr, got, &e));
	assert_memory_equal(got, content_key, sizeof(got));
	other[0].product = "kios";
	other[1].release = "2026.12";
	other[2].path = "kiosk/2026.11/main-from-2026.10.pawl";
	other[3].device.bytes[15] = 1;
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		assert_refused(keybox_open(key, &other[i], sealed.ptr, got, &e),
			       ERR_UNTRUSTED);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.ptr[i] ^= 1;
		assert_refused(keybox_open(key, &purpose, sealed.ptr, got, &e),
			       ERR_UNTRUSTED);
		sealed.ptr[i] ^= 1;
	}
	buf_done(&sealed);
}

/* Byte by byte, for another implementation has to find the same. */
static void is_bound_to_label_product_release_path_and_device(void **state)
{
	static const char texts[] = "pawl/envelope/v1\0kiosk\0"
				    "2026.11\0kiosk/2026.11/main-full.pawl";
	struct buf info = BUF_INIT(256), sealed = BUF_INIT(KEYBOX_SEALED_LEN);
	struct buf plain = BUF_INIT(STREAM_KEY_LEN);
	struct hpke_bound bound = { .info = { 0 } };
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add(
		&info, (struct slice){ (const uint8_t *)texts, sizeof(texts) },
		&e));
	assert_ok(buf_add(&info,
			  (struct slice){ purpose.device.bytes, DEVICE_ID_LEN },
			  &e));
	bound.info = buf_slice(&info);
	assert_ok(keybox_seal(&to, &purpose, content_key, &sealed, &e));
	assert_ok(hpke_open(key, &bound, buf_slice(&sealed), &plain, &e));
	assert_int_equal(plain.len, STREAM_KEY_LEN);
	assert_memory_equal(plain.ptr, content_key, STREAM_KEY_LEN);
	buf_done(&plain);
	buf_done(&sealed);
	buf_done(&info);
}

/* A file whose record i has the id i * 2 + 1 and bytes i + 1. */
static int a_file(struct buf *bytes)
{
	int fd = memfd_create("keys", MFD_CLOEXEC);
	struct err e = { 0 };

	assert_true(fd >= 0);
	assert_ok(keybox_add_header(&package, DEVICES, bytes, &e));
	for (uint8_t i = 0; i < DEVICES; i++) {
		uint8_t record[KEYBOX_RECORD_LEN] = { (uint8_t)(i * 2 + 1) };

		memset(record + DEVICE_ID_LEN, i + 1, KEYBOX_SEALED_LEN);
		assert_ok(buf_add(
			bytes, (struct slice){ record, sizeof(record) }, &e));
	}
	assert_ok(fs_write_at(fd, 0, buf_slice(bytes), &e));
	return fd;
}

static void each_device_finds_its_own(void **state)
{
	struct buf bytes = BUF_INIT(4096);
	uint8_t sealed[KEYBOX_SEALED_LEN];
	int fd = a_file(&bytes);
	struct keybox_file f;
	struct err e = { 0 };

	(void)state;
	assert_ok(keybox_check(fd, &package, &e));
	assert_ok(keybox_file(fd, &f, &e));
	for (uint8_t i = 0; i < DEVICES; i++) {
		struct device_id id = { { (uint8_t)(i * 2 + 1) } };

		assert_ok(keybox_find(&f, &package, &id, sealed, &e));
		assert_int_equal(sealed[0], i + 1);
		assert_int_equal(sealed[KEYBOX_SEALED_LEN - 1], i + 1);
		id.bytes[0]++;
		assert_refused(keybox_find(&f, &package, &id, sealed, &e),
			       ERR_NOT_FOUND);
	}
	buf_done(&bytes);
	close(fd);
}

static void damaged_files_are_refused(void **state)
{
	const struct sha256 other = { { 3 } };
	struct buf bytes = BUF_INIT(4096);
	uint8_t swap[KEYBOX_RECORD_LEN];
	int fd = a_file(&bytes);
	struct err e = { 0 };

	(void)state;
	assert_refused(keybox_check(fd, &other, &e), ERR_CONFLICT);
	for (size_t i = 0; i < KEYBOX_HEADER_LEN; i++) {
		struct slice byte = { bytes.ptr + i, 1 };

		bytes.ptr[i] ^= 0x80;
		assert_ok(fs_write_at(fd, i, byte, &e));
		assert_int_equal(keybox_check(fd, &package, &e), -1);
		bytes.ptr[i] ^= 0x80;
		assert_ok(fs_write_at(fd, i, byte, &e));
	}
	assert_ok(keybox_check(fd, &package, &e));
	memcpy(swap, bytes.ptr + KEYBOX_HEADER_LEN, sizeof(swap));
	assert_ok(fs_write_at(fd, KEYBOX_HEADER_LEN + KEYBOX_RECORD_LEN,
			      (struct slice){ swap, sizeof(swap) }, &e));
	assert_refused(keybox_check(fd, &package, &e), ERR_FORMAT);
	assert_ok(fs_write_at(fd, 0, buf_slice(&bytes), &e));
	assert_ok(keybox_check(fd, &package, &e));
	/* A byte too many: whose envelope would that be? */
	assert_ok(fs_truncate(fd, bytes.len + 1, &e));
	assert_refused(keybox_check(fd, &package, &e), ERR_FORMAT);
	assert_ok(fs_truncate(fd, bytes.len - 1, &e));
	assert_refused(keybox_check(fd, &package, &e), ERR_FORMAT);
	assert_ok(fs_truncate(fd, KEYBOX_HEADER_LEN - 1, &e));
	assert_refused(keybox_check(fd, &package, &e), ERR_FORMAT);
	buf_done(&bytes);
	close(fd);
}

static void a_million_devices_are_the_limit(void **state)
{
	struct buf bytes = BUF_INIT(4096);
	struct err e = { 0 };

	(void)state;
	assert_ok(keybox_add_header(&package, KEYBOX_DEVICES_MAX, &bytes, &e));
	assert_refused(
		keybox_add_header(&package, KEYBOX_DEVICES_MAX + 1, &bytes, &e),
		ERR_LIMIT);
	buf_done(&bytes);
}

static void a_file_of_more_devices_is_refused(void **state)
{
	const uint32_t count = KEYBOX_DEVICES_MAX + 1;
	int fd = memfd_create("keys", MFD_CLOEXEC);
	struct buf bytes = BUF_INIT(4096);
	uint8_t sealed[KEYBOX_SEALED_LEN];
	struct device_id id = { { 1 } };
	struct keybox_file f;
	struct err e = { 0 };

	(void)state;
	assert_true(fd >= 0);
	assert_ok(keybox_add_header(&package, 0, &bytes, &e));
	for (size_t i = 0; i < 4; i++)
		bytes.ptr[12 + i] = (uint8_t)(count >> (8 * i));
	assert_ok(fs_write_at(fd, 0, buf_slice(&bytes), &e));
	/* As long as it says, with holes. */
	assert_ok(fs_truncate(
		fd, KEYBOX_HEADER_LEN + (uint64_t)KEYBOX_RECORD_LEN * count,
		&e));
	assert_ok(keybox_file(fd, &f, &e));
	assert_refused(keybox_find(&f, &package, &id, sealed, &e), ERR_LIMIT);
	buf_done(&bytes);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_113_bytes_and_opens_for_its_purpose_alone),
		cmocka_unit_test(
			is_bound_to_label_product_release_path_and_device),
		cmocka_unit_test(each_device_finds_its_own),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(a_million_devices_are_the_limit),
		cmocka_unit_test(a_file_of_more_devices_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
