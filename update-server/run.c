/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/commands.h"

#include <stdio.h>

#include "common/opt.h"

#include "update-server/config.h"

int command_run(int argc, char **argv, struct err *e)
{
	struct config config = { 0 };
	const char *file = NULL;
	bool check_only = false;
	const struct opt opts[] = {
		OPT_TEXT("config", "FILE", &file, "configuration file"),
		OPT_FLAG("check-config", &check_only,
			 "say whether it is good, and stop"),
		OPT_END,
	};
	char **operands;
	int operand_count;

	if (opt_parse(argc, argv, opts, &operands, &operand_count, e))
		return -1;
	if (operand_count + (file != NULL) != 1)
		return err_set(e, ERR_USAGE,
			       "name one folder or one --config FILE");
	if (config_load(file ? NULL : operands[0], file, &config, e))
		return -1;
	config_done(&config);
	if (!check_only)
		return err_set(e, ERR_USAGE, "not built yet: --check-config");
	printf("the configuration is good\n");
	return 0;
}
