/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_factory - what every new device of a product is given, byte for byte the
 * same: the newest root, the server's pinned CA and a commented client.conf.
 * Nothing individual and no key; the factory is not trusted with one.
 */
#include <string.h>

#include "common/fs.h"
#include "common/named.h"
#include "common/opt.h"
#include "common/text.h"
#include "common/x509.h"
#include "signer/commands.h"
#include "signer/repo.h"
#include "signer/report.h"
#include "signer/watch.h"

#define CONF_MAX_LEN       16384
#define CONF_THERE_MAX_LEN (1 << 20)
#define CA_MAX_LEN         (8 * X509_PEM_MAX_LEN)

struct factory {
	const char *repo, *folder;
	const char *enrol_url, *server_ca, *product, *model, *hardware;
	const char *slot, *state;
	const char *config_folder, *attributes;
	struct opt_list urls;
};

/* ---- checks -------------------------------------------------------------- */

static bool is_one_word(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= 0x20 ||
		    (unsigned char)*text > 0x7e || *text == ';' || *text == '#')
			return false;
	return true;
}

static int check_url(const char *url, struct err *e)
{
	if (strncmp(url, "https://", 8) != 0 || !url[8] || !is_one_word(url) ||
	    url[strlen(url) - 1] == '/')
		return err_set(e, ERR_USAGE,
			       "%s: a device speaks https alone, as "
			       "https://host:port without a slash at the end",
			       url);
	return 0;
}

static int check_path(const char *path, const char *what, struct err *e)
{
	if (path[0] != '/' || !is_one_word(path))
		return err_set(e, ERR_USAGE,
			       "--%s: an absolute path without spaces", what);
	return 0;
}

/* All of it, or none: a lab device may live from folders alone. */
static int check_server(const struct factory *f, struct err *e)
{
	if (f->urls.count == 0 && !f->enrol_url && !f->server_ca)
		return 0;
	if (f->urls.count == 0 || !f->enrol_url || !f->server_ca)
		return err_set(e, ERR_USAGE,
			       "--url, --enrol-url and --server-ca belong "
			       "together");
	for (size_t i = 0; i < f->urls.count; i++)
		if (check_url(f->urls.at[i], e))
			return -1;
	return check_url(f->enrol_url, e);
}

static int check_asked(const struct factory *f, struct err *e)
{
	if (!f->product)
		return err_set(e, ERR_USAGE, "--product is needed");
	if (f->model && !name_is_valid(slice_of(f->model)))
		return err_set(e, ERR_USAGE, "--model: not a name");
	if (f->hardware && !name_is_valid(slice_of(f->hardware)))
		return err_set(e, ERR_USAGE, "--hardware: not a name");
	if (strcmp(f->attributes, "app") != 0 &&
	    strcmp(f->attributes, "system") != 0)
		return err_set(e, ERR_USAGE, "--attributes app or system");
	if (check_server(f, e) || check_path(f->slot, "slot", e) ||
	    check_path(f->state, "state", e))
		return -1;
	return check_path(f->config_folder, "config", e);
}

/* What the repository must be for this. */
static int check_repo(const struct factory *f, const struct repo *r,
		      struct err *e)
{
	if (!r->root.published)
		return err_set(e, ERR_REFUSED,
			       "no root is published yet: sign and publish "
			       "first");
	if (!repo_has_product(r, f->product))
		return err_set(e, ERR_REFUSED,
			       "this repository has no product \"%s\"",
			       f->product);
	if (r->environment == ENV_PRODUCTION && !f->server_ca)
		return err_set(e, ERR_REFUSED,
			       "a production device enrols with a server: "
			       "--url, --enrol-url and --server-ca are needed");
	return 0;
}

/* One or more CA certificates and nothing else, least of all a key. */
static int check_ca(struct slice pem, struct err *e)
{
	static const char end[] = "-----END CERTIFICATE-----";
	const char *at = (const char *)pem.ptr;
	const char *stop;
	struct x509_info info;

	if (strstr(at, "PRIVATE KEY"))
		return err_set(e, ERR_REFUSED,
			       "it holds a private key, which no device may "
			       "be given");
	while ((stop = strstr(at, end))) {
		stop += strlen(end);
		if (*stop == '\n')
			stop++;
		if (x509_inspect((struct slice){ (const uint8_t *)at,
						 (size_t)(stop - at) },
				 &info, e))
			return -1;
		if (!info.is_ca)
			return err_set(e, ERR_REFUSED,
				       "\"%s\" is no CA certificate",
				       info.common_name);
		at = stop;
		if (!*at)
			return 0;
	}
	return err_set(e, ERR_FORMAT,
		       "not a list of PEM certificates and nothing else");
}

/* ---- the three files ----------------------------------------------------- */

static int add_urls(const struct factory *f, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < f->urls.count; i++)
		if (buf_addf(out, e, "url = %s\n", f->urls.at[i]))
			return -1;
	return 0;
}

static int add_device(const struct factory *f, struct buf *out, struct err *e)
{
	return buf_addf(out, e,
			"# The same file for every unit: nothing in here is "
			"individual or secret.\n"
			"# Only root may write it; the client refuses it "
			"otherwise.\n\n"
			"[device]\n"
			"product = %s\n",
			f->product) ||
			       (f->model &&
				buf_addf(out, e, "model = %s\n", f->model)) ||
			       (f->hardware &&
				buf_addf(out, e, "hardware = %s\n",
					 f->hardware)) ||
			       buf_addf(out, e,
					"# Keys, certificate and trusted "
					"metadata; made at first use, mode "
					"0700.\n"
					"state = %s\n"
					"# What programs of this device are "
					"told, as \"status --json\".\n"
					"# status = /run/pawl/status.json"
					"\n\n",
					f->state)
		       ? -1
		       : 0;
}

static int add_trust(const struct factory *f, enum environment env,
		     struct buf *out, struct err *e)
{
	return buf_addf(out, e,
			"[trust]\n"
			"# The first root; later ones follow from it, signed.\n"
			"root = %s/root.json\n"
			"# Signed in root as well: another environment's "
			"releases are refused.\n"
			"environment = %s\n\n",
			f->config_folder, environment_name(env));
}

static int add_server(const struct factory *f, struct buf *out, struct err *e)
{
	if (!f->server_ca)
		return buf_addf(out, e,
				"# No server: this device is updated from "
				"folders and media.\n\n");
	if (buf_addf(out, e, "[server]\n# Tried in this order.\n") ||
	    add_urls(f, out, e))
		return -1;
	return buf_addf(out, e,
			"enrol = %s\n"
			"# The only authority that these servers' certificates "
			"may come from.\n"
			"ca = %s/server-ca.pem\n\n",
			f->enrol_url, f->config_folder);
}

static int add_rest(const struct factory *f, struct buf *out, struct err *e)
{
	return buf_addf(out, e,
			"[slot]\n"
			"# Two trees, a and b, and the link \"current\" that "
			"names the running one.\n"
			"kind = tree\n"
			"path = %s\n"
			"# app: type, content and mode; system: owners, times "
			"and more (needs root).\n"
			"attributes = %s\n\n"
			"[trial]\n"
			"# A command of this device that must succeed too "
			"before a release is kept.\n"
			"# health = /usr/local/bin/still-alive\n"
			"# deadline = 300\n\n"
			"[restart]\n"
			"# What makes the device run the new tree; without it "
			"\"current\" just moves.\n"
			"# command = /bin/systemctl restart application\n\n"
			"[poll]\n"
			"# Seconds between questions to the server.\n"
			"interval = 3600\n",
			f->slot, f->attributes);
}

static int make_conf(const struct factory *f, enum environment env,
		     struct buf *text, struct err *e)
{
	return add_device(f, text, e) || add_trust(f, env, text, e) ||
			       add_server(f, text, e) || add_rest(f, text, e)
		       ? -1
		       : 0;
}

/* It is made to be edited: what somebody did there is not written over. */
static int check_unedited(int dirfd, struct slice text, struct err *e)
{
	struct buf there = BUF_INIT(CONF_THERE_MAX_LEN);
	int rc = 0;

	if (fs_read_file(dirfd, "client.conf", &there, e))
		rc = e->code == ERR_NOT_FOUND ? 0 : -1;
	else if (!slice_equal(buf_slice(&there), text))
		rc = err_set(e, ERR_CONFLICT,
			     "client.conf is there with other content, and "
			     "stays as it is: move it away, or name another "
			     "folder");
	buf_done(&there);
	return rc;
}

static int write_ca(const char *path, int dirfd, struct err *e)
{
	struct buf pem = BUF_INIT(CA_MAX_LEN);
	int rc;

	rc = fs_read_path(path, &pem, e) || check_ca(buf_slice(&pem), e);
	if (rc)
		named_in(e, path);
	else
		rc = fs_replace_file(dirfd, "server-ca.pem", buf_slice(&pem),
				     0644, e);
	buf_wipe(&pem);
	return rc ? -1 : 0;
}

static int write_root(const struct repo *r, int dirfd, struct err *e)
{
	struct buf root = BUF_INIT(ENVELOPE_MAX_LEN);
	char path[64];
	int rc;

	rc = text_format(path, sizeof(path), e, "metadata/%lld.root.json",
			 (long long)repo_version(r, "root")) ||
	     fs_read_file(r->dirfd, path, &root, e) ||
	     fs_replace_file(dirfd, "root.json", buf_slice(&root), 0644, e);
	buf_done(&root);
	return rc ? -1 : 0;
}

/* ---- together ------------------------------------------------------------ */

/* What else lies there would end up in an image. */
static int check_only_ours(int dirfd, struct err *e)
{
	static const char *const ours[] = { "root.json", "server-ca.pem",
					    "client.conf", NULL };

	return named_only(dirfd, ours, e);
}

static int make(const struct factory *f, const struct repo *r,
		struct report *out, struct err *e)
{
	struct buf conf = BUF_INIT(CONF_MAX_LEN);
	int dirfd = -1;
	int rc = -1;

	if (check_repo(f, r, e) || make_conf(f, r->environment, &conf, e) ||
	    fs_make_dir(f->folder, 0755, &dirfd, e))
		goto out;
	if (check_only_ours(dirfd, e) ||
	    check_unedited(dirfd, buf_slice(&conf), e) ||
	    (f->server_ca && write_ca(f->server_ca, dirfd, e)) ||
	    write_root(r, dirfd, e) ||
	    fs_replace_file(dirfd, "client.conf", buf_slice(&conf), 0644, e))
		goto out;
	report_line(out,
		    "%s: root.json (version %lld)%s and client.conf, the "
		    "same for every unit",
		    f->folder, (long long)repo_version(r, "root"),
		    f->server_ca ? ", server-ca.pem" : "");
	if (r->environment != ENV_PRODUCTION)
		report_note(out, "for %s devices alone",
			    environment_name(r->environment));
	json_set_text(report_object(out), "folder", f->folder);
	json_set_int(report_object(out), "root", repo_version(r, "root"));
	rc = 0;
out:
	fs_close(&dirfd);
	buf_done(&conf);
	return rc;
}

static int factory(const struct factory *f, struct report *out, struct err *e)
{
	struct repo r;
	int rc;

	if (check_asked(f, e) || watch_open(f->repo, REPO_READ, &r, out, e))
		return -1;
	rc = make(f, &r, out, e);
	repo_close(&r);
	return rc;
}

int cmd_factory(int argc, char **argv, struct err *e)
{
	struct factory f = { .slot = "/opt/pawl",
			     .state = "/var/lib/pawl",
			     .config_folder = "/etc/pawl",
			     .attributes = "app" };
	struct report out = { 0 };
	const struct opt opts[] = {
		OPT_LIST("url", "URL", &f.urls,
			 "the server's device listener; may be repeated"),
		OPT_TEXT("enrol-url", "URL", &f.enrol_url,
			 "its enrolment listener"),
		OPT_TEXT("server-ca", "PEM", &f.server_ca,
			 "the CA that the device pins"),
		OPT_TEXT("product", "P", &f.product, "what the device is"),
		OPT_TEXT("model", "M", &f.model, "which model"),
		OPT_TEXT("hardware", "REV", &f.hardware,
			 "which revision of its hardware"),
		OPT_TEXT("slot", "PATH", &f.slot,
			 "where its trees live (/opt/pawl)"),
		OPT_TEXT("attributes", "SET", &f.attributes,
			 "app (default) or system"),
		OPT_TEXT("state", "PATH", &f.state, "(/var/lib/pawl)"),
		OPT_TEXT("config", "PATH", &f.config_folder,
			 "where these files will lie (/etc/pawl)"),
		OPT_FLAG("json", &out.json, "print JSON"),
		OPT_END,
	};
	char **operands;
	int count, rc;

	if (opt_parse(argc, argv, opts, &operands, &count, e))
		return -1;
	if (count == 2) {
		f.repo = operands[0];
		f.folder = operands[1];
		rc = factory(&f, &out, e);
	} else
		rc = err_set(e, ERR_USAGE, "REPO and DIR are needed");
	return report_end(&out, rc, e);
}
