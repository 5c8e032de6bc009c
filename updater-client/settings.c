/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"

#define DAY_SEC 86400

#define TEXT(section, name, member, required)                                  \
	{                                                                      \
		(section), (name), INI_TEXT,                                   \
			offsetof(struct settings, member), 0, 0, (required)    \
	}
#define SECONDS(section, name, member, min, max)                               \
	{                                                                      \
		(section), (name), INI_NUMBER,                                 \
			offsetof(struct settings, member), (min), (max), false \
	}

static const struct ini_key keys[] = {
	TEXT("device", "product", product, true),
	TEXT("device", "model", model, false),
	TEXT("device", "state", state, true),
	TEXT("trust", "root", root, true),
	TEXT("trust", "environment", environment_name, true),
	{ "server", "url", INI_LIST, offsetof(struct settings, urls), 0, 0,
	  false },
	TEXT("server", "enrol", enrol, false),
	TEXT("server", "ca", ca, false),
	TEXT("slot", "kind", kind_name, false),
	TEXT("slot", "path", slot_path, true),
	TEXT("slot", "attributes", attributes_name, false),
	TEXT("slot", "a", slot_a, false),
	TEXT("slot", "b", slot_b, false),
	TEXT("slot", "root", slot_root, false),
	TEXT("trial", "health", health_text, false),
	SECONDS("trial", "deadline", deadline_sec, 1, DAY_SEC),
	TEXT("restart", "command", restart_text, false),
	SECONDS("restart", "deadline", restart_sec, 1, 3600),
	TEXT("reboot", "command", reboot_text, false),
	TEXT("reboot", "window", window_text, false),
	TEXT("boot", "control", control_name, false),
	TEXT("boot", "environment", boot_environment, false),
	TEXT("boot", "command", control_text, false),
	TEXT("boot", "cmdline", cmdline, false),
	TEXT("boot", "number", boot_id, false),
	SECONDS("boot", "tries", tries, 1, 9),
	TEXT("floor", "counter", counter_text, false),
	SECONDS("poll", "interval", interval_sec, 1, 30 * DAY_SEC),
	SECONDS("poll", "retry_min", retry_min_sec, 1, DAY_SEC),
	SECONDS("poll", "retry_max", retry_max_sec, 1, DAY_SEC),
};

/* Words between spaces; the texts are cut in place and borrowed. */
static int split_command(char *text, const char *what,
			 struct settings_command *c, struct err *e)
{
	char *rest = text;
	char *word;

	while (rest && (word = strsep(&rest, " \t")) != NULL) {
		if (word[0] == 0)
			continue;
		if (c->argc == SETTINGS_ARGS_MAX)
			return err_set(e, ERR_CONFIG,
				       "%s: more than %d arguments", what,
				       SETTINGS_ARGS_MAX);
		c->argv[c->argc++] = word;
	}
	if (c->argc > 0 && c->argv[0][0] != '/')
		return err_set(e, ERR_CONFIG, "%s: %s is not an absolute path",
			       what, c->argv[0]);
	return 0;
}

static void set_default(char **text, const char *value)
{
	if (!*text && value)
		*text = mem_dup_str(value);
}

static int parse_attributes(struct settings *c, struct err *e)
{
	if (!c->attributes_name || strcmp(c->attributes_name, "app") == 0)
		c->attributes = TREE_APP;
	else if (strcmp(c->attributes_name, "system") == 0)
		c->attributes = TREE_SYSTEM;
	else
		return err_set(e, ERR_CONFIG,
			       "[slot] attributes: app or system, not %s",
			       c->attributes_name);
	return 0;
}

enum package_content settings_content(const struct settings *c)
{
	return c->kind == SLOT_TREE ? PACKAGE_TREE : PACKAGE_IMAGE;
}

static int parse_kind(struct settings *c, struct err *e)
{
	if (!c->kind_name || strcmp(c->kind_name, "tree") == 0)
		c->kind = SLOT_TREE;
	else if (strcmp(c->kind_name, "image") == 0)
		c->kind = SLOT_IMAGE;
	else if (strcmp(c->kind_name, "file") == 0)
		c->kind = SLOT_FILE;
	else
		return err_set(e, ERR_CONFIG,
			       "[slot] kind: tree, image or file, not %s",
			       c->kind_name);
	if (c->kind != SLOT_TREE && c->attributes_name)
		return err_set(e, ERR_CONFIG,
			       "[slot] attributes: only trees have them");
	if (c->kind != SLOT_IMAGE) {
		if (c->slot_a || c->slot_b || c->slot_root)
			return err_set(e, ERR_CONFIG,
				       "[slot] a, b and root go with kind = "
				       "image");
		return 0;
	}
	set_default(&c->slot_root, "/");
	if (!c->slot_a || c->slot_a[0] != '/' || !c->slot_b ||
	    c->slot_b[0] != '/' || c->slot_root[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[slot] a and b: absolute paths of two block "
			       "devices or files; root: of a folder");
	if (strcmp(c->slot_a, c->slot_b) == 0)
		return err_set(e, ERR_CONFIG, "[slot] a and b are the same");
	return 0;
}

static int check_names(const struct settings *c, struct err *e)
{
	if (!name_is_valid(slice_of(c->product)))
		return err_set(e, ERR_CONFIG, "[device] product: not a name");
	if (c->model && !name_is_valid(slice_of(c->model)))
		return err_set(e, ERR_CONFIG, "[device] model: not a name");
	if (c->slot_path[0] != '/' || c->state[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[slot] path and [device] state must be "
			       "absolute paths");
	return 0;
}

/* HH:MM */
static bool parse_minute(struct slice text, uint32_t *minute)
{
	uint64_t hour = 0, min = 0;

	if (text.len != 5 || text.ptr[2] != ':')
		return false;
	for (size_t i = 0; i < 5; i++)
		if (i != 2 && (text.ptr[i] < '0' || text.ptr[i] > '9'))
			return false;
	hour = (text.ptr[0] - '0') * 10u + (text.ptr[1] - '0');
	min = (text.ptr[3] - '0') * 10u + (text.ptr[4] - '0');
	*minute = (uint32_t)(hour * 60 + min);
	return hour < 24 && min < 60;
}

static int parse_window(struct settings *c, struct err *e)
{
	struct slice text = slice_of(c->window_text);

	c->has_window = c->window_text != NULL;
	if (!c->has_window)
		return 0;
	if (text.len != 11 || text.ptr[5] != '-' ||
	    !parse_minute(slice_sub(text, 0, 5), &c->window_from) ||
	    !parse_minute(slice_sub(text, 6, 5), &c->window_to))
		return err_set(e, ERR_CONFIG,
			       "[reboot] window: HH:MM-HH:MM in UTC, not %s",
			       c->window_text);
	return 0;
}

bool settings_may_reboot(const struct settings *c, int64_t now)
{
	uint32_t minute = (uint32_t)(now % DAY_SEC / 60);

	if (!c->has_window)
		return true;
	if (c->window_from <= c->window_to)
		return minute >= c->window_from && minute < c->window_to;
	return minute >= c->window_from || minute < c->window_to;
}

static int parse_control(struct settings *c, struct err *e)
{
	static const char *const names[] = { "symlink", "uboot", "grub",
					     "command" };
	static const char *const environments[] = { NULL, "/etc/fw_env.config",
						    "/boot/grub/grubenv",
						    NULL };
	size_t kind = 0;

	while (c->control_name && kind < ARRAY_LEN(names) &&
	       strcmp(c->control_name, names[kind]) != 0)
		kind++;
	if (kind == ARRAY_LEN(names))
		return err_set(e, ERR_CONFIG,
			       "[boot] control: symlink, uboot, grub or "
			       "command, not %s",
			       c->control_name);
	c->control = (enum boot_kind)kind;
	set_default(&c->boot_environment, environments[kind]);
	set_default(&c->cmdline, "/proc/cmdline");
	set_default(&c->boot_id, "/proc/sys/kernel/random/boot_id");
	if ((c->control == CONTROL_COMMAND) != (c->boot.argc > 0))
		return err_set(e, ERR_CONFIG,
			       "[boot] command goes with control = command");
	if (c->control == CONTROL_SYMLINK && c->kind == SLOT_IMAGE)
		return err_set(e, ERR_CONFIG,
			       "[boot] control: an image is started by a boot "
			       "loader: uboot, grub or command");
	if (c->control == CONTROL_SYMLINK && c->reboot.argc > 0)
		return err_set(e, ERR_CONFIG,
			       "[reboot] command: with the symlink nothing "
			       "reboots; [restart] command is what you need");
	return 0;
}

static bool is_https(const char *url)
{
	return strncmp(url, "https://", 8) == 0;
}

static int check_server(const struct settings *c, struct err *e)
{
	if (c->urls.count > SETTINGS_URLS_MAX)
		return err_set(e, ERR_CONFIG, "[server] url: more than %d",
			       SETTINGS_URLS_MAX);
	for (size_t i = 0; i < c->urls.count; i++)
		if (!is_https(c->urls.at[i]))
			return err_set(e, ERR_CONFIG,
				       "[server] url: %s does not start with "
				       "https://",
				       c->urls.at[i]);
	if (c->enrol && !is_https(c->enrol))
		return err_set(e, ERR_CONFIG,
			       "[server] enrol: %s does not start with "
			       "https://",
			       c->enrol);
	if ((c->urls.count > 0 || c->enrol) && !c->ca)
		return err_set(e, ERR_CONFIG,
			       "[server] ca: which certificates are the "
			       "server's?");
	return 0;
}

static int check(struct settings *c, struct err *e)
{
	if (environment_parse(slice_of(c->environment_name), &c->environment,
			      e)) {
		e->code = ERR_CONFIG;
		return err_in(e, "[trust] environment");
	}
	if (check_names(c, e) || check_server(c, e) || parse_kind(c, e) ||
	    parse_attributes(c, e) ||
	    split_command(c->health_text, "[trial] health", &c->health, e) ||
	    split_command(c->restart_text, "[restart] command", &c->restart,
			  e) ||
	    split_command(c->counter_text, "[floor] counter", &c->counter, e) ||
	    split_command(c->control_text, "[boot] command", &c->boot, e) ||
	    split_command(c->reboot_text, "[reboot] command", &c->reboot, e) ||
	    parse_control(c, e) || parse_window(c, e))
		return -1;
	if (c->retry_min_sec > c->retry_max_sec)
		return err_set(e, ERR_CONFIG,
			       "[poll] retry_min is more than retry_max");
	return 0;
}

int settings_parse(struct slice text, const char *file, struct settings *c,
		   struct err *e)
{
	struct settings to = {
		.restart_sec = 60,
		.interval_sec = 3600,
		.retry_min_sec = 120,
		.retry_max_sec = 3600,
		.tries = 3,
	};

	if (ini_load(text, file, keys, ARRAY_LEN(keys), &to, e)) {
		settings_done(&to);
		return -1;
	}
	if (check(&to, e)) {
		settings_done(&to);
		return err_in(e, "%s", file);
	}
	*c = to;
	return 0;
}

static int read_private(const char *path, struct buf *text, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t *room;
	size_t got;
	int rc = -1;

	if (fd < 0) {
		err_sys(e, "%s", path);
		e->code = ERR_CONFIG;
		return -1;
	}
	room = buf_reserve(text, INI_MAX_LEN, e);
	if (!room || fs_check_private(fd, path, e) ||
	    fs_read(fd, room, INI_MAX_LEN, &got, e))
		goto out;
	if (got == INI_MAX_LEN) {
		err_set(e, ERR_CONFIG, "%s: too long", path);
		goto out;
	}
	text->len += got;
	rc = 0;
out:
	fs_close(&fd);
	return rc;
}

int settings_load(const char *path, struct settings *c, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	int rc = -1;

	if (read_private(path, &text, e) == 0)
		rc = settings_parse(buf_slice(&text), path, c, e);
	buf_done(&text);
	return rc;
}

void settings_done(struct settings *c)
{
	ini_done(keys, ARRAY_LEN(keys), c);
	memset(c, 0, sizeof(*c));
}
