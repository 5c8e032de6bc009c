/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a copy of a ledger, from a server that is suspected. What is read of
 * it has the head that its records have; another head, or more than there is,
 * is seen; and the keeper takes none that it did not write itself.
 */

#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "update-server/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int take(void *ctx, const struct json *record, struct err *e)
{
	struct merkle_tree *tree = ctx;
	struct buf bytes = BUF_INIT(LEDGER_LINE_MAX);
	struct sha256 leaf;

	MUST(json_is_object(record));
	MUST(json_canonical(record, &bytes, e) == 0);
	merkle_leaf(buf_slice(&bytes), &leaf);
	buf_done(&bytes);
	return merkle_add(tree, &leaf, e);
}

/* The code of the failure, or ERR_NONE. */
static enum err_code inspect(const char *path, struct merkle_head from,
			     struct merkle_tree *tree)
{
	struct ledger_reader r = { take, tree, from };
	struct err e = { 0 };

	*tree = (struct merkle_tree){ 0 };
	return ledger_inspect(path, &r, &e) ? e.code : ERR_NONE;
}

static void against_heads(const char *path)
{
	struct merkle_head head = { 0 };
	struct merkle_tree tree;

	if (inspect(path, head, &tree) != ERR_NONE)
		return;
	head.size = tree.size;
	merkle_root(&tree, &head.root);
	MUST(inspect(path, head, &tree) == ERR_NONE);
	if (head.size > 0) {
		head.root.bytes[0] ^= 1;
		MUST(inspect(path, head, &tree) == ERR_UNTRUSTED);
	}
	head.size++;
	MUST(inspect(path, head, &tree) == ERR_ROLLBACK);
}

static void as_the_keeper(struct slice in)
{
	static const uint8_t key[LEDGER_KEY_LEN] = { 1 };
	struct merkle_tree tree = { 0 };
	const struct ledger_reader r = { .take = take, .ctx = &tree };
	struct ledger *l = NULL;
	struct err e = { 0 };

	folder_put("ledger", in);
	if (ledger_open(folder(), "ledger", key, &r, &l, &e) == 0)
		MUST(ledger_size(l) == 0);
	else
		MUST(e.code == ERR_UNTRUSTED && !l);
	ledger_close(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct unnamed file = unnamed_open(in);

	against_heads(file.path);
	close(file.fd);
	as_the_keeper(in);
	return 0;
}
