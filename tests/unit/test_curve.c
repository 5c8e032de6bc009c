/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of points, judged by the library that signs. */
#include "signer/curve.h"

#include <string.h>

#include "common/random.h"
#include "tests/unit/check.h"

/* The point of a scalar, by mbedtls. */
static struct curve_point point_of(const uint8_t scalar[EC_SCALAR_LEN])
{
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct curve_point p;
	struct err e;

	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	ec_public_of(key, &public_key);
	ec_free(key);
	curve_int_from(public_key.point + 1, &p.x);
	curve_int_from(public_key.point + 1 + EC_SCALAR_LEN, &p.y);
	return p;
}

static struct curve_point point_of_number(uint16_t n)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };

	scalar[EC_SCALAR_LEN - 2] = (uint8_t)(n >> 8);
	scalar[EC_SCALAR_LEN - 1] = (uint8_t)n;
	return point_of(scalar);
}

static void assert_same(const struct curve_point *a,
			const struct curve_point *b)
{
	assert_true(curve_int_equal(&a->x, &b->x));
	assert_true(curve_int_equal(&a->y, &b->y));
}

static void sums_are_those_of_the_library(void **state)
{
	struct curve_point want = point_of_number(1), total = { 0 };
	struct curve_sum sum = { .a = &total,
				 .b = &curve_generator,
				 .out = &total };

	(void)state;
	assert_same(&want, &curve_generator);
	for (uint16_t n = 1; n < 300; n++) {
		curve_add(&sum, 1);
		want = point_of_number(n);
		assert_same(&want, &total);
	}
	sum.minus = true;
	for (uint16_t n = 298; n > 0; n--) {
		curve_add(&sum, 1);
		want = point_of_number(n);
		assert_same(&want, &total);
	}
	curve_add(&sum, 1);
	want = (struct curve_point){ 0 };
	assert_same(&want, &total);
}

/* One of each kind, between others: none disturbs them. */
static void special_cases_share_a_batch(void **state)
{
	const struct curve_point none = { 0 };
	const struct curve_point five = point_of_number(5);
	const struct curve_point seven = point_of_number(7);
	const struct curve_point ten = point_of_number(10);
	const struct curve_point twelve = point_of_number(12);
	const struct curve_point two = point_of_number(2);
	struct curve_point out[7], minus_five;
	const struct curve_sum sums[] = {
		{ &five, &seven, false, false, &out[0] },
		{ &five, &five, false, false, &out[1] },
		{ &five, &five, true, false, &out[2] },
		{ &none, &seven, false, false, &out[3] },
		{ &seven, &none, true, false, &out[4] },
		{ &none, &five, true, false, &out[5] },
		{ &seven, &five, true, true, &out[6] },
	};

	(void)state;
	curve_add(sums, ARRAY_LEN(sums));
	assert_same(&out[0], &twelve);
	assert_same(&out[1], &ten);
	assert_same(&out[2], &none);
	assert_same(&out[3], &seven);
	assert_same(&out[4], &seven);
	assert_true(curve_int_equal(&out[5].x, &five.x));
	assert_false(curve_int_equal(&out[5].y, &five.y));
	assert_true(curve_int_equal(&out[6].x, &two.x));
	minus_five = out[5];
	curve_add(&(struct curve_sum){ &five, &minus_five, false, false,
				       &out[0] },
		  1);
	assert_same(&out[0], &none);
}

static void a_total_is_that_of_its_sums(void **state)
{
	struct curve_point points[40], total;
	const struct curve_point *list[40];
	uint8_t scalar[EC_SCALAR_LEN];
	struct curve_int x;

	(void)state;
	for (int round = 0; round < 20; round++) {
		total = (struct curve_point){ 0 };
		for (size_t i = 0; i < ARRAY_LEN(points); i++) {
			random_bytes(scalar, sizeof(scalar));
			scalar[0] &= 0x7f;
			points[i] = round > 10 && i % 7 == 3 ? points[i - 1]
							     : point_of(scalar);
			list[i] = &points[i];
			curve_add(&(struct curve_sum){ .a = &total,
						       .b = &points[i],
						       .out = &total },
				  1);
		}
		assert_true(curve_total(list, ARRAY_LEN(list), &x));
		assert_true(curve_int_equal(&x, &total.x));
	}
}

static void totals_double_and_vanish(void **state)
{
	const struct curve_point none = { 0 }, five = point_of_number(5);
	const struct curve_point ten = point_of_number(10);
	const struct curve_point *list[] = { &five, &five, &none };
	struct curve_point minus;
	struct curve_int x;

	(void)state;
	assert_true(curve_total(list, 3, &x));
	assert_true(curve_int_equal(&x, &ten.x));
	curve_add(&(struct curve_sum){ &none, &five, true, false, &minus }, 1);
	list[1] = &minus;
	assert_false(curve_total(list, 2, &x));
	assert_false(curve_total(list, 0, &x));
	assert_true(curve_total(list, 1, &x));
	assert_true(curve_int_equal(&x, &five.x));
}

static void a_point_is_known_by_its_x(void **state)
{
	struct curve_point p, q, again;
	uint8_t scalar[EC_SCALAR_LEN] = { 1 };

	(void)state;
	for (int round = 0; round < 50; round++) {
		random_bytes(scalar + 1, sizeof(scalar) - 1);
		p = point_of(scalar);
		assert_true(curve_point_at(&p.x, &q));
		assert_true(curve_int_equal(&p.x, &q.x));
		if (curve_int_equal(&p.y, &q.y))
			continue;
		/* The other one: their sum is nothing. */
		curve_add(&(struct curve_sum){ &p, &q, false, false, &again },
			  1);
		assert_same(&again, &(struct curve_point){ 0 });
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_library),
		cmocka_unit_test(special_cases_share_a_batch),
		cmocka_unit_test(a_total_is_that_of_its_sums),
		cmocka_unit_test(totals_double_and_vanish),
		cmocka_unit_test(a_point_is_known_by_its_x),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
