/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ledger_check.h"

#include "tests/unit/box.h"
#include "update-server/ledger.h"

static const uint8_t key[LEDGER_KEY_LEN] = { 1 };
static unsigned alone[3];

static void tell(const struct sha256 *certificate, enum ledger_place where)
{
	assert_true(certificate->bytes[0] > 0);
	alone[where]++;
}

static int take_any(void *ctx, const struct json *record, struct err *e)
{
	(void)ctx;
	(void)record;
	(void)e;
	return 0;
}

static struct json *of(uint8_t n)
{
	const struct sha256 certificate = { { n } };
	struct json *j = json_new_object();

	json_set_hex(j, "certificate",
		     (struct slice){ certificate.bytes, SHA256_LEN });
	return j;
}

/* A ledger of these certificates, the first after a warrant; its head. */
static void write_ledger(struct box *b, uint8_t from, uint8_t to,
			 struct merkle_head *head)
{
	const struct ledger_reader reader = { .take = take_any };
	struct ledger *l = NULL;
	struct json *j = json_new_object();
	struct err e = { 0 };

	assert_ok(ledger_open(b->dir, "ledger", key, &reader, &l, &e));
	json_set(j, "warrant", json_new_object());
	ledger_head(l, head);
	if (head->size == 0)
		assert_ok(ledger_append(l, j, &e));
	json_free(j);
	for (uint8_t n = to; n >= from; n--) {
		j = of(n);
		assert_ok(ledger_append(l, j, &e));
		json_free(j);
	}
	ledger_head(l, head);
	ledger_close(l);
}

static void see(struct ledger_check *c, uint8_t n)
{
	struct audit_record r = { .act = n & 1 ? AUDIT_DEVICE_ENROL
					       : AUDIT_DEVICE_RENEW,
				  .objects = of(n) };
	struct err e = { 0 };

	assert_ok(ledger_check_see(c, &r, &e));
	json_free(r.objects);
}

static void what_only_one_of_them_names_is_told(void **state)
{
	struct ledger_check *c = ledger_check_new();
	struct audit_record other = { .act = AUDIT_COHORT_CREATE };
	struct merkle_head head;
	struct box box;
	struct err e = { 0 };
	uint64_t count = 0;
	char path[96];

	(void)state;
	box_open(&box);
	write_ledger(&box, 3, 9, &head);
	for (uint8_t n = 1; n <= 7; n++)
		see(c, n);
	assert_ok(ledger_check_see(c, &other, &e));
	(void)snprintf(path, sizeof(path), "%s/ledger", box.path);
	assert_ok(ledger_check_file(c, path, &head, tell, &count, &e));
	assert_int_equal(count, 4);
	assert_int_equal(alone[LEDGER_SIGNED], 2);
	assert_int_equal(alone[LEDGER_LOG], 2);
	assert_int_equal(alone[LEDGER_TAIL], 0);
	ledger_check_free(c);
	box_close(&box);
}

/* A server that was taken over lets no more be signed: what was made since then
 * stands behind the last head. */
static void what_is_not_signed_yet_is_told_as_well(void **state)
{
	struct ledger_check *c = ledger_check_new();
	struct merkle_head head, whole;
	struct box box;
	struct err e = { 0 };
	uint64_t count = 0;
	char path[96];

	(void)state;
	memset(alone, 0, sizeof(alone));
	box_open(&box);
	write_ledger(&box, 3, 5, &head);
	write_ledger(&box, 6, 9, &whole);
	assert_true(whole.size > head.size);
	for (uint8_t n = 3; n <= 6; n++)
		see(c, n);
	(void)snprintf(path, sizeof(path), "%s/ledger", box.path);
	assert_ok(ledger_check_file(c, path, &head, tell, &count, &e));
	assert_int_equal(count, 3);
	assert_int_equal(alone[LEDGER_TAIL], 3);
	ledger_check_free(c);
	box_close(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_only_one_of_them_names_is_told),
		cmocka_unit_test(what_is_not_signed_yet_is_told_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
