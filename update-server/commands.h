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
int command_server_backup(int argc, char **argv, struct err *e);
int command_server_restore(int argc, char **argv, struct err *e);
int command_server_drain(int argc, char **argv, struct err *e);
int command_server_check(int argc, char **argv, struct err *e);
int command_person_create(int argc, char **argv, struct err *e);
int command_person_add(int argc, char **argv, struct err *e);
int command_person_list(int argc, char **argv, struct err *e);
int command_person_revoke(int argc, char **argv, struct err *e);
int command_tls_next_ca(int argc, char **argv, struct err *e);
int command_tls_switch_ca(int argc, char **argv, struct err *e);
int command_ca_status(int argc, char **argv, struct err *e);
int command_ca_rotate(int argc, char **argv, struct err *e);
int command_ca_withdraw(int argc, char **argv, struct err *e);
int command_audit_rotate(int argc, char **argv, struct err *e);
int command_audit_replay(int argc, char **argv, struct err *e);
int command_audit_verify(int argc, char **argv, struct err *e);

/* Needs neither a server nor its folder. */
int command_simulate(int argc, char **argv, struct err *e);

/* Over mTLS to the people listener, as the person of --operator. */
int command_release_import(int argc, char **argv, struct err *e);
int command_release_list(int argc, char **argv, struct err *e);
int command_release_show(int argc, char **argv, struct err *e);
int command_release_verify(int argc, char **argv, struct err *e);
int command_release_gc(int argc, char **argv, struct err *e);
int command_delta_coverage(int argc, char **argv, struct err *e);
int command_token_create(int argc, char **argv, struct err *e);
int command_token_list(int argc, char **argv, struct err *e);
int command_token_batches(int argc, char **argv, struct err *e);
int command_token_activate(int argc, char **argv, struct err *e);
int command_token_revoke(int argc, char **argv, struct err *e);
int command_device_waiting(int argc, char **argv, struct err *e);
int command_device_approve(int argc, char **argv, struct err *e);
int command_device_deny(int argc, char **argv, struct err *e);
int command_device_list(int argc, char **argv, struct err *e);
int command_device_show(int argc, char **argv, struct err *e);
int command_device_revoke(int argc, char **argv, struct err *e);
int command_device_export(int argc, char **argv, struct err *e);
int command_envelope_import(int argc, char **argv, struct err *e);
int command_device_forget(int argc, char **argv, struct err *e);
int command_device_retire(int argc, char **argv, struct err *e);
int command_device_unknown(int argc, char **argv, struct err *e);
int command_device_readopt(int argc, char **argv, struct err *e);
int command_device_pin(int argc, char **argv, struct err *e);
int command_device_unpin(int argc, char **argv, struct err *e);
int command_device_clear(int argc, char **argv, struct err *e);
int command_device_block(int argc, char **argv, struct err *e);
int command_device_unblock(int argc, char **argv, struct err *e);
int command_device_release(int argc, char **argv, struct err *e);
int command_cohort_create(int argc, char **argv, struct err *e);
int command_cohort_list(int argc, char **argv, struct err *e);
int command_cohort_add(int argc, char **argv, struct err *e);
int command_cohort_rm(int argc, char **argv, struct err *e);
int command_cohort_rule(int argc, char **argv, struct err *e);
int command_cohort_count(int argc, char **argv, struct err *e);
int command_rollout_create(int argc, char **argv, struct err *e);
int command_rollout_list(int argc, char **argv, struct err *e);
int command_rollout_status(int argc, char **argv, struct err *e);
int command_rollout_watch(int argc, char **argv, struct err *e);
int command_rollout_submit(int argc, char **argv, struct err *e);
int command_rollout_agree(int argc, char **argv, struct err *e);
int command_rollout_advance(int argc, char **argv, struct err *e);
int command_rollout_abort(int argc, char **argv, struct err *e);
int command_rollout_supersede(int argc, char **argv, struct err *e);
int command_rollout_rollback(int argc, char **argv, struct err *e);
int command_gate_show(int argc, char **argv, struct err *e);
int command_gate_ack(int argc, char **argv, struct err *e);
int command_device_why(int argc, char **argv, struct err *e);
/* Of the same names as those for rollouts; the operands decide. */
int command_order_plan(int argc, char **argv, struct err *e);
int command_order_approve(int argc, char **argv, struct err *e);
int command_order_discard(int argc, char **argv, struct err *e);
int command_rollout_drop(int argc, char **argv, struct err *e);
int command_rollout_start(int argc, char **argv, struct err *e);
int command_rollout_pause(int argc, char **argv, struct err *e);
int command_rollout_resume(int argc, char **argv, struct err *e);
int command_rollout_plan(int argc, char **argv, struct err *e);
int command_rollout_sign(int argc, char **argv, struct err *e);
int command_rollout_halt(int argc, char **argv, struct err *e);
int command_rollout_baseline(int argc, char **argv, struct err *e);
int command_rollout_assign(int argc, char **argv, struct err *e);
int command_rollout_approve(int argc, char **argv, struct err *e);
int command_rollout_staged(int argc, char **argv, struct err *e);
int command_rollout_discard(int argc, char **argv, struct err *e);
int command_bundle_export(int argc, char **argv, struct err *e);
int command_bundle_import(int argc, char **argv, struct err *e);
int command_outpost_add(int argc, char **argv, struct err *e);
int command_outpost_list(int argc, char **argv, struct err *e);
int command_outpost_show(int argc, char **argv, struct err *e);
int command_audit_list(int argc, char **argv, struct err *e);
int command_audit_export(int argc, char **argv, struct err *e);
int command_events(int argc, char **argv, struct err *e);
int command_ui(int argc, char **argv, struct err *e);
int command_score(int argc, char **argv, struct err *e);
int command_server_close_readopt(int argc, char **argv, struct err *e);
int command_server_status(int argc, char **argv, struct err *e);

#endif
