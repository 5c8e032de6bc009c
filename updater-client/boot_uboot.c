/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U-Boot's environment. libubootenv writes all variables as one block with a
 * checksum over the copy that does not count, so a torn write leaves the other
 * one, and the next write repairs it. When both are damaged it reports that,
 * and then nothing is written: the defaults of nobody would take their place.
 */
#include "updater-client/boot.h"

#include <errno.h>
#include <libuboot.h>
#include <stdlib.h>
#include <string.h>

static void close_environment(struct uboot_ctx *env)
{
	libuboot_close(env);
	libuboot_exit(env);
}

static int open_environment(const struct boot *b, struct uboot_ctx **out,
			    struct err *e)
{
	const char *path = b->config->boot_environment;
	struct uboot_ctx *env = NULL;
	int rc = libuboot_initialize(&env, NULL);

	if (rc)
		return err_set(e, ERR_SYSTEM, "U-Boot environment: %s",
			       strerror(-rc));
	rc = libuboot_read_config(env, path);
	if (rc) {
		libuboot_exit(env);
		return err_set(e, ERR_CONFIG,
			       "%s: cannot be read, or names what is not there",
			       path);
	}
	rc = libuboot_open(env);
	if (rc) {
		close_environment(env); /* it holds a lock by now */
		return err_set(e, rc == -ENODATA ? ERR_FORMAT : ERR_SYSTEM,
			       "no copy of the U-Boot environment (%s) is "
			       "whole: %s; nothing is written over it, restore "
			       "it with fw_setenv or in U-Boot",
			       path, strerror(-rc));
	}
	*out = env;
	return 0;
}

static int uboot_read(const struct boot *b, struct boot_record *out,
		      struct err *e)
{
	struct boot_values values = { 0 };
	struct uboot_ctx *env = NULL;

	if (open_environment(b, &env, e))
		return -1;
	for (size_t i = 0; i < BOOT_VARIABLES; i++) {
		const char *name = boot_variable_name((enum boot_variable)i);
		char *value = libuboot_get_env(env, name);

		if (value)
			(void)boot_values_set(&values, slice_of(name),
					      slice_of(value));
		free(value);
	}
	close_environment(env);
	return boot_record_parse(&values, out, e);
}

static int uboot_write(const struct boot *b, const struct boot_record *r,
		       struct err *e)
{
	struct uboot_ctx *env = NULL;
	struct boot_values values;
	int rc = 0;

	if (open_environment(b, &env, e))
		return -1;
	boot_values_from(r, &values);
	for (size_t i = 0; i < BOOT_VARIABLES && rc == 0; i++)
		/* Without a value it is unset. */
		rc = libuboot_set_env(env,
				      boot_variable_name((enum boot_variable)i),
				      values.of[i][0] ? values.of[i] : NULL);
	if (rc == 0)
		rc = libuboot_env_store(env);
	close_environment(env);
	if (rc)
		return err_set(e, ERR_SYSTEM,
			       "the U-Boot environment was not written: %s",
			       strerror(abs(rc)));
	return 0;
}

const struct boot_control boot_uboot = {
	.name = "uboot",
	.reboots = true,
	.read = uboot_read,
	.write = uboot_write,
};
