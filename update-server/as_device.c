/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/as_device.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/order.h"
#include "common/tuf_store.h"

#include "update-server/blobs.h"
#include "update-server/listed.h"

/* ---- what devices are served --------------------------------------------- */

static int fetch_document(const struct as_device *d, const char *url,
			  struct buf *out, struct err *e)
{
	struct sha256 digest;
	uint64_t length;

	return store_payload_find(d->store, url, &digest, &length, e) ||
			       blobs_read(d->dirfd, &digest, out, e)
		       ? -1
		       : 0;
}

static int fetch(void *ctx, const char *name, size_t max, struct buf *out,
		 struct err *e)
{
	const size_t folder = strlen(TUF_TARGETS_DIR);
	const struct as_device *d = ctx;
	struct buf bytes = BUF_INIT(max);
	int rc;

	if (strncmp(name, TUF_TARGETS_DIR, folder) == 0)
		rc = fetch_document(d, name + folder, &bytes, e);
	else
		rc = store_metadata_get(d->store, name, &bytes, NULL, e);
	if (rc == 0)
		rc = buf_add(out, buf_slice(&bytes), e);
	buf_done(&bytes);
	return rc;
}

/* It begins with the root that counts now, as one that has come before. */
static int pin_root(const struct as_device *d, int trust, struct err *e)
{
	struct buf root = BUF_INIT(tuf_policy_device.root_max);
	char name[TUF_NAME_MAX];
	int64_t version, targets;
	int rc = -1;

	if (store_metadata_versions(d->store, &version, &targets, e) == 0 &&
	    tuf_remote_name("root", version, name, e) == 0 &&
	    store_metadata_get(d->store, name, &root, NULL, e) == 0)
		rc = tuf_client_init(trust, &tuf_policy_device,
				     buf_slice(&root), e);
	buf_done(&root);
	return rc;
}

/* ---- packages ------------------------------------------------------------ */

struct looking {
	const struct as_device *d;
	struct release full; /* its full package, of the first component */
	bool has_full;
};

static int check_head(int fd, const struct release *r, struct err *e)
{
	struct sha256 head;

	if (sha256_of_range(fd, 0, r->head_len, &head, e))
		return -1;
	return sha256_equal(&head, &r->head_digest)
		       ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "its head is not the signed one");
}

static int check_file(const struct as_device *d, const struct tuf_target *t,
		      const struct release *r, struct err *e)
{
	uint64_t len;
	int fd = -1, rc = -1;

	if (blobs_open(d->dirfd, &t->sha256, &fd, &len, e)) {
		if (e->code == ERR_NOT_FOUND)
			(void)err_set(e, ERR_NOT_FOUND, "it is missing here");
	} else if (len != t->length) {
		(void)err_set(e, ERR_UNTRUSTED, "%llu bytes, not %llu",
			      (unsigned long long)len,
			      (unsigned long long)t->length);
	} else {
		rc = check_head(fd, r, e);
	}
	fs_close(&fd);
	return rc;
}

/* Another content of that name is another release: nightly may have one. */
static int see_package(void *ctx, const struct tuf_target *t,
		       const struct release *r, struct err *e)
{
	struct looking *l = ctx;
	char shown[200];

	if (!sha256_equal(&r->digest, &l->d->what->digest))
		return 0;
	if (check_file(l->d, t, r, e)) {
		text_escape(slice_of(t->path), shown, sizeof(shown));
		return err_in(e,
			      "%s (bring what was published again, release "
			      "import DIR --again)",
			      shown);
	}
	if (r->kind == PACKAGE_FULL && !l->has_full) {
		if (release_parse(t, &l->full, e))
			return -1;
		l->has_full = true;
	}
	return 0;
}

/* ---- what operators signed ----------------------------------------------- */

/* That there is none yet, or none any more, each check-in is told. */
static bool is_absent(const struct err *e)
{
	return e->code == ERR_NOT_FOUND || e->code == ERR_EXPIRED;
}

static int check_order(struct tuf_client *c, const struct tuf_source *from,
		       enum order_place place, const struct release *r,
		       struct err *e)
{
	struct buf bytes = BUF_INIT(ORDER_BYTES_MAX);
	char path[PATH_MAX_LEN];
	struct tuf_target t;
	struct order o;
	int rc = -1;

	if (order_path(place, r->product, r->id, path, e))
		return -1;
	if (tuf_client_find(c, from, path, &t, e))
		return is_absent(e) ? 0 : -1;
	if (tuf_client_document(c, from, path, ORDER_BYTES_MAX, &bytes, e) ==
		    0 &&
	    order_parse(buf_slice(&bytes), &o, e) == 0) {
		rc = order_check(&o, place, r, e);
		order_done(&o);
	}
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- all of it ----------------------------------------------------------- */

static int check(struct looking *l, struct tuf_client *c, struct err *e)
{
	const struct rollout *what = l->d->what;
	/* The type of ctx is not const; fetch() only reads it. */
	const union {
		const struct as_device *in;
		void *out;
	} ctx = { .in = l->d };
	const struct tuf_source from = { .ctx = ctx.out, .fetch = fetch };
	const struct listed packages = { .client = c,
					 .from = &from,
					 .product = what->product,
					 .id = what->release,
					 .visit = see_package,
					 .ctx = l };

	if (tuf_client_refresh(c, &from, e) || listed_packages(&packages, e))
		return -1;
	if (!l->has_full)
		return err_set(e, ERR_UNTRUSTED,
			       "what is signed has another content, or no "
			       "full package");
	for (size_t place = 0; place < ORDER_PLACES; place++)
		if (check_order(c, &from, (enum order_place)place, &l->full, e))
			return -1;
	return 0;
}

static int check_in_folder(const struct as_device *d, int trust, struct err *e)
{
	struct looking l = { .d = d };
	struct tuf_client *c = NULL;
	int rc = -1;

	if (pin_root(d, trust, e) == 0 &&
	    tuf_client_open(trust, &tuf_policy_device, d->now, &c, e) == 0)
		rc = check(&l, c, e);
	tuf_client_close(c);
	release_done(&l.full);
	return rc;
}

int as_device_check(const struct as_device *d, struct err *e)
{
	struct err later = { 0 };
	int trust = -1, rc = -1;

	/* Of a start that was cut off. */
	if (fs_remove_tree(d->dirfd, d->folder, e) ||
	    fs_mkdirs(d->dirfd, d->folder, 0700, e) ||
	    fs_open(d->dirfd, d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		    &trust, e))
		return -1;
	rc = check_in_folder(d, trust, e);
	fs_close(&trust);
	if (rc)
		(void)err_in(e, "a device would refuse release %s",
			     d->what->release);
	if (fs_remove_tree(d->dirfd, d->folder, &later) && rc == 0) {
		*e = later;
		rc = -1;
	}
	return rc;
}
