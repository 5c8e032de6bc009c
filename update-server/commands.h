/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - what update-server can be told to do. Each is run by opt's
 * program_main(): argv[0] is the command's name; 0, or -1 with e.
 */
#ifndef UPDATE_SERVER_COMMANDS_H
#define UPDATE_SERVER_COMMANDS_H

#include "common/err.h"

int command_init(int argc, char **argv, struct err *e);
int command_run(int argc, char **argv, struct err *e);
int command_tls_renew(int argc, char **argv, struct err *e);

#endif
