/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"

#include <fcntl.h>

#include "tests/unit/check.h"

#include "tests/unit/said.h"

#define WORDS_MAX 16

static const char *product;
static uint64_t threshold;
static bool json;
static struct opt_list models;

static const struct opt others[] = {
	OPT_FLAG("json", &json, "print JSON"),
	OPT_LIST("model", "M", &models, "model it is for"),
	OPT_END,
};

static const struct opt opts[] = {
	OPT_TEXT("product", "NAME", &product, "product to release"),
	OPT_NUMBER("threshold", "N", &threshold, 16, "signatures needed"),
	OPT_AND(others),
};

/* Parse words as a command would; operands are joined with commas. */
static int parse(const char *line, char *operands, struct err *e)
{
	static char copy[512];
	char *argv[WORDS_MAX] = { NULL }, **rest = NULL, *save = NULL;
	int argc = 0, count = 0;

	product = NULL;
	threshold = 7;
	json = false;
	models.count = 0;
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	if (opt_parse(argc, argv, opts, &rest, &count, e))
		return -1;
	*operands = 0;
	for (int i = 0; i < count; i++) {
		strcat(operands, rest[i]); /* NOLINT: shorter than copy */
		strcat(operands, ",");     /* NOLINT */
	}
	return 0;
}

static void options_stand_before_and_after_operands(void **state)
{
	struct err e = { 0 };
	char rest[512];

	(void)state;
	assert_ok(parse("cmd one --product a --json two --threshold=16 "
			"--model x --model=y",
			rest, &e));
	assert_string_equal(rest, "one,two,");
	assert_string_equal(product, "a");
	assert_int_equal(threshold, 16);
	assert_true(json);
	assert_int_equal(models.count, 2);
	assert_string_equal(models.at[1], "y");
	assert_ok(parse("cmd", rest, &e));
	assert_string_equal(rest, "");
	assert_null(product);
	assert_false(json);
	assert_int_equal(threshold, 7);
	assert_ok(parse("cmd --product= -- --json -x", rest, &e));
	assert_string_equal(product, "");
	assert_string_equal(rest, "--json,-x,");
	assert_ok(parse("cmd --product --json -", rest, &e));
	assert_string_equal(product, "--json");
	assert_string_equal(rest, "-,");
}

static void what_is_no_option_is_refused_by_name(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "cmd --nonsense", "--nonsense is no option" },
		{ "cmd --prod a", "--prod is no option" },
		{ "cmd --prod=a", "--prod=a is no option" },
		{ "cmd --js", "--js is no option" },
		{ "cmd --he", "--he is no option" },
		{ "cmd --json=yes", "--json=yes is no option" },
		{ "cmd -x", "-x is no option" },
		{ "cmd -xh", "-x is no option" },
		{ "cmd --product", "--product needs a value" },
		{ "cmd --json --json", "--json is given twice" },
		{ "cmd --product a --product b", "--product is given twice" },
		{ "cmd --threshold 17", "--threshold: not a number up to 16" },
		{ "cmd --threshold x", "--threshold: not a number up to 16" },
		{ "cmd --threshold -1", "--threshold: not a number up to 16" },
		{ "cmd --threshold=", "--threshold: not a number up to 16" },
	};
	struct err e = { 0 };
	char rest[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_refused(parse(cases[i].line, rest, &e), ERR_USAGE);
		if (strncmp(e.msg, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("%s: %s", cases[i].line, e.msg);
	}
}

static void a_list_has_an_end(void **state)
{
	char *argv[2 * OPT_LIST_MAX + 4], **rest, cmd[] = "cmd";
	char option[] = "--model", value[] = "x";
	struct err e = { 0 };
	int count, n = 0;

	(void)state;
	argv[n++] = cmd;
	for (int i = 0; i <= OPT_LIST_MAX; i++) {
		argv[n++] = option;
		argv[n++] = value;
	}
	argv[n] = NULL;
	models.count = 0;
	assert_ok(opt_parse(n - 2, argv, opts, &rest, &count, &e));
	assert_int_equal(models.count, OPT_LIST_MAX);
	models.count = 0;
	assert_refused(opt_parse(n, argv, opts, &rest, &count, &e), ERR_USAGE);
}

/* ---- whole programs ------------------------------------------------------ */

static int run_status(int argc, char **argv, struct err *e)
{
	char **rest;
	int count;

	if (opt_parse(argc, argv, opts, &rest, &count, e))
		return -1;
	(void)printf("status of %s\n", count > 0 ? rest[0] : "all");
	return 0;
}

static int run_create(int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)e;
	(void)printf("created by %s\n", argv[0]);
	return 20;
}

static int run_fail(int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	(void)printf("before\n");
	return err_set(e, ERR_EXPIRED, "bad \x1b[31m\nname");
}

/* One that says more of its failure than the error does. */
static int run_tell(int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	program_print_json("{\"mine\":1}");
	return err_set(e, ERR_EXPIRED, "said already");
}

static int run_refuse(int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	return err_set(e, ERR_EXPIRED, "\"},\\\n{\"");
}

static const struct command commands[] = {
	{ "tell", "", "prints its own object", run_tell },
	{ "refuse", "", "prints nothing", run_refuse },
	{ "status", "[NAME]", "show the state", run_status },
	{ "release create", "REPO", "make a release", run_create },
	{ "release list", "REPO", "list releases", run_fail },
	{ "fail", "", "always fails", run_fail },
};

static const struct program program = { "tests command lines", commands,
					ARRAY_LEN(commands) };

static int as_program(void *ctx)
{
	const char *const *words = ctx;
	char copy[WORDS_MAX][64], *argv[WORDS_MAX] = { NULL };
	int argc = 0;

	for (; words[argc]; argc++) {
		(void)snprintf(copy[argc], sizeof(copy[argc]), "%s",
			       words[argc]);
		argv[argc] = copy[argc];
	}
	return program_main(&program, argc, argv);
}

#define RUN(s, ...)                                                            \
	said_run(s, as_program, (const char *[]){ "prog", __VA_ARGS__, NULL })

static void commands_of_one_and_two_words_are_found(void **state)
{
	static struct said s;

	(void)state;
	RUN(&s, "status", "--json", "x");
	assert_int_equal(s.status, 0);
	assert_string_equal(s.out, "status of x\n");
	assert_string_equal(s.err, "");
	RUN(&s, "release", "create", "x");
	assert_int_equal(s.status, 20);
	assert_string_equal(s.out, "created by create\n");
	assert_string_equal(s.err, "");
}

static void a_failure_is_said_once_on_one_escaped_line(void **state)
{
	static struct said s;
	char want[256];

	(void)state;
	RUN(&s, "fail");
	assert_int_equal(s.status, ERR_EXPIRED);
	assert_string_equal(s.out, "before\n");
	(void)snprintf(want, sizeof(want), "%s: bad \\x1b[31m\\x0aname\n",
		       program_name());
	assert_string_equal(s.err, want);
}

static void with_json_a_failure_is_one_object_as_well(void **state)
{
	static const char refused[] =
		"{\"v\":1,\"error\":\"expired\",\"message\":"
		"\"\\\"},\\\\\\\\x0a{\\\"\",\"status\":7}\n";
	static struct said s;

	(void)state;
	RUN(&s, "refuse", "--json");
	assert_int_equal(s.status, ERR_EXPIRED);
	assert_string_equal(s.out, refused);
	assert_non_null(strstr(s.err, ": \"},"));
	RUN(&s, "tell", "--json");
	assert_int_equal(s.status, ERR_EXPIRED);
	assert_string_equal(s.out, "{\"mine\":1}\n");
	RUN(&s, "status", "--json", "--nonsense");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.out, "{\"v\":1,\"error\":\"usage\","));
	RUN(&s, "nonsense", "--json");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.out, "{\"v\":1,\"error\":\"usage\","));
	RUN(&s, "release", "--json");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.out, "{\"v\":1,\"error\":\"usage\","));
	/* Behind that it is another program's. */
	RUN(&s, "refuse", "--", "--json");
	assert_string_equal(s.out, "");
}

static void a_wrong_command_line_is_status_two(void **state)
{
	static struct said s;

	(void)state;
	RUN(&s, "nonsense");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.err, "no command \"nonsense\""));
	assert_string_equal(s.out, "");
	RUN(&s, "release", "nonsense");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.err, "release create"));
	RUN(&s, "status", "--nonsense");
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.err, "status --help"));
	said_run(&s, as_program, (const char *[]){ "prog", NULL });
	assert_int_equal(s.status, ERR_USAGE);
	assert_non_null(strstr(s.err, "Usage:"));
	RUN(&s, "");
	assert_int_equal(s.status, ERR_USAGE);
}

static void help_is_made_from_the_tables(void **state)
{
	static const char *const wanted[] = {
		"status [NAME]", "show the state",    "--product NAME",
		"--json ",       "signatures needed", "--model M...",
	};
	static struct said s, other;

	(void)state;
	RUN(&s, "status", "--help");
	assert_int_equal(s.status, 0);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_non_null(strstr(s.out, wanted[i]));
	RUN(&other, "help", "status");
	assert_string_equal(s.out, other.out);
	RUN(&other, "status", "x", "-h");
	assert_string_equal(s.out, other.out);
	RUN(&s, "--help");
	assert_int_equal(s.status, 0);
	assert_non_null(strstr(s.out, "tests command lines"));
	assert_non_null(strstr(s.out, "release create"));
	RUN(&s, "release", "--help");
	assert_int_equal(s.status, 0);
	assert_non_null(strstr(s.out, "release list"));
	assert_null(strstr(s.out, "status"));
	RUN(&s, "--version");
	assert_int_equal(s.status, 0);
	assert_non_null(strstr(s.out, VERSION));
}

static int onto_a_full_disk(void *ctx)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return 99;
	return as_program(ctx);
}

static int onto_a_closed_pipe(void *ctx)
{
	int fds[2];

	if (pipe(fds) || dup2(fds[1], STDOUT_FILENO) < 0)
		return 99;
	close(fds[0]);
	return as_program(ctx);
}

static int onto_nothing(void *ctx)
{
	close(STDOUT_FILENO);
	return as_program(ctx);
}

static void output_that_is_lost_is_a_failure(void **state)
{
	static const char *const helps[] = { "--help", "--version" };
	static struct said s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(helps); i++) {
		const char *line[] = { "prog", helps[i], NULL };
		const char *of_command[] = { "prog", "status", "-h", NULL };

		said_run(&s, onto_a_full_disk, line);
		assert_int_equal(s.status, ERR_SPACE);
		assert_non_null(strstr(s.err, "standard output"));
		said_run(&s, onto_a_closed_pipe, line);
		assert_int_equal(s.status, ERR_SYSTEM);
		said_run(&s, onto_nothing, line);
		assert_int_equal(s.status, ERR_SYSTEM);
		said_run(&s, onto_a_full_disk, of_command);
		assert_int_equal(s.status, ERR_SYSTEM);
	}
}

static int opens_a_file(int argc, char **argv, struct err *e)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)argc;
	(void)argv;
	(void)e;
	return fd > 2 ? 0 : 1;
}

static int with_nothing_open(void *ctx)
{
	static const struct command only = { "x", "", "", opens_a_file };
	static const struct program p = { "", &only, 1 };
	char name[] = "prog", word[] = "x", *argv[] = { name, word, NULL };

	(void)ctx;
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	return program_main(&p, 2, argv);
}

static void no_file_becomes_a_standard_descriptor(void **state)
{
	static struct said s;

	(void)state;
	said_run(&s, with_nothing_open, NULL);
	assert_int_equal(s.status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_before_and_after_operands),
		cmocka_unit_test(what_is_no_option_is_refused_by_name),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(commands_of_one_and_two_words_are_found),
		cmocka_unit_test(a_failure_is_said_once_on_one_escaped_line),
		cmocka_unit_test(with_json_a_failure_is_one_object_as_well),
		cmocka_unit_test(a_wrong_command_line_is_status_two),
		cmocka_unit_test(help_is_made_from_the_tables),
		cmocka_unit_test(output_that_is_lost_is_a_failure),
		cmocka_unit_test(no_file_becomes_a_standard_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
