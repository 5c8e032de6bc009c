/* SPDX-License-Identifier: Apache-2.0 */
/* What we issue, judged by another implementation: OpenSSL's, if it is there.
 */
#include "common/x509.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define NOW  INT64_C(1800000000) /* 2027-01-15 */
#define YEAR (365 * UTC_DAY)

static struct ec_private *ca_key, *leaf_key;
static struct ec_public ca_public, leaf_public;
static struct buf ca = BUF_INIT(X509_PEM_MAX_LEN);

static const char *const server_names[] = { "updates.example.org", "127.0.0.1",
					    "::1", NULL };

static struct x509_template template_for(enum x509_kind kind)
{
	return (struct x509_template){
		.kind = kind,
		.common_name = kind == X509_CA ? "Test CA" : "Leaf 1",
		.names = kind == X509_SERVER ? server_names : NULL,
		.not_before = NOW - UTC_DAY,
		.not_after = NOW + YEAR,
	};
}

static int make_ca(void **state)
{
	struct x509_template t = template_for(X509_CA);
	struct err e = { 0 };

	(void)state;
	assert_ok(ec_generate(&ca_key, &e));
	assert_ok(ec_generate(&leaf_key, &e));
	ec_public_of(ca_key, &ca_public);
	ec_public_of(leaf_key, &leaf_public);
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key, &ca,
			     &e));
	return 0;
}

static int free_ca(void **state)
{
	(void)state;
	ec_free(ca_key);
	ec_free(leaf_key);
	buf_done(&ca);
	return 0;
}

static void issue(const struct x509_template *t, struct buf *pem)
{
	struct err e = { 0 };

	buf_done(pem);
	assert_ok(x509_issue(t, &leaf_public, buf_slice(&ca), ca_key, pem, &e));
}

static void write_file(const char *folder, const char *name, struct slice text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

/* Exit status of a command in folder; 127: there is no such program. */
static int run(const char *folder, const char *command)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		if (chdir(folder) || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

#define VERIFY "openssl verify -x509_strict -attime 1800000000 -CAfile ca.pem "
#define SERVER VERIFY "-purpose sslserver "

static const struct {
	const char *command;
	bool accepted;
} judgements[] = {
	{ SERVER "-verify_hostname updates.example.org server.pem", true },
	{ SERVER "-verify_hostname other.example.org server.pem", false },
	{ SERVER "-verify_ip 127.0.0.1 server.pem", true },
	{ SERVER "-verify_ip ::1 server.pem", true },
	{ SERVER "-verify_ip 127.0.0.2 server.pem", false },
	{ SERVER "device.pem", false },
	{ VERIFY "-purpose sslclient device.pem", true },
	{ VERIFY "-purpose sslclient server.pem", false },
	{ "openssl verify -x509_strict -attime 3000000000 -CAfile old-ca.pem "
	  "old-ca.pem",
	  true },
	{ "openssl verify -x509_strict -attime 4000000001 -CAfile old-ca.pem "
	  "old-ca.pem",
	  false },
	{ "openssl req -verify -noout -in request.pem", true },
	{ "openssl pkey -check -noout -in key.pem", true },
};

static void fill_folder(const char *folder)
{
	struct x509_template t = template_for(X509_SERVER);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct err e = { 0 };

	write_file(folder, "ca.pem", buf_slice(&ca));
	issue(&t, &pem);
	write_file(folder, "server.pem", buf_slice(&pem));
	t = template_for(X509_DEVICE);
	issue(&t, &pem);
	write_file(folder, "device.pem", buf_slice(&pem));
	buf_done(&pem);
	t = template_for(X509_CA);
	t.not_after = INT64_C(4000000000); /* 2096 */
	assert_ok(x509_issue(&t, &ca_public, (struct slice){ 0 }, ca_key, &pem,
			     &e));
	write_file(folder, "old-ca.pem", buf_slice(&pem));
	buf_done(&pem);
	assert_ok(x509_request(leaf_key, "device", &pem, &e));
	write_file(folder, "request.pem", buf_slice(&pem));
	buf_done(&pem);
	assert_ok(x509_private_pem(leaf_key, &pem, &e));
	write_file(folder, "key.pem", buf_slice(&pem));
	buf_wipe(&pem);
}

static void openssl_judges_them_alike(void **state)
{
	static const char *const files[] = {
		"ca.pem",     "server.pem",  "device.pem",
		"old-ca.pem", "request.pem", "key.pem",
	};
	char folder[] = "/tmp/test_x509.XXXXXX", path[256];

	(void)state;
	if (run("/", "openssl version") == 127) {
		print_message("skipped: no openssl here\n");
		skip();
	}
	assert_non_null(mkdtemp(folder));
	fill_folder(folder);
	for (size_t i = 0; i < ARRAY_LEN(judgements); i++)
		if ((run(folder, judgements[i].command) == 0) !=
		    judgements[i].accepted)
			fail_msg("%s", judgements[i].command);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_judges_them_alike),
	};

	return cmocka_run_group_tests(tests, make_ca, free_ca);
}
