/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opt - command lines: a program is a table of commands, a command a table of
 * options. Over getopt_long.
 *
 *	struct opt opts[] = {
 *		OPT_TEXT("product", "NAME", &product, "product to release"),
 *		OPT_NUMBER("threshold", "N", &n, 16, "signatures needed"),
 *		OPT_FLAG("json", &json, "print JSON"), OPT_END
 *	};
 *	if (opt_parse(argc, argv, opts, &operands, &operand_count, e))
 *		return -1;
 *
 * Options are long ("--product NAME" or "--product=NAME") and may stand before
 * or after operands; "--" ends them. "-h" and "--help" print the command's
 * usage, made from the table, and succeed. An unknown or shortened option, a
 * missing value, a number out of range or an option given twice (unless it is
 * a list) is ERR_USAGE and names the option and the help to ask for.
 */
#ifndef COMMON_OPT_H
#define COMMON_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define OPT_LIST_MAX 256

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,
	OPT_KIND_TEXT,
	OPT_KIND_NUMBER,
	OPT_KIND_LIST,
	OPT_KIND_AND
};

/* The values of an option that may be repeated. Borrowed from argv. */
struct opt_list {
	const char *at[OPT_LIST_MAX];
	size_t count;
};

struct opt {
	enum opt_kind kind;
	const char *name; /* long name without its dashes */
	const char *arg;  /* the value's name in the help; NULL for a flag */
	void *to;
	uint64_t max; /* numbers only */
	union {
		const char *help;
		const struct opt *more; /* OPT_AND */
	};
};

#define OPT_FLAG(name, to, help)                                               \
	{                                                                      \
		OPT_KIND_FLAG, (name), NULL, (to), 0,                          \
		{                                                              \
			(help)                                                 \
		}                                                              \
	}
#define OPT_TEXT(name, arg, to, help)                                          \
	{                                                                      \
		OPT_KIND_TEXT, (name), (arg), (to), 0,                         \
		{                                                              \
			(help)                                                 \
		}                                                              \
	}
#define OPT_NUMBER(name, arg, to, max, help)                                   \
	{                                                                      \
		OPT_KIND_NUMBER, (name), (arg), (to), (max),                   \
		{                                                              \
			(help)                                                 \
		}                                                              \
	}
#define OPT_LIST(name, arg, to, help)                                          \
	{                                                                      \
		OPT_KIND_LIST, (name), (arg), (to), 0,                         \
		{                                                              \
			(help)                                                 \
		}                                                              \
	}
#define OPT_END                                                                \
	{                                                                      \
		OPT_KIND_END, NULL, NULL, NULL, 0,                             \
		{                                                              \
			NULL                                                   \
		}                                                              \
	}
/* Instead of the end: the options of another table as well. */
#define OPT_AND(opts)                                                          \
	{                                                                      \
		.kind = OPT_KIND_AND, .more = (opts)                           \
	}

/* bool, const char *, uint64_t and struct opt_list behind `to`. */

struct command {
	const char *name; /* "status", or two words: "release create" */
	const char *args; /* operands and main options, for the usage line */
	const char *summary;
	/*
	 * argv[0] is the command's last word. Returns 0, or -1 with the error,
	 * or a positive exit status of its own that is no failure.
	 */
	int (*run)(int argc, char **argv, struct err *e);
};

struct program {
	const char *purpose; /* one line, first in --help */
	const struct command *commands;
	size_t command_count;
};

/*
 * Find the command (two words before one), run it, report an error once on
 * standard error as "<program>: <message>" and return the exit status.
 * Also answers --help, help [COMMAND] and --version. The program's name is the
 * one under which it was called. If standard output cannot be written, the
 * status says so. Ignores SIGPIPE and SIGXFSZ: writing then fails with EPIPE
 * or EFBIG; who starts other programs puts the signals back.
 */
int program_main(const struct program *p, int argc, char **argv);

/*
 * Print what a command has to say with --json: one object, this one. Where none
 * was printed and it fails, program_main() prints {"v":1,"error":WORD,
 * "message":...,"status":N}, for a wrong command line, too; the line on
 * standard error comes as well.
 */
void program_print_json(const char *object);
/* What such a failure has to say besides: a member more. Both stay, and need no
 * escape. */
void program_fail_json(const char *member, const char *text);

/* The name under which this program was called, without its folder. */
const char *program_name(void);

/*
 * Parse options; *operands is then the first operand in argv and
 * *operand_count their number. When --help was asked for, it was printed and
 * the process has exited with 0.
 */
int opt_parse(int argc, char **argv, const struct opt *opts, char ***operands,
	      int *operand_count, struct err *e) NODISCARD;

#endif
