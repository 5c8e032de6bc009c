/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- fields -------------------------------------------------------------- */

static int put_bytes(struct buf *out, const void *bytes, size_t len,
		     struct err *e)
{
	if (buf_add_le(out, len, 4, e))
		return -1;
	return buf_add(out, (struct slice){ bytes, len }, e);
}

/* At most max bytes into dst; their number, or 0 and a bad reader. */
static size_t get_bytes(struct rd *r, void *dst, size_t max)
{
	size_t len = rd_le32(r);

	if (len > max) {
		r->bad = true;
		return 0;
	}
	rd_copy(r, dst, len);
	return len;
}

/* The same for text, which must hold no NUL; size counts its own. */
static void get_text(struct rd *r, char *dst, size_t size)
{
	size_t len = get_bytes(r, dst, size - 1);

	if (memchr(dst, 0, len))
		r->bad = true;
	dst[len] = 0;
}

/* ---- requests ------------------------------------------------------------ */

static int put_digests(const struct merkle_proof *p, struct buf *out,
		       struct err *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (put_bytes(out, p->at[i].bytes, SHA256_LEN, e))
			return -1;
	return 0;
}

static int put_place(const struct codes_place *place, struct buf *out,
		     struct err *e)
{
	if (put_bytes(out, place->root.bytes, SHA256_LEN, e) ||
	    buf_add_le(out, place->index, 8, e) ||
	    buf_add_le(out, place->count, 8, e) ||
	    buf_add_le(out, place->proof.count, 1, e))
		return -1;
	return put_digests(&place->proof, out, e);
}

static int put_enrol(const struct keeper_request *q, struct buf *out,
		     struct err *e)
{
	const struct wire_enrol *m = &q->enrol;

	if (put_bytes(out, m->claim, WIRE_CLAIM_LEN, e) ||
	    put_bytes(out, m->nonce, WIRE_NONCE_LEN, e) ||
	    put_bytes(out, m->csr, strlen(m->csr), e))
		return -1;
	if (put_bytes(out, m->proof, m->proof_len, e) ||
	    put_bytes(out, m->decrypt.key.point, EC_POINT_LEN, e))
		return -1;
	if (put_bytes(out, m->decrypt.proof, m->decrypt.proof_len, e) ||
	    put_bytes(out, m->product, strlen(m->product), e) ||
	    put_bytes(out, m->model, strlen(m->model), e) ||
	    buf_add_le(out, m->asks, 1, e))
		return -1;
	return m->asks ? 0 : put_place(&q->place, out, e);
}

static int put_publish(const struct keeper_request *q, struct buf *out,
		       struct err *e)
{
	if (buf_add_le(out, (uint64_t)q->targets, 8, e) ||
	    buf_add_le(out, q->role_count, 1, e))
		return -1;
	for (size_t i = 0; i < q->role_count; i++)
		if (put_bytes(out, q->roles[i].name, strlen(q->roles[i].name),
			      e) ||
		    buf_add_le(out, (uint64_t)q->roles[i].version, 8, e))
			return -1;
	return 0;
}

static int put_renewal(const struct keeper_request *q, struct buf *out,
		       struct err *e)
{
	if (put_bytes(out, q->certificate, strlen(q->certificate), e) ||
	    put_bytes(out, q->renew.csr, strlen(q->renew.csr), e))
		return -1;
	return put_bytes(out, q->renew.proof, q->renew.proof_len, e);
}

static int put_head(const struct merkle_head *h, struct buf *out, struct err *e)
{
	if (buf_add_le(out, h->size, 8, e))
		return -1;
	return put_bytes(out, h->root.bytes, SHA256_LEN, e);
}

static int put_growth(const struct keeper_request *q, struct buf *out,
		      struct err *e)
{
	return put_head(&q->head, out, e) || put_digests(&q->proof, out, e) ? -1
									    : 0;
}

int keeper_format_request(const struct keeper_request *q, struct buf *out,
			  struct err *e)
{
	if (buf_add_le(out, (uint64_t)q->op, 1, e))
		return -1;
	switch (q->op) {
	case KEEPER_ENROL:
		return put_enrol(q, out, e);
	case KEEPER_WARRANT:
		return put_bytes(out, q->warrant, strlen(q->warrant), e);
	case KEEPER_PUBLISH:
		return put_publish(q, out, e);
	case KEEPER_BUNDLE:
		return buf_add_le(out, q->days, 4, e);
	case KEEPER_CHECKPOINT:
		return put_growth(q, out, e);
	case KEEPER_RENEW:
		return put_renewal(q, out, e);
	case KEEPER_REFRESH:
	case KEEPER_HEAD:
		break;
	}
	return 0;
}

static void get_digest(struct rd *r, struct sha256 *out)
{
	if (get_bytes(r, out->bytes, SHA256_LEN) != SHA256_LEN)
		r->bad = true;
}

/* A proof is what is left of the message. */
static void get_digests(struct rd *r, struct merkle_proof *p)
{
	while (!r->bad && r->rest.len > 0) {
		if (p->count == MERKLE_PROOF_MAX) {
			r->bad = true;
			return;
		}
		get_digest(r, &p->at[p->count++]);
	}
}

static void get_place(struct rd *r, struct codes_place *place)
{
	size_t digests;

	get_digest(r, &place->root);
	place->index = rd_le64(r);
	place->count = rd_le64(r);
	digests = rd_u8(r);
	if (place->count > CODES_MAX || place->index >= place->count)
		r->bad = true;
	get_digests(r, &place->proof);
	if (place->proof.count != digests)
		r->bad = true;
}

static void get_name(struct rd *r, char out[NAME_MAX_LEN + 1])
{
	get_text(r, out, NAME_MAX_LEN + 1);
	if (!name_is_valid(slice_of(out)))
		r->bad = true;
}

static void get_enrol(struct rd *r, struct keeper_request *q)
{
	struct wire_enrol *m = &q->enrol;
	uint8_t asks;

	if (get_bytes(r, m->claim, WIRE_CLAIM_LEN) != WIRE_CLAIM_LEN ||
	    get_bytes(r, m->nonce, WIRE_NONCE_LEN) != WIRE_NONCE_LEN)
		r->bad = true;
	get_text(r, m->csr, sizeof(m->csr));
	m->proof_len = get_bytes(r, m->proof, sizeof(m->proof));
	if (get_bytes(r, m->decrypt.key.point, EC_POINT_LEN) != EC_POINT_LEN)
		r->bad = true;
	m->decrypt.proof_len =
		get_bytes(r, m->decrypt.proof, sizeof(m->decrypt.proof));
	get_name(r, m->product);
	get_name(r, m->model);
	asks = rd_u8(r);
	if (asks > 1)
		r->bad = true;
	m->asks = asks != 0;
	if (!m->asks)
		get_place(r, &q->place);
}

static void get_version(struct rd *r, int64_t *out)
{
	uint64_t version = rd_le64(r);

	if (version > JSON_INT_MAX)
		r->bad = true;
	*out = (int64_t)(version & JSON_INT_MAX);
}

static void get_publish(struct rd *r, struct keeper_request *q)
{
	size_t count;

	get_version(r, &q->targets);
	count = rd_u8(r);
	if (count > TUF_IMPORT_ROLES_MAX)
		r->bad = true;
	for (size_t i = 0; i < count && !r->bad; i++) {
		struct tuf_import_role *role = &q->roles[q->role_count++];

		get_text(r, role->name, sizeof(role->name));
		get_version(r, &role->version);
		if (role->version == 0 || !name_is_valid(slice_of(role->name)))
			r->bad = true;
	}
}

static void get_head(struct rd *r, struct merkle_head *h)
{
	h->size = rd_le64(r);
	if (h->size > MERKLE_SIZE_MAX)
		r->bad = true;
	get_digest(r, &h->root);
}

int keeper_parse_request(struct slice in, struct keeper_request *q,
			 struct err *e)
{
	struct keeper_request got = { 0 };
	struct rd r = rd_init(in);

	got.op = (enum keeper_op)rd_u8(&r);
	switch (got.op) {
	case KEEPER_ENROL:
		get_enrol(&r, &got);
		break;
	case KEEPER_PUBLISH:
		get_publish(&r, &got);
		break;
	case KEEPER_BUNDLE:
		got.days = rd_le32(&r);
		break;
	case KEEPER_CHECKPOINT:
		get_head(&r, &got.head);
		get_digests(&r, &got.proof);
		break;
	case KEEPER_RENEW:
		get_text(&r, got.certificate, sizeof(got.certificate));
		get_text(&r, got.renew.csr, sizeof(got.renew.csr));
		got.renew.proof_len =
			get_bytes(&r, got.renew.proof, sizeof(got.renew.proof));
		break;
	case KEEPER_WARRANT:
		get_text(&r, got.warrant, sizeof(got.warrant));
		break;
	case KEEPER_REFRESH:
	case KEEPER_HEAD:
		break;
	default:
		return err_set(e, ERR_FORMAT, "unknown request");
	}
	if (rd_finish(&r, e))
		return -1;
	*q = got;
	return 0;
}

/* ---- answers ------------------------------------------------------------- */

static int put_failure(const struct err *failure, struct buf *out,
		       struct err *e)
{
	return put_bytes(out, failure->msg,
			 strnlen(failure->msg, sizeof(failure->msg) - 1), e);
}

static int put_signed(const struct keeper_answer *a, struct buf *out,
		      struct err *e)
{
	if (buf_add_le(out, (uint64_t)a->snapshot_version, 8, e) ||
	    buf_add_le(out, (uint64_t)a->targets_version, 8, e) ||
	    buf_add_le(out, (uint64_t)a->expires, 8, e) ||
	    put_bytes(out, a->snapshot, a->snapshot_len, e))
		return -1;
	return put_bytes(out, a->timestamp, a->timestamp_len, e);
}

int keeper_format_answer(enum keeper_op op, const struct keeper_answer *a,
			 struct buf *out, struct err *e)
{
	if (buf_add_le(out, (uint64_t)a->failure.code, 1, e))
		return -1;
	if (a->failure.code != ERR_NONE)
		return put_failure(&a->failure, out, e);
	if (op == KEEPER_WARRANT)
		return 0;
	if (op == KEEPER_HEAD)
		return put_head(&a->head, out, e) ||
				       buf_add_le(out, a->ledger_size, 8, e)
			       ? -1
			       : 0;
	if (op == KEEPER_CHECKPOINT)
		return put_bytes(out, a->checkpoint, strlen(a->checkpoint), e);
	if (op != KEEPER_ENROL && op != KEEPER_RENEW)
		return put_signed(a, out, e);
	if (put_bytes(out, a->device.bytes, DEVICE_ID_LEN, e))
		return -1;
	return put_bytes(out, a->certificate, strlen(a->certificate), e);
}

int keeper_parse_answer(enum keeper_op op, struct slice in,
			struct keeper_answer *a, struct err *e)
{
	struct rd r = rd_init(in);
	uint8_t code = rd_u8(&r);

	memset(a, 0, sizeof(*a));
	if (code > ERR_HEALTH)
		r.bad = true;
	a->failure.code = (enum err_code)code;
	if (code != ERR_NONE) {
		get_text(&r, a->failure.msg, sizeof(a->failure.msg));
	} else if (op == KEEPER_ENROL || op == KEEPER_RENEW) {
		if (get_bytes(&r, a->device.bytes, DEVICE_ID_LEN) !=
		    DEVICE_ID_LEN)
			r.bad = true;
		get_text(&r, a->certificate, sizeof(a->certificate));
	} else if (op == KEEPER_WARRANT) {
		return rd_finish(&r, e);
	} else if (op == KEEPER_HEAD) {
		get_head(&r, &a->head);
		a->ledger_size = rd_le64(&r);
	} else if (op == KEEPER_CHECKPOINT) {
		get_text(&r, a->checkpoint, sizeof(a->checkpoint));
	} else {
		get_version(&r, &a->snapshot_version);
		get_version(&r, &a->targets_version);
		get_version(&r, &a->expires);
		a->snapshot_len = get_bytes(&r, a->snapshot, KEEPER_FILE_MAX);
		a->timestamp_len = get_bytes(&r, a->timestamp, KEEPER_FILE_MAX);
	}
	return rd_finish(&r, e);
}

/* ---- the stream ---------------------------------------------------------- */

static int send_all(int fd, struct slice s, struct err *e)
{
	while (s.len > 0) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "keeper: send");
		s = slice_sub(s, (size_t)n, s.len);
	}
	return 0;
}

int keeper_send(int fd, struct slice message, struct err *e)
{
	struct buf framed = BUF_INIT(KEEPER_MESSAGE_MAX + 4);
	int rc = -1;

	if (buf_add_le(&framed, message.len, 4, e) ||
	    buf_add(&framed, message, e) || send_all(fd, buf_slice(&framed), e))
		goto out;
	rc = 0;
out:
	buf_wipe(&framed);
	return rc;
}

static int receive_exactly(int fd, int timeout_ms, uint8_t *to, size_t len,
			   struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (len > 0) {
		int ready = poll(&p, 1, timeout_ms);
		ssize_t n;

		if (ready == 0)
			return err_set(e, ERR_BUSY, "keeper: no answer");
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return err_sys(e, "keeper: poll");
		n = recv(fd, to, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "keeper: receive");
		if (n == 0)
			return err_set(e, ERR_NETWORK, "keeper: closed");
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

int keeper_receive(int fd, int timeout_ms, struct buf *out, struct err *e)
{
	uint8_t head[4], *room;
	struct rd r;
	size_t len;

	if (receive_exactly(fd, timeout_ms, head, sizeof(head), e))
		return -1;
	r = rd_init((struct slice){ head, sizeof(head) });
	len = rd_le32(&r);
	if (len > KEEPER_MESSAGE_MAX)
		return err_set(e, ERR_LIMIT, "keeper: message too long");
	room = buf_reserve(out, len, e);
	if (!room || receive_exactly(fd, timeout_ms, room, len, e))
		return -1;
	out->len += len;
	return 0;
}
