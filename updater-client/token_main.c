/* SPDX-License-Identifier: Apache-2.0 */
/* pawl-token - the program of token.h; the client starts it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/secret.h"
#include "updater-client/token.h"

static char *text_or_none(char *word)
{
	return *word ? word : NULL;
}

int main(int argc, char **argv)
{
	struct channel control = CHANNEL_INIT;
	struct settings_token token = { .module = NULL };
	struct token_setup setup = { &token, TOKEN_STATE_FD, 0 };
	struct stat st;

	if (argc != TOKEN_WORDS + 1 || strlen(argv[1]) != 1 ||
	    argv[1][0] < '0' || argv[1][0] > '7' ||
	    fstat(TOKEN_CHANNEL_FD, &st) || !S_ISSOCK(st.st_mode)) {
		(void)fprintf(stderr, "pawl-token: started by pawl-client "
				      "alone, see pawl-client.conf(5), "
				      "[keys]\n");
		return ERR_USAGE;
	}
	secret_guard();
	(void)signal(SIGPIPE, SIG_IGN);
	setup.rights = (unsigned)(argv[1][0] - '0');
	token.module = text_or_none(argv[2]);
	token.label = text_or_none(argv[3]);
	token.pin = text_or_none(argv[4]);
	token.provider = text_or_none(argv[5]);
	control.fd = TOKEN_CHANNEL_FD;
	token_run(&setup, &control);
	ipc_close(&control);
	return 0;
}
