/* SPDX-License-Identifier: Apache-2.0 */
#include "common/merkle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"
#include "tests/unit/check.h"

#define VECTORS "tests/vectors/merkle.txt"
#define SIZES   70

/* ---- any subtree of a log in memory -------------------------------------- */

struct leaves {
	struct sha256 at[1024];
	size_t count;
};

static int node(void *ctx, unsigned level, uint64_t index, struct sha256 *out,
		struct err *e)
{
	struct leaves *l = ctx;
	struct sha256 left, right;

	if ((index + 1) << level > l->count)
		return err_set(e, ERR_NOT_FOUND, "no such subtree");
	if (level == 0) {
		*out = l->at[index];
		return 0;
	}
	if (node(ctx, level - 1, 2 * index, &left, e) ||
	    node(ctx, level - 1, 2 * index + 1, &right, e))
		return -1;
	merkle_node(&left, &right, out);
	return 0;
}

static struct leaves *numbered(size_t count)
{
	struct leaves *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->count = count;
	for (size_t i = 0; i < count; i++) {
		uint8_t record[2] = { (uint8_t)i, (uint8_t)(i >> 8) };

		merkle_leaf((struct slice){ record, 2 }, &l->at[i]);
	}
	return l;
}

static struct merkle_head head_of(struct leaves *l, uint64_t size)
{
	const struct merkle_source from = { l, node };
	struct merkle_head h = { .size = size };
	struct err e = { 0 };

	assert_ok(merkle_root_of(&from, size, &h.root, &e));
	return h;
}

/* ---- published vectors --------------------------------------------------- */

static struct sha256 word_digest(void)
{
	struct sha256 d;
	struct err e = { 0 };
	const char *word = strtok(NULL, " \n");

	assert_non_null(word);
	assert_ok(sha256_parse(slice_of(word), &d, &e));
	return d;
}

static uint64_t word_number(void)
{
	uint64_t n = 0;
	struct err e = { 0 };

	assert_ok(num_parse(slice_of(strtok(NULL, " \n")), 1000, &n, &e));
	return n;
}

static void read_leaf(struct leaves *l)
{
	const char *hex = strtok(NULL, " \n");
	uint8_t record[64];
	size_t len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
	struct err e = { 0 };

	if (len > 0)
		assert_ok(hex_parse(slice_of(hex), record, len, &e));
	merkle_leaf((struct slice){ record, len }, &l->at[l->count++]);
}

/* The rest of the line is this proof, and nothing else. */
static void compare(const struct merkle_proof *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct sha256 d = word_digest();

		assert_memory_equal(&d, &p->at[i], sizeof(d));
	}
	assert_null(strtok(NULL, " \n"));
}

static void read_line(struct leaves *l, const char *kind)
{
	const struct merkle_source from = { l, node };
	struct merkle_proof p;
	struct err e = { 0 };
	uint64_t a, b;

	if (strcmp(kind, "leaf") == 0) {
		read_leaf(l);
		return;
	}
	a = word_number();
	if (strcmp(kind, "root") == 0) {
		struct merkle_head h = head_of(l, a);
		struct sha256 want = word_digest();

		assert_memory_equal(&h.root, &want, sizeof(want));
		return;
	}
	b = word_number();
	if (strcmp(kind, "inclusion") == 0)
		assert_ok(merkle_prove_inclusion(&from, a, b, &p, &e));
	else
		assert_ok(merkle_prove_consistency(&from, a, b, &p, &e));
	compare(&p);
}

static void the_published_trees_are_ours(void **state)
{
	struct leaves *l = calloc(1, sizeof(*l));
	FILE *f = fopen(VECTORS, "r");
	char line[4096];
	int lines = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		const char *kind = strtok(line, " \n");

		if (!kind || kind[0] == '#')
			continue;
		read_line(l, kind);
		lines++;
	}
	assert_int_equal(lines, 8 + 9 + 5 + 5);
	fclose(f);
	free(l);
}

/* ---- every size ---------------------------------------------------------- */

static void a_log_read_from_its_start_has_the_same_root(void **state)
{
	struct leaves *l = numbered(SIZES);
	struct merkle_tree t = { 0 };
	struct err e = { 0 };

	(void)state;
	for (uint64_t n = 0; n <= SIZES; n++) {
		struct merkle_head h = head_of(l, n);
		struct sha256 root;

		merkle_root(&t, &root);
		assert_memory_equal(&root, &h.root, sizeof(root));
		if (n < SIZES)
			assert_ok(merkle_add(&t, &l->at[n], &e));
	}
	t.size = MERKLE_SIZE_MAX;
	assert_refused(merkle_add(&t, &l->at[0], &e), ERR_LIMIT);
	free(l);
}

static void inclusion_holds(struct leaves *l, uint64_t i, uint64_t n)
{
	const struct merkle_source from = { l, node };
	struct merkle_head h = head_of(l, n);
	struct merkle_proof p;
	struct err e = { 0 };

	assert_ok(merkle_prove_inclusion(&from, i, n, &p, &e));
	assert_ok(merkle_check_inclusion(&l->at[i], i, &h, &p, &e));
	/* Another record, another place, a longer or shorter proof. */
	assert_refused(merkle_check_inclusion(&l->at[n], i, &h, &p, &e),
		       ERR_UNTRUSTED);
	assert_refused(merkle_check_inclusion(&l->at[i], n, &h, &p, &e),
		       ERR_UNTRUSTED);
	if (n > 1)
		assert_refused(
			merkle_check_inclusion(&l->at[i], i ^ 1, &h, &p, &e),
			ERR_UNTRUSTED);
	p.at[p.count++] = l->at[0];
	assert_refused(merkle_check_inclusion(&l->at[i], i, &h, &p, &e),
		       ERR_UNTRUSTED);
	if (p.count < 2)
		return;
	p.count -= 2;
	assert_refused(merkle_check_inclusion(&l->at[i], i, &h, &p, &e),
		       ERR_UNTRUSTED);
	p.count++;
	p.at[0].bytes[0] ^= 1;
	assert_refused(merkle_check_inclusion(&l->at[i], i, &h, &p, &e),
		       ERR_UNTRUSTED);
}

static void every_record_of_every_size_is_proved_included(void **state)
{
	struct leaves *l = numbered(SIZES);

	(void)state;
	for (uint64_t n = 1; n < SIZES; n++)
		for (uint64_t i = 0; i < n; i++)
			inclusion_holds(l, i, n);
	free(l);
}

static void growth_holds(struct leaves *l, uint64_t m, uint64_t n)
{
	const struct merkle_source from = { l, node };
	struct merkle_head old = head_of(l, m), now = head_of(l, n), other;
	struct merkle_proof p;
	struct err e = { 0 };

	assert_ok(merkle_prove_consistency(&from, m, n, &p, &e));
	assert_ok(merkle_check_consistency(&old, &now, &p, &e));
	if (m == 0)
		return;
	other = old;
	other.root.bytes[31] ^= 1;
	assert_refused(merkle_check_consistency(&other, &now, &p, &e),
		       ERR_UNTRUSTED);
	other = now;
	other.root.bytes[31] ^= 1;
	assert_refused(merkle_check_consistency(&old, &other, &p, &e),
		       ERR_UNTRUSTED);
	p.at[p.count++] = l->at[0];
	assert_refused(merkle_check_consistency(&old, &now, &p, &e),
		       ERR_UNTRUSTED);
	if (p.count < 2)
		return;
	p.count -= 2;
	assert_refused(merkle_check_consistency(&old, &now, &p, &e),
		       ERR_UNTRUSTED);
	p.count++;
	p.at[p.count / 2].bytes[0] ^= 1;
	assert_refused(merkle_check_consistency(&old, &now, &p, &e),
		       ERR_UNTRUSTED);
}

static void every_growth_is_proved_consistent(void **state)
{
	struct leaves *l = numbered(SIZES);

	(void)state;
	for (uint64_t n = 0; n < SIZES; n++)
		for (uint64_t m = 0; m <= n; m++)
			growth_holds(l, m, n);
	free(l);
}

static void a_log_that_shrank_has_no_proof(void **state)
{
	struct leaves *l = numbered(9);
	const struct merkle_source from = { l, node };
	struct merkle_head old = head_of(l, 9), now = head_of(l, 8);
	struct merkle_proof p = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_refused(merkle_prove_consistency(&from, 9, 8, &p, &e),
		       ERR_ROLLBACK);
	assert_refused(merkle_check_consistency(&old, &now, &p, &e),
		       ERR_ROLLBACK);
	assert_refused(merkle_prove_inclusion(&from, 9, 9, &p, &e),
		       ERR_NOT_FOUND);
	free(l);
}

/* What was changed before the old head cannot be proved to have grown. */
static void a_log_that_was_rewritten_has_no_proof(void **state)
{
	struct leaves *l = numbered(40);
	const struct merkle_source from = { l, node };
	struct merkle_head old = head_of(l, 21), now;
	struct merkle_proof p;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < 21; i++) {
		struct sha256 was = l->at[i];

		l->at[i] = l->at[39];
		now = head_of(l, 40);
		assert_ok(merkle_prove_consistency(&from, 21, 40, &p, &e));
		assert_refused(merkle_check_consistency(&old, &now, &p, &e),
			       ERR_UNTRUSTED);
		l->at[i] = was;
	}
	free(l);
}

static void a_log_has_a_largest_size(void **state)
{
	struct leaves *l = numbered(1);
	struct merkle_source from = { l, node };
	const uint64_t beyond = MERKLE_SIZE_MAX + 1;
	struct merkle_proof p;
	struct sha256 root;
	struct err e = { 0 };

	(void)state;
	assert_refused_saying(merkle_root_of(&from, beyond, &root, &e),
			      ERR_LIMIT, "impossible size");
	assert_refused_saying(merkle_prove_inclusion(&from, 0, beyond, &p, &e),
			      ERR_NOT_FOUND, "no such record");
	assert_refused_saying(
		merkle_prove_consistency(&from, 1, beyond, &p, &e), ERR_LIMIT,
		"impossible size");
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_trees_are_ours),
		cmocka_unit_test(a_log_read_from_its_start_has_the_same_root),
		cmocka_unit_test(every_record_of_every_size_is_proved_included),
		cmocka_unit_test(every_growth_is_proved_consistent),
		cmocka_unit_test(a_log_has_a_largest_size),
		cmocka_unit_test(a_log_that_shrank_has_no_proof),
		cmocka_unit_test(a_log_that_was_rewritten_has_no_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
