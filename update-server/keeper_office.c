/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_office.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/tuf_client.h"
#include "common/tuf_write.h"

#include "update-server/folder_source.h"
#include "update-server/keeper_people.h"
#include "update-server/keeper_registry.h"
#include "update-server/online_role.h"

#define TRUST_DIR     "keeper/trust"
#define VERSIONS_FILE "keeper/versions.json"
#define SNAPSHOT_FILE "keeper/snapshot.json"
#define CLOCK_SLACK   3600 /* a device's clock may be behind ours */
#define VERSIONS_MAX  16384
#define ROLES_MAX     64 /* ever listed: a snapshot may not drop one */
#define AUDIT_FILE    "keeper/audit.json"
#define LEDGER_FILE   "keeper/ledger"
/* By how much a role's version may rise at once: nobody uses the numbers up. */
#define ROLE_AHEAD 1000

struct versions {
	int64_t snapshot, timestamp; /* the highest ever used */
	int64_t targets;             /* taken up last */
	int64_t network;             /* the snapshot in SNAPSHOT_FILE */
	int64_t network_targets;     /* what it lists */
	int64_t network_expires;
	/* Of every delegated role that was ever listed. */
	struct tuf_import_role roles[ROLES_MAX];
	size_t role_count;
};

/* How many may come, in thousandths of one, and how many a minute. */
struct bucket {
	uint64_t tokens, rate;
	int64_t filled;
};

struct keeper_office {
	struct keeper_setup setup;
	char *ca_pem;
	struct slice issuer; /* of ca_pem the first: its key is ours */
	struct versions versions;
	struct audit_checkpoint audit; /* signed last; size 0: none */
	struct keeper_seal seal;
	struct keeper_people *people; /* as they were read last */
	struct keeper_registry *registry;
	struct ledger *ledger;
	struct bucket certificates, warrants;
};

/* ---- life ---------------------------------------------------------------- */

static int read_version(const struct json *j, const char *name, int64_t *out,
			struct err *e)
{
	return json_get_int(j, name, 0, JSON_INT_MAX, out, e);
}

static int read_roles(const struct json *j, struct versions *v, struct err *e)
{
	const struct json *roles;

	if (json_get_object(j, "roles", &roles, e))
		return -1;
	if (json_count(roles) > ROLES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d roles", ROLES_MAX);
	for (void *m = json_first(roles); m; m = json_next(roles, m)) {
		struct tuf_import_role *role = &v->roles[v->role_count++];

		if (text_format(role->name, sizeof(role->name), e, "%s",
				json_name(m)) ||
		    json_get_int(roles, json_name(m), 1, JSON_INT_MAX,
				 &role->version, e))
			return -1;
	}
	return 0;
}

static int load_versions(struct keeper_office *o, struct err *e)
{
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct json *j = NULL;
	struct versions v = { 0 };
	struct err why;
	int rc = -1;

	if (fs_read_file(o->setup.dirfd, VERSIONS_FILE, &file, &why)) {
		if (why.code == ERR_NOT_FOUND)
			rc = 0; /* nothing was signed yet */
		else
			*e = why;
		goto out;
	}
	if (json_parse(buf_slice(&file), &j, e) ||
	    read_version(j, "snapshot", &v.snapshot, e) ||
	    read_version(j, "timestamp", &v.timestamp, e) ||
	    read_version(j, "targets", &v.targets, e) ||
	    read_version(j, "network", &v.network, e) ||
	    read_version(j, "network_targets", &v.network_targets, e) ||
	    read_version(j, "network_expires", &v.network_expires, e) ||
	    read_roles(j, &v, e)) {
		err_in(e, VERSIONS_FILE);
		goto out;
	}
	o->versions = v;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int save_versions(const struct keeper_office *o, struct err *e)
{
	const struct versions *v = &o->versions;
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct json *j = json_new_object(), *roles = json_new_object();
	int rc = -1;

	for (size_t i = 0; i < v->role_count; i++)
		json_set_int(roles, v->roles[i].name, v->roles[i].version);
	json_set(j, "roles", roles);
	json_set_int(j, "snapshot", v->snapshot);
	json_set_int(j, "timestamp", v->timestamp);
	json_set_int(j, "targets", v->targets);
	json_set_int(j, "network", v->network);
	json_set_int(j, "network_targets", v->network_targets);
	json_set_int(j, "network_expires", v->network_expires);
	if (json_print(j, true, &file, e) ||
	    fs_replace_file(o->setup.dirfd, VERSIONS_FILE, buf_slice(&file),
			    0600, e))
		goto out;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

/* A keeper of before has signed none. */
static int read_ledger_head(const struct json *j, struct merkle_head *out,
			    struct err *e)
{
	int64_t size;

	if (!json_get(j, "ledger_size"))
		return 0;
	if (read_version(j, "ledger_size", &size, e) ||
	    json_get_hex(j, "ledger_root", out->root.bytes, SHA256_LEN, e))
		return -1;
	out->size = (uint64_t)size;
	return 0;
}

static int load_audit(struct keeper_office *o, struct err *e)
{
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct audit_checkpoint c = { 0 };
	struct json *j = NULL;
	int64_t size;
	struct err why;
	int rc = -1;

	if (fs_read_file(o->setup.dirfd, AUDIT_FILE, &file, &why)) {
		if (why.code == ERR_NOT_FOUND)
			rc = 0; /* nothing was signed yet */
		else
			*e = why;
		goto out;
	}
	if (json_parse(buf_slice(&file), &j, e) ||
	    read_version(j, "size", &size, e) ||
	    read_version(j, "time", &c.time, e) ||
	    json_get_hex(j, "root", c.head.root.bytes, SHA256_LEN, e) ||
	    read_ledger_head(j, &c.ledger, e)) {
		err_in(e, AUDIT_FILE);
		goto out;
	}
	c.head.size = (uint64_t)size;
	o->audit = c;
	rc = 0;
out:
	json_free(j);
	buf_done(&file);
	return rc;
}

static int save_audit(struct keeper_office *o, const struct audit_checkpoint *c,
		      struct err *e)
{
	struct buf file = BUF_INIT(VERSIONS_MAX);
	struct json *j = json_new_object();
	int rc = -1;

	json_set_int(j, "size", (int64_t)c->head.size);
	json_set_int(j, "time", c->time);
	json_set_hex(j, "root",
		     (struct slice){ c->head.root.bytes, SHA256_LEN });
	json_set_int(j, "ledger_size", (int64_t)c->ledger.size);
	json_set_hex(j, "ledger_root",
		     (struct slice){ c->ledger.root.bytes, SHA256_LEN });
	if (json_print(j, true, &file, e) == 0)
		rc = fs_replace_file(o->setup.dirfd, AUDIT_FILE,
				     buf_slice(&file), 0600, e);
	if (rc == 0)
		o->audit = *c;
	json_free(j);
	buf_done(&file);
	return rc;
}

static int take_record(void *ctx, const struct json *record, struct err *e)
{
	struct keeper_office *o = ctx;

	return keeper_registry_take(o->registry, record, e);
}

static int open_memory(struct keeper_office *o, struct err *e)
{
	const struct ledger_reader reader = { take_record, o, o->audit.ledger };

	if (!o->setup.ledger)
		return 0;
	o->registry = keeper_registry_new();
	o->people = mem_alloc(1, sizeof(*o->people));
	return keeper_seal_of(o->setup.ledger, &o->seal, e) ||
			       keeper_people_load(o->setup.dirfd, &o->seal,
						  o->people, e) ||
			       ledger_open(o->setup.dirfd, LEDGER_FILE,
					   o->seal.ledger, &reader, &o->ledger,
					   e)
		       ? -1
		       : 0;
}

/* An office for the log alone has no CA. */
static int find_issuer(struct keeper_office *o, struct err *e)
{
	struct slice cas = slice_of(o->ca_pem);
	struct ec_public key;
	struct x509_info info;

	if (!o->setup.ca)
		return 0;
	if (!x509_next(&cas, &o->issuer))
		return err_set(e, ERR_CONFIG, "device CA: no certificate");
	if (x509_inspect(o->issuer, &info, e))
		return err_in(e, "device CA");
	ec_public_of(o->setup.ca, &key);
	return ec_public_equal(&key, &info.public_key)
		       ? 0
		       : err_set(e, ERR_CONFIG,
				 "the device CA's key is not that of the "
				 "first certificate in its file: bring both "
				 "back from one copy of keys/");
}

int keeper_office_open(const struct keeper_setup *setup,
		       struct keeper_office **out, struct err *e)
{
	struct keeper_office *o = mem_alloc(1, sizeof(*o));

	o->setup = *setup;
	o->ca_pem = mem_dup_str(setup->ca_pem);
	o->setup.ca_pem = o->ca_pem;
	o->certificates = (struct bucket){ .rate = setup->enrol_rate };
	o->warrants = (struct bucket){ .rate = KEEPER_WARRANT_RATE };
	if (find_issuer(o, e) || fs_mkdirs(setup->dirfd, TRUST_DIR, 0700, e) ||
	    load_versions(o, e) || load_audit(o, e) || open_memory(o, e)) {
		keeper_office_close(o);
		return -1;
	}
	*out = o;
	return 0;
}

void keeper_office_close(struct keeper_office *o)
{
	if (!o)
		return;
	ec_free(o->setup.ca);
	ec_free(o->setup.online);
	ec_free(o->setup.log);
	ec_free(o->setup.ledger);
	ledger_close(o->ledger);
	keeper_registry_free(o->registry);
	free(o->people);
	mem_wipe(&o->seal, sizeof(o->seal));
	free(o->ca_pem);
	free(o);
}

/* ---- enrol --------------------------------------------------------------- */

static int take_token(struct bucket *b, int64_t now, const char *what,
		      struct err *e)
{
	const uint64_t full = b->rate * 1000;
	int64_t passed = now - b->filled;

	if (b->filled == 0 || passed > 60)
		passed = 60;
	if (passed > 0) {
		b->tokens += (uint64_t)passed * full / 60;
		b->filled = now;
	}
	if (b->tokens > full)
		b->tokens = full;
	if (b->tokens < 1000)
		return err_set(e, ERR_BUSY,
			       "too many %s just now: try again later", what);
	b->tokens -= 1000;
	return 0;
}

/* On the disk before anybody hears of it. */
static int write_down(struct keeper_office *o, struct json *record,
		      struct err *e)
{
	int rc = ledger_append(o->ledger, record, e);

	/* It was judged before it was written: it is what would be read. */
	if (rc == 0) {
		rc = keeper_registry_take(o->registry, record, e);
		assert(rc == 0);
	}
	json_free(record);
	return rc;
}

/* A certificate of our template, in the ledger. */
static int issue(struct keeper_office *o, const struct ec_public *key,
		 struct keeper_issue *i, struct keeper_answer *a, struct err *e)
{
	struct buf pem = BUF_INIT(sizeof(a->certificate) - 1);
	char name[2 * DEVICE_ID_LEN + 1];
	struct x509_template t = {
		.kind = X509_DEVICE,
		.common_name = name,
		.not_before = i->now - CLOCK_SLACK,
		.not_after = i->now + (int64_t)o->setup.device_days * UTC_DAY,
	};
	struct x509_info info;
	int rc = -1;

	hex_format((struct slice){ i->device.bytes, DEVICE_ID_LEN }, name);
	if (x509_issue(&t, key, o->issuer, o->setup.ca, &pem, e) ||
	    x509_inspect(buf_slice(&pem), &info, e))
		goto out;
	i->certificate = info.fingerprint;
	if (write_down(o, keeper_registry_issue(i), e))
		goto out;
	a->device = i->device;
	memcpy(a->certificate, buf_text(&pem), pem.len + 1);
	rc = 0;
out:
	buf_done(&pem);
	return rc;
}

static int admit(struct keeper_office *o, const struct keeper_request *q,
		 struct keeper_issue *i, struct err *e)
{
	struct keeper_ask ask = { .key = i->key,
				  .place = &q->place,
				  .product = q->enrol.product,
				  .model = q->enrol.model,
				  .four_eyes = o->setup.four_eyes,
				  .now = i->now };
	struct sha256 claim;
	bool again;

	if (!q->enrol.asks) {
		sha256_of((struct slice){ q->enrol.claim, WIRE_CLAIM_LEN },
			  &claim);
		ask.claim = &claim;
		i->place = &q->place;
	}
	if (keeper_registry_admit(o->registry, &ask, &again, &i->device, e))
		return -1;
	if (!again)
		random_bytes(i->device.bytes, DEVICE_ID_LEN);
	return 0;
}

static int enrol(struct keeper_office *o, const struct keeper_request *q,
		 int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct wire_enrol *m = &q->enrol;
	struct keeper_issue i = { .now = now };
	struct ec_public key;

	if (take_token(&o->certificates, now, "enrolments", e) ||
	    wire_enrol_check(m, &key, e) ||
	    key_check_allowed(&key, o->setup.environment, e) ||
	    key_check_allowed(&m->decrypt.key, o->setup.environment, e))
		return -1;
	ec_public_fingerprint(&key, &i.key);
	return admit(o, q, &i, e) || issue(o, &key, &i, a, e) ? -1 : 0;
}

/* The list as the installer left it, unless it is older than what we knew. */
static int read_people(struct keeper_office *o, struct err *e)
{
	struct keeper_people *now = mem_alloc(1, sizeof(*now));
	int rc = keeper_people_load(o->setup.dirfd, &o->seal, now, e);

	if (rc == 0 && now->version < o->people->version)
		rc = err_set(e, ERR_ROLLBACK,
			     "keeper/people.json: an older one than before");
	if (rc == 0)
		*o->people = *now;
	free(now);
	return rc;
}

/* What an officer signed for a test server, or one that fell into other hands,
 * is nobody's word here. */
static int check_server(const struct keeper_office *o, const struct warrant *w,
			struct err *e)
{
	for (size_t i = 0; w->bound && i < o->setup.server_count; i++)
		if (sha256_equal(&o->setup.servers[i], &w->server))
			return 0;
	return err_set(e, ERR_REFUSED,
		       "what was signed (warrant) is for another server: "
		       "[server] ca of operator.conf begins with this server's "
		       "ca.pem");
}

static int take_warrant(struct keeper_office *o, const struct keeper_request *q,
			int64_t now, struct err *e)
{
	struct json *record;
	struct ec_public key;
	struct warrant w;
	bool known;

	if (warrant_parse(slice_of(q->warrant), &w, e) || read_people(o, e) ||
	    keeper_people_check(o->people, &w.by, "officer", now, &key, e) ||
	    warrant_verify(slice_of(q->warrant), &key, e) ||
	    check_server(o, &w, e) ||
	    keeper_registry_judge(o->registry, &w, now, &known, e))
		return -1;
	if (known)
		return 0;
	/* What is written down stays: nobody fills the disk. An end, of which
	 * each device has one, never waits. */
	if (w.act != WARRANT_END &&
	    take_token(&o->warrants, now, "warrants", e))
		return -1;
	return keeper_registry_warrant(slice_of(q->warrant), now, &record, e) ||
			       write_down(o, record, e)
		       ? -1
		       : 0;
}

/*
 * The device's own next key: asked for by itself, approved by the key of its
 * certificate, which must be one of ours, be it of a CA before that one has
 * ended. That this may have expired is the one thing forgiven: whether the
 * device was ended, not the calendar, decides.
 */
static int proven_next(const struct keeper_office *o,
		       const struct keeper_request *q, int64_t now,
		       struct x509_info *old, struct ec_public *key,
		       struct err *e)
{
	struct buf message = BUF_INIT(256);
	struct slice proof = { q->renew.proof, q->renew.proof_len };
	int rc = -1;

	if (x509_verify_by_any(slice_of(q->certificate), slice_of(o->ca_pem),
			       X509_DEVICE, now, true, e) ||
	    x509_inspect(slice_of(q->certificate), old, e)) {
		err_in(e, "the certificate to be renewed");
		goto out;
	}
	if (x509_request_key(slice_of(q->renew.csr), key, e)) {
		err_in(e, "certificate request");
		goto out;
	}
	if (wire_renew_message(&old->fingerprint, key, &message, e) ||
	    ec_verify(&old->public_key, buf_slice(&message), proof, e)) {
		err_in(e, "proof by the old key");
		goto out;
	}
	rc = 0;
out:
	buf_done(&message);
	return rc;
}

static int renew(struct keeper_office *o, const struct keeper_request *q,
		 int64_t now, struct keeper_answer *a, struct err *e)
{
	struct keeper_issue i = { .now = now };
	struct x509_info old;
	struct ec_public key;

	if (take_token(&o->certificates, now, "enrolments", e) ||
	    proven_next(o, q, now, &old, &key, e) ||
	    key_check_allowed(&key, o->setup.environment, e) ||
	    hex_parse(slice_of(old.common_name), i.device.bytes, DEVICE_ID_LEN,
		      e) ||
	    keeper_registry_check(o->registry, &i.device, e))
		return -1;
	ec_public_fingerprint(&key, &i.key);
	i.from = &old.fingerprint;
	return issue(o, &key, &i, a, e);
}

/* ---- metadata ------------------------------------------------------------ */

static int check_site(const struct keeper_office *o, const struct tuf_client *c,
		      struct err *e)
{
	struct ec_public key;
	struct tuf_site site;

	tuf_client_site(c, &site);
	if (site.environment != o->setup.environment)
		return err_set(e, ERR_REFUSED,
			       "the repository is for %s, this server for %s",
			       environment_name(site.environment),
			       environment_name(o->setup.environment));
	ec_public_of(o->setup.online, &key);
	return online_role_check(tuf_client_signed(c, TUF_ROOT), &key, e);
}

static int print_envelope(struct json *envelope, struct ec_private *key,
			  uint8_t *out, size_t *out_len, struct err *e)
{
	struct buf bytes = BUF_INIT(KEEPER_FILE_MAX);
	int rc = -1;

	if (tuf_sign(envelope, key, e) ||
	    tuf_envelope_bytes(envelope, &bytes, e))
		goto out;
	memcpy(out, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

/* A snapshot or timestamp to be made. */
struct listing {
	enum tuf_role role;
	int64_t version, expires;
	struct json *meta; /* taken over */
	bool medium;
};

static int sign_listing(const struct keeper_office *o, const struct listing *l,
			int64_t now, uint8_t *out, size_t *out_len,
			struct err *e)
{
	struct json *envelope =
		tuf_envelope_new(l->role, l->version, now, l->expires);
	struct json *body = tuf_envelope_signed(envelope);
	int rc;

	json_set(body, "meta", l->meta);
	if (l->medium)
		json_set_bool(body, "medium", true);
	rc = print_envelope(envelope, o->setup.online, out, out_len, e);
	json_free(envelope);
	return rc;
}

/* When and for how long something is signed, and for what. */
struct term {
	int64_t now, sec;
	bool medium;
};

/* A role that was verified when it was taken up, be it in use or not. */
static int list_role(int trust, const struct tuf_import_role *role,
		     struct json *meta, struct err *e)
{
	struct buf file = BUF_INIT(tuf_policy_device.targets_max);
	char name[NAME_MAX_LEN + sizeof(".json")];
	int rc = -1;

	if (text_format(name, sizeof(name), e, "%s.json", role->name) == 0 &&
	    fs_read_file(trust, name, &file, e) == 0) {
		json_set(meta, name,
			 tuf_meta_entry(buf_slice(&file), role->version));
		rc = 0;
	}
	buf_done(&file);
	return rc;
}

static int list_all(const struct keeper_office *o, const struct tuf_client *c,
		    struct json *meta, struct err *e)
{
	const struct versions *v = &o->versions;
	int trust = -1, rc = -1;

	json_set(meta, "targets.json",
		 tuf_meta_entry(tuf_client_bytes(c, TUF_TARGETS),
				tuf_client_version(c, TUF_TARGETS)));
	if (fs_open(o->setup.dirfd, TRUST_DIR,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC, &trust, e))
		return -1;
	for (size_t i = 0; i < v->role_count; i++)
		if (list_role(trust, &v->roles[i], meta, e))
			goto out;
	rc = 0;
out:
	fs_close(&trust);
	return rc;
}

/* A new snapshot of what is trusted; its number is used up first. */
static int sign_snapshot(struct keeper_office *o, const struct tuf_client *c,
			 const struct term *t, struct keeper_answer *a,
			 struct err *e)
{
	struct listing l = { .role = TUF_SNAPSHOT,
			     .version = o->versions.snapshot + 1,
			     .expires = t->now + t->sec,
			     .meta = json_new_object(),
			     .medium = t->medium };

	o->versions.snapshot = l.version;
	if (save_versions(o, e) || list_all(o, c, l.meta, e)) {
		json_free(l.meta);
		return -1;
	}
	if (sign_listing(o, &l, t->now, a->snapshot, &a->snapshot_len, e))
		return -1;
	a->snapshot_version = l.version;
	a->targets_version = tuf_client_version(c, TUF_TARGETS);
	return 0;
}

static int sign_timestamp(struct keeper_office *o, const struct term *t,
			  struct keeper_answer *a, struct err *e)
{
	struct listing l = { .role = TUF_TIMESTAMP,
			     .version = o->versions.timestamp + 1,
			     .expires = t->now + t->sec,
			     .medium = t->medium };

	o->versions.timestamp = l.version;
	a->expires = l.expires;
	if (save_versions(o, e))
		return -1;
	l.meta = json_new_object();
	json_set(l.meta, "snapshot.json",
		 tuf_meta_entry((struct slice){ a->snapshot, a->snapshot_len },
				a->snapshot_version));
	return sign_listing(o, &l, t->now, a->timestamp, &a->timestamp_len, e);
}

/* The network's snapshot is used again while it has half its life left. */
static int reuse_snapshot(struct keeper_office *o, const struct tuf_client *c,
			  int64_t now, struct keeper_answer *a)
{
	const struct versions *v = &o->versions;
	struct buf file = BUF_INIT(KEEPER_FILE_MAX);
	struct err ignored;

	/* Whatever was signed since, for a medium, must stay below. */
	if (v->network == 0 || v->network != v->snapshot ||
	    v->network_targets != tuf_client_version(c, TUF_TARGETS) ||
	    v->network_expires < now + KEEPER_SNAPSHOT_SEC / 2)
		return -1;
	if (fs_read_file(o->setup.dirfd, SNAPSHOT_FILE, &file, &ignored)) {
		buf_done(&file);
		return -1;
	}
	memcpy(a->snapshot, file.ptr, file.len);
	a->snapshot_len = file.len;
	a->snapshot_version = v->network;
	a->targets_version = v->network_targets;
	buf_done(&file);
	return 0;
}

static int fresh_snapshot(struct keeper_office *o, const struct tuf_client *c,
			  int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct term t = { .now = now, .sec = KEEPER_SNAPSHOT_SEC };
	struct slice file;

	if (sign_snapshot(o, c, &t, a, e))
		return -1;
	file = (struct slice){ a->snapshot, a->snapshot_len };
	if (fs_replace_file(o->setup.dirfd, SNAPSHOT_FILE, file, 0600, e))
		return -1;
	o->versions.network = a->snapshot_version;
	o->versions.network_expires = now + KEEPER_SNAPSHOT_SEC;
	o->versions.network_targets = a->targets_version;
	return 0;
}

static int sign_for_network(struct keeper_office *o, const struct tuf_client *c,
			    int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct term t = { .now = now, .sec = KEEPER_TIMESTAMP_SEC };

	if (reuse_snapshot(o, c, now, a) != 0 &&
	    fresh_snapshot(o, c, now, a, e))
		return -1;
	return sign_timestamp(o, &t, a, e);
}

static int sign_for_medium(struct keeper_office *o, const struct tuf_client *c,
			   uint32_t days, int64_t now, struct keeper_answer *a,
			   struct err *e)
{
	const struct term t = { .now = now,
				.sec = days * UTC_DAY,
				.medium = true };
	struct tuf_site site;

	tuf_client_site(c, &site);
	if (days == 0 || days > site.medium_max_days)
		return err_set(e, ERR_REFUSED,
			       "root allows a bundle to live 1 to %u days",
			       site.medium_max_days);
	if (sign_snapshot(o, c, &t, a, e))
		return -1;
	return sign_timestamp(o, &t, a, e);
}

static struct tuf_import_role *find_role(struct versions *v, const char *name)
{
	for (size_t i = 0; i < v->role_count; i++)
		if (strcmp(v->roles[i].name, name) == 0)
			return &v->roles[i];
	return NULL;
}

/* What is new to us of what the server names; the rest is listed as it was. */
static int choose_roles(struct keeper_office *o, const struct keeper_request *q,
			struct tuf_import_role *out, size_t *count,
			struct err *e)
{
	size_t known = o->versions.role_count;

	*count = 0;
	for (size_t i = 0; i < q->role_count; i++) {
		const struct tuf_import_role *role = &q->roles[i];
		const struct tuf_import_role *old =
			find_role(&o->versions, role->name);

		if (old && old->version == role->version)
			continue;
		if (old && role->version - old->version > ROLE_AHEAD)
			return err_set(e, ERR_REFUSED,
				       "%s: version %lld runs ahead of version "
				       "%lld, by more than %d",
				       role->name, (long long)role->version,
				       (long long)old->version, ROLE_AHEAD);
		known += old ? 0 : 1;
		out[(*count)++] = *role;
	}
	if (known > ROLES_MAX)
		return err_set(e, ERR_LIMIT,
			       "more than %d roles in the life of a repository",
			       ROLES_MAX);
	return 0;
}

/* Versions of what was verified; a snapshot that says less is used up. */
static void note_versions(struct keeper_office *o, const struct tuf_client *c)
{
	const struct tuf_role_state *roles;
	size_t count = tuf_client_roles(c, &roles);
	struct versions *v = &o->versions;

	v->targets = tuf_client_version(c, TUF_TARGETS);
	for (size_t i = 0; i < count; i++) {
		struct tuf_import_role *role = find_role(v, roles[i].name);

		if (roles[i].version == 0 ||
		    (role && role->version == roles[i].version) ||
		    (!role && v->role_count == ROLES_MAX))
			continue;
		if (!role)
			role = &v->roles[v->role_count++];
		memcpy(role->name, roles[i].name, sizeof(role->name));
		role->version = roles[i].version;
		v->network = 0;
	}
}

/* Take up what lies in metadata/, if it verifies from what we trust. */
static int take_up(struct keeper_office *o, int trust,
		   const struct keeper_request *q, int64_t now,
		   struct tuf_client **out, struct err *e)
{
	struct tuf_import_role roles[TUF_IMPORT_ROLES_MAX];
	struct tuf_import what = { .targets = q->targets, .roles = roles };
	struct tuf_source from;
	struct tuf_client *c = NULL;
	bool first = false;
	int metadata = -1, rc = -1;

	if (choose_roles(o, q, roles, &what.role_count, e) ||
	    fs_open(o->setup.dirfd, "metadata",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC, &metadata, e))
		goto out;
	from = folder_source(&metadata);
	if (folder_first_trust(trust, &from, &first, e) ||
	    tuf_client_open(trust, &tuf_policy_device, now, &c, e) ||
	    tuf_client_import(c, &from, &what, e) || check_site(o, c, e))
		goto out;
	note_versions(o, c);
	if (save_versions(o, e))
		goto out;
	*out = c;
	c = NULL;
	rc = 0;
out:
	tuf_client_close(c);
	/* A first root that led nowhere must not bind the next attempt. */
	if (rc && first) {
		struct err ignored;

		if (fs_remove_tree(o->setup.dirfd, TRUST_DIR, &ignored) ||
		    fs_mkdirs(o->setup.dirfd, TRUST_DIR, 0700, &ignored))
			err_in(e, TRUST_DIR " is left half made");
	}
	fs_close(&metadata);
	return rc;
}

/* Another look at what we trust already asks nobody for anything newer. */
static int fetch_nothing(void *ctx, const char *name, size_t max,
			 struct buf *out, struct err *e)
{
	(void)ctx;
	(void)max;
	(void)out;
	return err_set(e, ERR_NOT_FOUND, "%s: nothing newer", name);
}

/* What was taken up before, verified once more. */
static int reopen(struct keeper_office *o, int trust, int64_t now,
		  struct tuf_client **out, struct err *e)
{
	const struct tuf_source from = { .fetch = fetch_nothing };
	const struct tuf_import what = { .targets = 0 };
	struct tuf_client *c = NULL;

	if (o->versions.targets == 0)
		return err_set(e, ERR_NOT_FOUND, "nothing was imported yet");
	if (tuf_client_open(trust, &tuf_policy_device, now, &c, e) ||
	    tuf_client_import(c, &from, &what, e) || check_site(o, c, e)) {
		tuf_client_close(c);
		return -1;
	}
	note_versions(o, c);
	*out = c;
	return 0;
}

static int sign_metadata(struct keeper_office *o,
			 const struct keeper_request *q, int64_t now,
			 struct keeper_answer *a, struct err *e)
{
	struct tuf_client *c = NULL;
	int trust = -1, rc = -1;

	if (fs_open(o->setup.dirfd, TRUST_DIR,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC, &trust, e))
		goto out;
	if (q->op == KEEPER_PUBLISH)
		rc = take_up(o, trust, q, now, &c, e);
	else
		rc = reopen(o, trust, now, &c, e);
	if (rc == 0 && q->op == KEEPER_BUNDLE)
		rc = sign_for_medium(o, c, q->days, now, a, e);
	else if (rc == 0)
		rc = sign_for_network(o, c, now, a, e);
out:
	tuf_client_close(c);
	fs_close(&trust);
	return rc;
}

/* ---- the audit log ------------------------------------------------------- */

/*
 * The head is on the disk before it is signed: of two logs that differ, the
 * keeper has signed one at most. Its clock never goes back either.
 */
static int checkpoint(struct keeper_office *o, const struct keeper_request *q,
		      int64_t now, struct keeper_answer *a, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_CHECKPOINT_MAX);
	struct audit_checkpoint c = { .head = q->head,
				      .ledger = o->audit.ledger,
				      .time = now };
	int rc = -1;

	if (merkle_check_consistency(&o->audit.head, &q->head, &q->proof, e))
		return err_in(e,
			      "audit log against the checkpoint of %llu "
			      "records that was signed last",
			      (unsigned long long)o->audit.head.size);
	if (c.time < o->audit.time)
		c.time = o->audit.time;
	if (o->ledger)
		ledger_head(o->ledger, &c.ledger);
	if (save_audit(o, &c, e) == 0 &&
	    audit_checkpoint_sign(&c, o->setup.log, &text, e) == 0) {
		memcpy(a->checkpoint, buf_text(&text), text.len + 1);
		rc = 0;
	}
	buf_done(&text);
	return rc;
}

void keeper_office_do(struct keeper_office *o, const struct keeper_request *q,
		      int64_t now, struct keeper_answer *a)
{
	struct err e = { 0 };
	int rc;

	memset(a, 0, sizeof(*a));
	switch (q->op) {
	case KEEPER_ENROL:
		rc = enrol(o, q, now, a, &e);
		break;
	case KEEPER_RENEW:
		rc = renew(o, q, now, a, &e);
		break;
	case KEEPER_WARRANT:
		rc = take_warrant(o, q, now, &e);
		break;
	case KEEPER_HEAD:
		a->head = o->audit.head;
		if (o->ledger)
			a->ledger_size = ledger_size(o->ledger);
		rc = 0;
		break;
	case KEEPER_CHECKPOINT:
		rc = checkpoint(o, q, now, a, &e);
		break;
	default:
		rc = sign_metadata(o, q, now, a, &e);
		break;
	}
	if (rc)
		a->failure = e;
}
