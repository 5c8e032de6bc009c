/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - what signer can be told to do. Each is run by opt's
 * program_main(): argv[0] is the command's name; 0, or -1 with e.
 */
#ifndef SIGNER_COMMANDS_H
#define SIGNER_COMMANDS_H

#include "common/err.h"

int cmd_key_generate(int argc, char **argv, struct err *e);
int cmd_key_external(int argc, char **argv, struct err *e);
int cmd_key_show(int argc, char **argv, struct err *e);
int cmd_key_import(int argc, char **argv, struct err *e);
int cmd_key_remove(int argc, char **argv, struct err *e);
int cmd_threshold(int argc, char **argv, struct err *e);
int cmd_role_add(int argc, char **argv, struct err *e);
int cmd_role_remove(int argc, char **argv, struct err *e);
int cmd_role_list(int argc, char **argv, struct err *e);
int cmd_init(int argc, char **argv, struct err *e);
int cmd_release_create(int argc, char **argv, struct err *e);
int cmd_release_retry(int argc, char **argv, struct err *e);
int cmd_release_withdraw(int argc, char **argv, struct err *e);
int cmd_release_list(int argc, char **argv, struct err *e);
int cmd_release_show(int argc, char **argv, struct err *e);
int cmd_floor(int argc, char **argv, struct err *e);
int cmd_site(int argc, char **argv, struct err *e);
int cmd_log_key(int argc, char **argv, struct err *e);
int cmd_stepback(int argc, char **argv, struct err *e);
int cmd_inspect(int argc, char **argv, struct err *e);
int cmd_sign(int argc, char **argv, struct err *e);
int cmd_merge(int argc, char **argv, struct err *e);
int cmd_extend(int argc, char **argv, struct err *e);
int cmd_discard(int argc, char **argv, struct err *e);
int cmd_checklist(int argc, char **argv, struct err *e);
int cmd_publish(int argc, char **argv, struct err *e);
int cmd_wrap(int argc, char **argv, struct err *e);
int cmd_delta_explain(int argc, char **argv, struct err *e);
int cmd_scan(int argc, char **argv, struct err *e);
int cmd_order_open(int argc, char **argv, struct err *e);
int cmd_order_baseline(int argc, char **argv, struct err *e);
int cmd_order_halt(int argc, char **argv, struct err *e);
int cmd_order_take(int argc, char **argv, struct err *e);
int cmd_order_assign(int argc, char **argv, struct err *e);
int cmd_factory(int argc, char **argv, struct err *e);

#endif
