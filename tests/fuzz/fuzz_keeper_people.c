/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's list of people. Unsealed bytes are never believed. Of what is
 * sealed, by whoever may, a list is refused or whole.
 */
#include <stdlib.h>

#include "common/hkdf.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/must.h"
#include "update-server/keeper_people.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FILE_NAME "keeper/people.json"
#define LIST_MAX  (100 * 1024)

static const struct keeper_seal seal = { .people = { 1 } };

static void write_file(struct slice bytes)
{
	struct err e;

	MUST(fs_mkdirs(folder(), "keeper", 0700, &e) == 0);
	folder_put(FILE_NAME, bytes);
}

static void check(struct keeper_people *people)
{
	const struct sha256 nobody = { { 1, 2, 3 } };

	MUST(people->version > 0 && people->count <= KEEPER_PEOPLE_MAX);
	for (size_t i = 0; i < people->count; i++) {
		const struct keeper_person *p = &people->at[i];
		struct ec_public key;
		struct err e;

		MUST(memchr(p->roles, 0, sizeof(p->roles)));
		MUST(keeper_people_find(people, &p->certificate));
		/* Whoever stands there twice is whom the first line says. */
		if (keeper_people_check(people, &p->certificate, "admin", 0,
					&key, &e) == 0)
			MUST(!keeper_people_find(people, &p->certificate)
				      ->revoked);
	}
	(void)keeper_people_find(people, &nobody);
}

/* The list, with the MAC that the seal gives it. */
static bool make_file(struct slice list, struct buf *out)
{
	struct json *j = json_new_object(), *inner = NULL;
	struct buf bytes = BUF_INIT(LIST_MAX);
	struct sha256 mac;
	bool made = false;
	struct err e;

	if (json_parse(list, &inner, &e) == 0 &&
	    json_canonical(inner, &bytes, &e) == 0) {
		hkdf_extract((struct slice){ seal.people, LEDGER_KEY_LEN },
			     buf_slice(&bytes), mac.bytes);
		json_set(j, "list", inner);
		json_set_hex(j, "mac", (struct slice){ mac.bytes, SHA256_LEN });
		made = json_canonical(j, out, &e) == 0;
	} else {
		json_free(inner);
	}
	buf_done(&bytes);
	json_free(j);
	return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct keeper_people *people = mem_alloc(1, sizeof(*people));
	struct buf file = BUF_INIT(2 * LIST_MAX);
	struct slice in = { data, len };
	struct err e = { 0 };

	write_file(in);
	MUST(keeper_people_load(folder(), &seal, people, &e) != 0);
	if (make_file(in, &file)) {
		write_file(buf_slice(&file));
		if (keeper_people_load(folder(), &seal, people, &e) == 0)
			check(people);
	}
	buf_done(&file);
	free(people);
	return 0;
}
