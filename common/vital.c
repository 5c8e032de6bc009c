/* SPDX-License-Identifier: Apache-2.0 */
#include "common/vital.h"

#include <string.h>

#include "common/text.h"

#define UNIT_MAX 255
#define PATH_LEN 1024
#define SEC_MAX  86400

bool vital_is_meant(const char *word)
{
	return word[0] == '@';
}

/* Visible ASCII: it goes into a request, a command line, a message. */
static bool is_plain(const char *text, size_t max)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c > 0x7e)
			return false;
	return text[0] != 0 && strlen(text) <= max;
}

static int parse_unit(char *const *words, struct vital *v, struct err *e)
{
	v->text = words[1];
	/* Never an option, a path or a pattern of systemctl. */
	if (!is_plain(v->text, UNIT_MAX) || v->text[0] == '-' ||
	    strpbrk(v->text, "/*?[") || !strchr(v->text, '.'))
		return err_set(e, ERR_FORMAT,
			       "unit: a name as gateway.service");
	return 0;
}

static int parse_port(const char *word, struct vital *v, struct err *e)
{
	struct err why;
	uint64_t port = 0;

	if (num_parse(slice_of(word), UINT16_MAX, &port, &why) || port == 0)
		return err_set(e, ERR_FORMAT, "a port is 1 to 65535");
	v->port = (uint16_t)port;
	return 0;
}

static int parse_tcp(char *const *words, struct vital *v, struct err *e)
{
	return parse_port(words[1], v, e);
}

static int parse_http(char *const *words, struct vital *v, struct err *e)
{
	v->text = words[2];
	if (parse_port(words[1], v, e))
		return -1;
	if (!is_plain(v->text, PATH_LEN) || v->text[0] != '/')
		return err_set(e, ERR_FORMAT, "http: a path starts with /");
	return 0;
}

static int parse_fresh(char *const *words, struct vital *v, struct err *e)
{
	struct err why;
	uint64_t sec = 0;

	v->text = words[1];
	if (!is_plain(v->text, PATH_LEN) || v->text[0] != '/')
		return err_set(e, ERR_FORMAT, "fresh: an absolute path");
	if (num_parse(slice_of(words[2]), SEC_MAX, &sec, &why) || sec == 0)
		return err_set(e, ERR_FORMAT, "fresh: 1 to %d seconds",
			       SEC_MAX);
	v->sec = (uint32_t)sec;
	return 0;
}

/* The word says it all. */
static int parse_daemon(char *const *words, struct vital *v, struct err *e)
{
	(void)words;
	(void)v;
	(void)e;
	return 0;
}

static const struct {
	const char *word;
	size_t words; /* the first included */
	int (*parse)(char *const *words, struct vital *v, struct err *e);
} kinds[] = {
	[VITAL_UNIT] = { "unit", 2, parse_unit },
	[VITAL_TCP] = { "tcp", 2, parse_tcp },
	[VITAL_HTTP] = { "http", 3, parse_http },
	[VITAL_FRESH] = { "fresh", 3, parse_fresh },
	[VITAL_DAEMON] = { "daemon", 1, parse_daemon },
};

int vital_parse(char *const *words, size_t count, struct vital *out,
		struct err *e)
{
	struct vital v = { .kind = VITAL_UNIT };
	size_t kind = count > 0 ? 0 : ARRAY_LEN(kinds);

	while (kind < ARRAY_LEN(kinds) &&
	       strcmp(kinds[kind].word, words[0]) != 0)
		kind++;
	if (kind == ARRAY_LEN(kinds))
		return err_set(e, ERR_FORMAT,
			       "a check is unit, tcp, http, fresh or daemon");
	if (count != kinds[kind].words)
		return err_set(e, ERR_FORMAT, "%s takes %zu words more",
			       kinds[kind].word, kinds[kind].words - 1);
	v.kind = (enum vital_kind)kind;
	if (kinds[kind].parse(words, &v, e))
		return -1;
	*out = v;
	return 0;
}

const char *vital_name(const struct vital *v)
{
	return kinds[v->kind].word;
}
