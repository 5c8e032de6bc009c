/* SPDX-License-Identifier: Apache-2.0 */
#include "common/opt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

#define OPTIONS_MAX 64
#define HELP_COLUMN 28
#define NAME_COLUMN 18

/*
 * What --help within a command speaks of. The one thing here that lasts
 * beyond a call; a process runs one command.
 */
static const struct command *running;

const char *program_name(void)
{
	return program_invocation_short_name;
}

/* ---- tables ----------------------------------------------------------------
 */

/* The option that stands here, or first in the table that does; NULL: none. */
static const struct opt *first(const struct opt *o)
{
	while (o->kind == OPT_KIND_AND)
		o = o->more;
	return o->kind == OPT_KIND_END ? NULL : o;
}

static const struct opt *next(const struct opt *o)
{
	return first(o + 1);
}

/* ---- help ---------------------------------------------------------------- */

/* One line of a table; a name too long for its column gets its own line. */
static void print_row(const char *name, int column, const char *text)
{
	if (strlen(name) < (size_t)column)
		(void)printf("  %-*s%s\n", column, name, text);
	else
		(void)printf("  %s\n  %-*s%s\n", name, column, "", text);
}

static void print_option(const struct opt *o)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "--%s%s%s%s", o->name,
		       o->arg ? " " : "", o->arg ? o->arg : "",
		       o->kind == OPT_KIND_LIST ? "..." : "");
	print_row(name, HELP_COLUMN, o->help);
}

static void print_command_help(const struct opt *opts)
{
	if (running)
		(void)printf("Usage: %s %s%s%s\n\n%s\n\nOptions:\n",
			     program_name(), running->name,
			     *running->args ? " " : "", running->args,
			     running->summary);
	else
		(void)printf("Usage: %s\n\nOptions:\n", program_name());
	for (const struct opt *o = first(opts); o; o = next(o))
		print_option(o);
	print_row("-h, --help", HELP_COLUMN, "print this help");
}

static void print_program_help(const struct program *p, FILE *to)
{
	(void)fprintf(to, "%s - %s\n\nUsage: %s COMMAND [OPTION...]\n\n",
		      program_name(), p->purpose, program_name());
	(void)fprintf(to, "Commands:\n");
	for (size_t i = 0; i < p->command_count; i++)
		(void)fprintf(to, "  %-*s  %s\n", NAME_COLUMN,
			      p->commands[i].name, p->commands[i].summary);
	(void)fprintf(to,
		      "\n\"%s COMMAND --help\" explains a command; "
		      "--version prints the version.\n",
		      program_name());
}

/* The commands that share a first word: "release". False if there are none. */
static bool print_family(const struct program *p, const char *word, FILE *to)
{
	size_t len = strlen(word);
	bool any = false;

	for (size_t i = 0; i < p->command_count; i++) {
		const struct command *c = &p->commands[i];

		if (strncmp(c->name, word, len) != 0 || c->name[len] != ' ')
			continue;
		if (!any)
			(void)fprintf(to, "Commands of %s %s:\n",
				      program_name(), word);
		any = true;
		(void)fprintf(to, "  %-*s  %s\n", NAME_COLUMN, c->name,
			      c->summary);
	}
	return any;
}

/* ---- options ------------------------------------------------------------- */

static int misused(struct err *e, const char *what, const char *option)
{
	return err_set(e, ERR_USAGE, "%s %s; see \"%s%s%s --help\"", option,
		       what, program_name(), running ? " " : "",
		       running ? running->name : "");
}

static int unknown(char **argv, struct err *e)
{
	char letter[] = { '-', (char)optopt, 0 };

	return misused(e, "is no option", optopt ? letter : argv[optind - 1]);
}

static int store(const struct opt *o, const char *value, struct err *e)
{
	char name[64];
	struct err why;
	struct opt_list *list;

	(void)snprintf(name, sizeof(name), "--%s", o->name);
	switch (o->kind) {
	case OPT_KIND_FLAG:
		*(bool *)o->to = true;
		return 0;
	case OPT_KIND_TEXT:
		*(const char **)o->to = value;
		return 0;
	case OPT_KIND_NUMBER:
		if (num_parse(slice_of(value), o->max, o->to, &why) == 0)
			return 0;
		return err_set(e, ERR_USAGE, "%s: not a number up to %llu",
			       name, (unsigned long long)o->max);
	case OPT_KIND_LIST:
		list = o->to;
		if (list->count == OPT_LIST_MAX)
			return misused(e, "is given too often", name);
		list->at[list->count++] = value;
		return 0;
	case OPT_KIND_END:
	case OPT_KIND_AND:
	default:
		return misused(e, "is no option", name);
	}
}

/*
 * The word on the command line that getopt_long() has just read. It accepts
 * abbreviations, which a later version may make ambiguous, so we do not.
 */
static const char *option_word(char **argv)
{
	const char *last = argv[optind - 1];

	if (optarg && optarg == last && optind >= 2)
		last = argv[optind - 2];
	return last;
}

static bool is_spelled_out(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, "--", 2) == 0 &&
	       strncmp(word + 2, name, len) == 0 &&
	       (word[2 + len] == 0 || word[2 + len] == '=');
}

static void to_getopt(const struct opt *opts, const struct opt **known,
		      struct option to[OPTIONS_MAX + 2])
{
	size_t n = 0;

	for (const struct opt *o = first(opts); o; o = next(o)) {
		assert(n < OPTIONS_MAX);
		known[n] = o;
		to[n++] = (struct option){
			.name = o->name,
			.has_arg = o->kind == OPT_KIND_FLAG ? no_argument
							    : required_argument,
		};
	}
	to[n++] = (struct option){ .name = "help", .val = 'h' };
	to[n] = (struct option){ 0 };
}

NORETURN static void help_and_exit(const struct opt *opts)
{
	print_command_help(opts);
	exit(fflush(stdout) || ferror(stdout) ? ERR_SYSTEM : ERR_NONE);
}

int opt_parse(int argc, char **argv, const struct opt *opts, char ***operands,
	      int *operand_count, struct err *e)
{
	struct option table[OPTIONS_MAX + 2];
	const struct opt *known[OPTIONS_MAX];
	bool seen[OPTIONS_MAX] = { false };
	int which = 0, found;

	to_getopt(opts, known, table);
	optind = 0; /* starts glibc's getopt afresh */
	opterr = 0;
	/* The process has one command line, read before it has threads. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((found = getopt_long(argc, argv, ":h", table, &which)) != -1) {
		const char *word = option_word(argv);

		if (found == ':')
			return misused(e, "needs a value", argv[optind - 1]);
		if (found == '?')
			return unknown(argv, e);
		if (word[1] == '-' && found == 'h' &&
		    !is_spelled_out(word, "help"))
			return misused(e, "is no option", word);
		if (found == 'h')
			help_and_exit(opts);
		if (!is_spelled_out(word, known[which]->name))
			return misused(e, "is no option", word);
		if (seen[which] && known[which]->kind != OPT_KIND_LIST)
			return misused(e, "is given twice", word);
		seen[which] = true;
		if (store(known[which], optarg, e))
			return -1;
	}
	*operands = argv + optind;
	*operand_count = argc - optind;
	return 0;
}

/* ---- the program --------------------------------------------------------- */

/* Whoever reads JSON reads that it failed, too; once. */
static bool owes_json;
static struct {
	const char *member, *text;
} further;

void program_print_json(const char *object)
{
	(void)printf("%s\n", object);
	owes_json = false;
}

void program_fail_json(const char *member, const char *text)
{
	further.member = member;
	further.text = text;
}

/* Escaped for people, so that JSON has two letters of its own left. */
static void put_json_text(const char *text)
{
	for (; *text; text++)
		(void)printf(*text == '"' || *text == '\\' ? "\\%c" : "%c",
			     *text);
}

static void put_json_failure(enum err_code code, const char *line)
{
	owes_json = false;
	(void)printf("{\"v\":1,\"error\":\"%s\",\"message\":\"",
		     err_name(code));
	put_json_text(line);
	(void)printf("\",\"status\":%d", (int)code);
	if (further.member)
		(void)printf(",\"%s\":\"%s\"", further.member, further.text);
	(void)puts("}");
	(void)fflush(stdout);
}

/* One line, whatever foreign text found its way into it. */
static int report(const struct err *e)
{
	enum err_code code = e->code == ERR_NONE ? ERR_SYSTEM : e->code;
	char line[2 * ERR_MSG_LEN];

	text_escape(slice_of(e->msg), line, sizeof(line));
	if (owes_json)
		put_json_failure(code, line);
	(void)fprintf(stderr, "%s: %s\n", program_name(), line);
	return (int)code;
}

/* Output that nobody could read is a failure, not a success. */
static int finish(int status)
{
	struct err e;

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (status != 0)
		return status;
	if (errno == 0)
		errno = EIO;
	err_sys(&e, "standard output");
	return report(&e);
}

/*
 * A file must never be opened as descriptor 0, 1 or 2: what is printed would
 * go into it. Opened the wrong way round, so that using them still fails.
 */
static void occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			abort();
}

static const struct command *find(const struct program *p, const char *first,
				  const char *second)
{
	char name[64];
	struct err ignored;

	if (text_format(name, sizeof(name), &ignored, "%s%s%s", first,
			second ? " " : "", second ? second : ""))
		return NULL;
	for (size_t i = 0; i < p->command_count; i++)
		if (strcmp(p->commands[i].name, name) == 0)
			return &p->commands[i];
	return NULL;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "help") == 0;
}

static int no_command(const struct program *p, const char *word)
{
	struct err e;

	if (!owes_json && print_family(p, word, stderr))
		return ERR_USAGE;
	err_set(&e, ERR_USAGE, "no command \"%.64s\"; see \"%s --help\"", word,
		program_name());
	return report(&e);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct err e = { 0 };
	int rc;

	running = c;
	rc = c->run(argc, argv, &e);
	if (rc >= 0)
		return finish(rc);
	/* What was said before the failure comes before its message. */
	(void)fflush(stdout);
	return report(&e);
}

/* argv[0] is the first word of the command. */
static int dispatch(const struct program *p, int argc, char **argv)
{
	const struct command *c = NULL;

	if (argc > 1)
		c = find(p, argv[0], argv[1]);
	if (c)
		return run(c, argc - 1, argv + 1);
	c = find(p, argv[0], NULL);
	if (c)
		return run(c, argc, argv);
	if (argc > 1 && asks_for_help(argv[1]) &&
	    print_family(p, argv[0], stdout))
		return finish(0);
	return no_command(p, argv[0]);
}

/* "help", "help COMMAND": the latter is COMMAND --help. */
static int help(const struct program *p, int argc, char **argv)
{
	char option[] = "--help";
	char *words[4] = { NULL };
	int n = 0;

	for (; n < argc && n < 2; n++)
		words[n] = argv[n];
	words[n] = option;
	if (n > 0)
		return dispatch(p, n + 1, words);
	print_program_help(p, stdout);
	return finish(0);
}

/* What stands behind "--" is somebody else's. */
static bool asks_for_json(char *const *words)
{
	while (*words && strcmp(*words, "--") != 0 &&
	       strcmp(*words, "--json") != 0)
		words++;
	return *words && (*words)[2] != '\0';
}

int program_main(const struct program *p, int argc, char **argv)
{
	owes_json = asks_for_json(argv);
	occupy_standard_descriptors();
	/* A reader that went away, or a file size limit, is an error to
	 * report and clean up after, not a sudden death. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		print_program_help(p, stderr);
		return ERR_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("%s %s\n", program_name(), VERSION);
		return finish(0);
	}
	if (asks_for_help(argv[1]))
		return help(p, argc - 2, argv + 2);
	return dispatch(p, argc - 1, argv + 1);
}
