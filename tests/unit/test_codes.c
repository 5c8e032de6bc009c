/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/codes.h"

#include <string.h>

#include "tests/unit/check.h"

#define MANY 37

static struct sha256 hashes[MANY];

static void every_code_has_its_place_and_no_other(void **state)
{
	struct codes_place place, other;
	struct sha256 root;
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		hashes[i].bytes[0] = (uint8_t)(i + 1);
	for (uint64_t count = 1; count <= MANY; count++) {
		codes_root(hashes, count, &root);
		for (uint64_t i = 0; i < count; i++) {
			assert_ok(codes_prove(hashes, count, i, &place, &e));
			assert_true(sha256_equal(&place.root, &root));
			assert_ok(codes_check(&hashes[i], &place, &e));
			other = place;
			other.index = (i + 1) % count;
			if (count > 1)
				assert_refused(
					codes_check(&hashes[i], &other, &e),
					ERR_UNTRUSTED);
			assert_refused(codes_check(&hashes[(i + 1) % MANY],
						   &place, &e),
				       ERR_UNTRUSTED);
		}
	}
	assert_refused(codes_prove(hashes, 5, 5, &place, &e), ERR_NOT_FOUND);
}

static void a_proof_that_was_touched_proves_nothing(void **state)
{
	struct codes_place place, bad;
	struct err e = { 0 };

	(void)state;
	assert_ok(codes_prove(hashes, MANY, 20, &place, &e));
	bad = place;
	bad.root.bytes[3] ^= 1;
	assert_refused(codes_check(&hashes[20], &bad, &e), ERR_UNTRUSTED);
	bad = place;
	bad.proof.at[2].bytes[0] ^= 1;
	assert_refused(codes_check(&hashes[20], &bad, &e), ERR_UNTRUSTED);
	bad = place;
	bad.proof.count--;
	assert_refused(codes_check(&hashes[20], &bad, &e), ERR_UNTRUSTED);
	bad = place;
	bad.count--;
	bad.index = bad.count;
	assert_refused(codes_check(&hashes[20], &bad, &e), ERR_UNTRUSTED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_place_and_no_other),
		cmocka_unit_test(a_proof_that_was_touched_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
