/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"

#define DAY_SEC     86400
#define HANDLER_SEC 300
#define RATE_MIN    2048 /* slower than that counts as a stalled connection */
#define WINDOW_MIN  (256u << 10)
#define WINDOW_MAX  (64u << 20)
#define SPACE_MAX   (UINT64_C(1) << 50)

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
	TEXT("device", "hardware", hardware, false),
	TEXT("device", "state", state, true),
	TEXT("device", "status", status, false),
	TEXT("trust", "root", root, true),
	TEXT("trust", "environment", environment_name, true),
	{ "server", "url", INI_LIST, offsetof(struct settings, urls), 0, 0,
	  false },
	TEXT("server", "enrol", enrol, false),
	TEXT("server", "ca", ca, false),
	TEXT("server", "proxy", proxy, false),
	TEXT("keys", "module", token.module, false),
	TEXT("keys", "token", token.label, false),
	TEXT("keys", "pin", token.pin, false),
	TEXT("keys", "provider", token.provider, false),
	{ "keys", "variable", INI_LIST,
	  offsetof(struct settings, token.variables), 0, 0, false },
	TEXT("slot", "path", slot_path, true),
	TEXT("slot", "component", component, false),
	TEXT("slot", "root", slot_root, false),
	TEXT("trial", "health", health_text, false),
	{ "trial", "check", INI_LIST, offsetof(struct settings, check_texts), 0,
	  0, false },
	SECONDS("trial", "steady", steady_sec, 0, 3600),
	TEXT("trial", "watchdog", watchdog, false),
	SECONDS("trial", "watchdog_timeout", watchdog_sec, 1, 3600),
	SECONDS("trial", "deadline", deadline_sec, 1, DAY_SEC),
	TEXT("restart", "command", restart_text, false),
	SECONDS("restart", "deadline", restart_sec, 1, 3600),
	TEXT("data", "save", save_text, false),
	TEXT("data", "restore", restore_text, false),
	SECONDS("data", "deadline", data_sec, 1, DAY_SEC),
	{ "data", "space", INI_NUMBER, offsetof(struct settings, data_space), 0,
	  SPACE_MAX, false },
	{ "keep", "path", INI_LIST, offsetof(struct settings, keep), 0, 0,
	  false },
	TEXT("install", "window", install_hours_text, false),
	TEXT("install", "consent", consent_text, false),
	SECONDS("install", "consent_deadline", consent_sec, 1, 3600),
	SECONDS("install", "defer_max", defer_max_sec, 1, 365 * DAY_SEC),
	{ "server", "rate", INI_NUMBER, offsetof(struct settings, rate),
	  RATE_MIN, UINT64_C(1) << 40, false },
	SECONDS("server", "patience", patience_sec, 5, DAY_SEC),
	TEXT("fetch", "spool", spool_name, false),
	{ "fetch", "window", INI_NUMBER,
	  offsetof(struct settings, spool_window), WINDOW_MIN, WINDOW_MAX,
	  false },
	TEXT("reboot", "command", reboot_text, false),
	TEXT("reboot", "window", reboot_hours_text, false),
	TEXT("boot", "control", control_name, false),
	TEXT("boot", "environment", boot_environment, false),
	TEXT("boot", "command", control_text, false),
	TEXT("boot", "cmdline", cmdline, false),
	TEXT("boot", "log", boot_log_text, false),
	TEXT("boot", "number", boot_id, false),
	SECONDS("boot", "tries", tries, 1, 9),
	TEXT("floor", "counter", counter_text, false),
	SECONDS("poll", "interval", interval_sec, 1, 30 * DAY_SEC),
	SECONDS("poll", "retry_min", retry_min_sec, 1, DAY_SEC),
	SECONDS("poll", "retry_max", retry_max_sec, 1, DAY_SEC),
};

#define SLOT_KEYS    ARRAY_LEN(of_slot) /* of [slot NAME], and of [slot] too */
#define ALL_KEYS_MAX (ARRAY_LEN(keys) + RELEASE_COMPONENTS_MAX * SLOT_KEYS)

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

/* The texts are cut in place here, too. */
static int parse_checks(struct settings *c, struct err *e)
{
	if (c->check_texts.count > SETTINGS_CHECKS_MAX)
		return err_set(e, ERR_CONFIG, "[trial] check: more than %d",
			       SETTINGS_CHECKS_MAX);
	for (size_t i = 0; i < c->check_texts.count; i++) {
		char *words[VITAL_WORDS_MAX + 1];
		char *rest = c->check_texts.at[i];
		char *word;
		size_t n = 0;

		while (rest && n < ARRAY_LEN(words) &&
		       (word = strsep(&rest, " \t")) != NULL)
			if (word[0])
				words[n++] = word;
		if (vital_parse(words, n, &c->checks[i], e)) {
			e->code = ERR_CONFIG;
			return err_in(e, "[trial] check");
		}
		c->check_count++;
	}
	return 0;
}

static void set_default(char **text, const char *value)
{
	if (!*text && value)
		*text = mem_dup_str(value);
}

/* ---- slots --------------------------------------------------------------- */

/* Of one slot, with the places in it. */
static const struct {
	char name[12];
	uint16_t kind, offset;
	uint32_t min, max;
} of_slot[] = {
	{ "kind", INI_TEXT, offsetof(struct settings_slot, kind_name), 0, 0 },
	{ "attributes", INI_TEXT,
	  offsetof(struct settings_slot, attributes_name), 0, 0 },
	{ "a", INI_TEXT, offsetof(struct settings_slot, a), 0, 0 },
	{ "b", INI_TEXT, offsetof(struct settings_slot, b), 0, 0 },
	{ "program", INI_TEXT, offsetof(struct settings_slot, program_text), 0,
	  0 },
	{ "deadline", INI_NUMBER, offsetof(struct settings_slot, program_sec),
	  1, DAY_SEC },
};

_Static_assert(sizeof(struct settings) <= UINT16_MAX,
	       "each place in it is an ini_key's offset");

static void slot_keys(size_t i, const char *section, struct ini_key *out)
{
	const size_t at = offsetof(struct settings, slots) +
			  i * sizeof(struct settings_slot);

	for (size_t k = 0; k < SLOT_KEYS; k++)
		out[k] = (struct ini_key){
			.section = section,
			.name = of_slot[k].name,
			.kind = of_slot[k].kind,
			.offset = (uint16_t)(at + of_slot[k].offset),
			.min = of_slot[k].min,
			.max = of_slot[k].max,
		};
}

/* Each section has its own keys in the schema, so all of them must be known. */
static size_t all_keys(const struct settings *c,
		       struct ini_key out[ALL_KEYS_MAX])
{
	size_t count = ARRAY_LEN(keys);

	memcpy(out, keys, sizeof(keys));
	for (size_t i = 0; i < RELEASE_COMPONENTS_MAX; i++) {
		if (i > 0 && i >= c->slot_count)
			break;
		slot_keys(i, i > 0 ? c->slots[i].section : "slot", out + count);
		count += SLOT_KEYS;
	}
	return count;
}

size_t settings_slot_of(const struct settings *c, const char *component)
{
	size_t i = 0;

	while (i < c->slot_count &&
	       strcmp(c->slots[i].component, component) != 0 &&
	       !(c->slot_count == 1 && c->slots[i].component[0] == 0))
		i++;
	return i;
}

static int add_slot(struct settings *c, struct slice name, struct err *e)
{
	struct settings_slot *s = &c->slots[c->slot_count];

	for (size_t i = 1; i < c->slot_count; i++)
		if (slice_equal(slice_of(c->slots[i].component), name))
			return 0; /* its section goes on */
	if (c->slot_count == RELEASE_COMPONENTS_MAX)
		return err_set(e, ERR_CONFIG, "[slot ...]: more than %d slots",
			       RELEASE_COMPONENTS_MAX);
	c->slot_count++;
	return text_format(s->component, sizeof(s->component), e, "%.*s",
			   (int)name.len, (const char *)name.ptr) ||
			       text_format(s->section, sizeof(s->section), e,
					   "slot %s", s->component)
		       ? -1
		       : 0;
}

/* The name in a line "[slot NAME]"; empty for all others. */
static struct slice slot_name_in(struct slice line)
{
	const struct slice start = slice_of("[slot ");
	struct slice none = { NULL, 0 }, name;

	while (line.len > 0 && strchr(" \t\r", line.ptr[line.len - 1]))
		line.len--;
	while (line.len > 0 && strchr(" \t", line.ptr[0]))
		line = slice_sub(line, 1, line.len);
	if (line.len <= start.len + 1 || line.ptr[line.len - 1] != ']' ||
	    !slice_equal(slice_sub(line, 0, start.len), start))
		return none;
	name = slice_sub(line, start.len, line.len - start.len - 1);
	return name_is_valid(name) ? name : none;
}

/* What other slots there are, before the file is read by its schema. */
static int find_slots(struct slice text, struct settings *c, struct err *e)
{
	c->slot_count = 1;
	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		struct slice name = slot_name_in(slice_sub(text, 0, len));

		if (name.len > 0 && add_slot(c, name, e))
			return -1;
		text = slice_sub(text, len + 1, text.len);
	}
	return 0;
}

static int parse_attributes(struct settings_slot *s, struct err *e)
{
	if (s->kind != SLOT_TREE && s->attributes_name)
		return err_set(e, ERR_CONFIG,
			       "[%s] attributes: only trees have them",
			       s->section);
	if (!s->attributes_name || strcmp(s->attributes_name, "app") == 0)
		s->attributes = TREE_APP;
	else if (strcmp(s->attributes_name, "system") == 0)
		s->attributes = TREE_SYSTEM;
	else
		return err_set(e, ERR_CONFIG,
			       "[%s] attributes: app or system, not %s",
			       s->section, s->attributes_name);
	return 0;
}

enum package_content settings_content(const struct settings_slot *s)
{
	return s->kind == SLOT_TREE ? PACKAGE_TREE : PACKAGE_IMAGE;
}

static int check_devices(const struct settings_slot *s, struct err *e)
{
	if (s->kind != SLOT_IMAGE)
		return s->a || s->b ? err_set(e, ERR_CONFIG,
					      "[%s] a and b go with kind = "
					      "image",
					      s->section)
				    : 0;
	if (!s->a || s->a[0] != '/' || !s->b || s->b[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[%s] a and b: absolute paths of two block "
			       "devices or files",
			       s->section);
	if (strcmp(s->a, s->b) == 0)
		return err_set(e, ERR_CONFIG, "[%s] a and b are the same",
			       s->section);
	return 0;
}

static int parse_handler(struct settings_slot *s, struct err *e)
{
	if (s->program_sec == 0)
		s->program_sec = HANDLER_SEC;
	if (split_command(s->program_text, s->section, &s->program, e))
		return -1;
	if ((s->kind == SLOT_HANDLER) != (s->program.argc > 0))
		return err_set(e, ERR_CONFIG,
			       "[%s] program goes with kind = handler",
			       s->section);
	return 0;
}

static int parse_slot(struct settings_slot *s, struct err *e)
{
	static const char *const names[] = { "tree", "image", "file",
					     "handler" };
	size_t kind = 0;

	while (s->kind_name && kind < ARRAY_LEN(names) &&
	       strcmp(s->kind_name, names[kind]) != 0)
		kind++;
	if (kind == ARRAY_LEN(names))
		return err_set(e, ERR_CONFIG,
			       "[%s] kind: tree, image, file or handler, not "
			       "%s",
			       s->section, s->kind_name);
	s->kind = (enum slot_kind)kind;
	return parse_attributes(s, e) || check_devices(s, e) ||
			       parse_handler(s, e)
		       ? -1
		       : 0;
}

/* Of several slots each has a name, and no two write to one device. */
static int check_apart(const struct settings *c, struct err *e)
{
	for (size_t i = 0; i < c->slot_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct settings_slot *x = &c->slots[i];
			const struct settings_slot *y = &c->slots[k];

			if (strcmp(x->component, y->component) == 0)
				return err_set(e, ERR_CONFIG,
					       "[%s] and [%s] are for the "
					       "same component",
					       y->section, x->section);
			if (x->kind == SLOT_IMAGE && y->kind == SLOT_IMAGE &&
			    (strcmp(x->a, y->a) == 0 ||
			     strcmp(x->a, y->b) == 0 ||
			     strcmp(x->b, y->a) == 0 ||
			     strcmp(x->b, y->b) == 0))
				return err_set(e, ERR_CONFIG,
					       "[%s] and [%s] share a device",
					       y->section, x->section);
		}
	return 0;
}

static int parse_slots(struct settings *c, struct err *e)
{
	const char *first = c->component;

	if (!first && c->slot_count > 1)
		first = "main";
	if (first && !name_is_valid(slice_of(first)))
		return err_set(e, ERR_CONFIG, "[slot] component: not a name");
	if (text_format(c->slots[0].component, sizeof(c->slots[0].component), e,
			"%s", first ? first : "") ||
	    text_format(c->slots[0].section, sizeof(c->slots[0].section), e,
			"slot"))
		return -1;
	for (size_t i = 0; i < c->slot_count; i++)
		if (parse_slot(&c->slots[i], e))
			return -1;
	if (c->slots[0].kind == SLOT_HANDLER)
		return err_set(e, ERR_CONFIG,
			       "[slot] kind: what is started is no handler's; "
			       "name the slot: [slot NAME]");
	if (c->slots[0].kind != SLOT_IMAGE && c->slot_root)
		return err_set(e, ERR_CONFIG,
			       "[slot] root goes with kind = image");
	set_default(&c->slot_root, "/");
	if (c->slot_root[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[slot] root: the absolute path of a folder");
	return check_apart(c, e);
}

static int check_names(const struct settings *c, struct err *e)
{
	if (!name_is_valid(slice_of(c->product)))
		return err_set(e, ERR_CONFIG, "[device] product: not a name");
	if (c->model && !name_is_valid(slice_of(c->model)))
		return err_set(e, ERR_CONFIG, "[device] model: not a name");
	if (c->hardware && !name_is_valid(slice_of(c->hardware)))
		return err_set(e, ERR_CONFIG, "[device] hardware: not a name");
	if (c->slot_path[0] != '/' || c->state[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[slot] path and [device] state must be "
			       "absolute paths");
	if (c->status && strcmp(c->status, "none") != 0 &&
	    (c->status[0] != '/' || c->status[strlen(c->status) - 1] == '/'))
		return err_set(e, ERR_CONFIG,
			       "[device] status must be an absolute path of "
			       "a file");
	return 0;
}

static int parse_hours(struct settings *c, struct err *e)
{
	if (hours_parse(c->reboot_hours_text, &c->reboot_hours, e))
		return err_in(e, "[reboot] window");
	if (hours_parse(c->install_hours_text, &c->install_hours, e))
		return err_in(e, "[install] window");
	return 0;
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
	if (c->control == CONTROL_SYMLINK && c->slots[0].kind == SLOT_IMAGE)
		return err_set(e, ERR_CONFIG,
			       "[boot] control: an image is started by a boot "
			       "loader: uboot, grub or command");
	if (c->control == CONTROL_SYMLINK && c->reboot.argc > 0)
		return err_set(e, ERR_CONFIG,
			       "[reboot] command: with the symlink nothing "
			       "reboots; [restart] command is what you need");
	return 0;
}

/* Does one name what stands within the other, or the same? */
static bool overlap(const char *a, const char *b)
{
	size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, len) == 0 && (a[len] == 0 || a[len] == '/') &&
	       (b[len] == 0 || b[len] == '/');
}

static int check_keep(const struct settings *c, struct err *e)
{
	if (c->keep.count > SETTINGS_KEEP_MAX)
		return err_set(e, ERR_CONFIG, "[keep] path: more than %d",
			       SETTINGS_KEEP_MAX);
	for (size_t i = 0; i < c->keep.count; i++) {
		const char *path = c->keep.at[i];

		if (tree_path_check(slice_of(path), TREE_SYSTEM, e)) {
			e->code = ERR_CONFIG;
			return err_in(e, "[keep] path");
		}
		for (size_t k = 0; k < i; k++)
			if (overlap(path, c->keep.at[k]))
				return err_set(e, ERR_CONFIG,
					       "[keep] path: %s and %s are "
					       "one within the other",
					       c->keep.at[k], path);
	}
	return 0;
}

static int parse_spool(struct settings *c, struct err *e)
{
	static const char *const names[] = { "auto", "always", "never" };
	size_t mode = 0;

	while (c->spool_name && mode < ARRAY_LEN(names) &&
	       strcmp(c->spool_name, names[mode]) != 0)
		mode++;
	if (mode == ARRAY_LEN(names))
		return err_set(e, ERR_CONFIG,
			       "[fetch] spool: auto, always or never, not %s",
			       c->spool_name);
	c->spool = (enum spool_mode)mode;
	return 0;
}

static bool is_https(const char *url)
{
	return strncmp(url, "https://", 8) == 0;
}

static bool is_proxy(const char *url)
{
	static const char scheme[] = "http://";
	const size_t len = sizeof(scheme) - 1;

	return strncmp(url, scheme, len) == 0 && url[len] != 0 &&
	       !strchr(url + len, '/');
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
	if (c->proxy && !is_proxy(c->proxy))
		return err_set(e, ERR_CONFIG,
			       "[server] proxy: http://HOST:PORT or "
			       "http://NAME:PASSWORD@HOST:PORT");
	if ((c->urls.count > 0 || c->enrol) && !c->ca)
		return err_set(e, ERR_CONFIG,
			       "[server] ca: which certificates are the "
			       "server's?");
	return 0;
}

static bool is_variable(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return len > 0 && text[len] == '=';
}

static int check_token(const struct settings_token *t, struct err *e)
{
	if (t->module && t->provider)
		return err_set(e, ERR_CONFIG,
			       "[keys] module and provider: only one of them");
	if ((t->module || t->label) && (!t->module || !t->label))
		return err_set(e, ERR_CONFIG,
			       "[keys] module and token go together");
	if (t->module && t->module[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[keys] module: the absolute path of a PKCS#11 "
			       "module");
	if (t->pin && (!t->module || t->pin[0] != '/'))
		return err_set(e, ERR_CONFIG,
			       "[keys] pin: the absolute path of a file, with "
			       "module");
	if (t->variables.count > 0 && !t->module && !t->provider)
		return err_set(e, ERR_CONFIG,
			       "[keys] variable goes with module or provider");
	for (size_t i = 0; i < t->variables.count; i++)
		if (!is_variable(t->variables.at[i]))
			return err_set(e, ERR_CONFIG,
				       "[keys] variable: NAME=VALUE, not %s",
				       t->variables.at[i]);
	return 0;
}

static int check(struct settings *c, struct err *e)
{
	if (environment_parse(slice_of(c->environment_name), &c->environment,
			      e)) {
		e->code = ERR_CONFIG;
		return err_in(e, "[trust] environment");
	}
	if (check_names(c, e) || check_server(c, e) ||
	    check_token(&c->token, e) || parse_slots(c, e) ||
	    check_keep(c, e) ||
	    split_command(c->health_text, "[trial] health", &c->health, e) ||
	    split_command(c->restart_text, "[restart] command", &c->restart,
			  e) ||
	    split_command(c->counter_text, "[floor] counter", &c->counter, e) ||
	    split_command(c->control_text, "[boot] command", &c->boot, e) ||
	    split_command(c->boot_log_text, "[boot] log", &c->boot_log, e) ||
	    split_command(c->reboot_text, "[reboot] command", &c->reboot, e) ||
	    split_command(c->consent_text, "[install] consent", &c->consent,
			  e) ||
	    split_command(c->save_text, "[data] save", &c->data_save, e) ||
	    split_command(c->restore_text, "[data] restore", &c->data_restore,
			  e) ||
	    parse_checks(c, e) || parse_control(c, e) || parse_hours(c, e) ||
	    parse_spool(c, e))
		return -1;
	if ((c->data_save.argc > 0) != (c->data_restore.argc > 0))
		return err_set(e, ERR_CONFIG,
			       "[data] save and restore go together");
	if (c->watchdog && c->watchdog[0] != '/')
		return err_set(e, ERR_CONFIG,
			       "[trial] watchdog: the absolute path of a "
			       "device");
	if (c->retry_min_sec > c->retry_max_sec)
		return err_set(e, ERR_CONFIG,
			       "[poll] retry_min is more than retry_max");
	return 0;
}

int settings_parse(struct slice text, const char *file, struct settings *c,
		   struct err *e)
{
	struct settings to = {
		.spool_window = 16u << 20,
		.restart_sec = 60,
		.watchdog_sec = 60,
		.data_sec = 300,
		.consent_sec = 60,
		.interval_sec = 3600,
		.retry_min_sec = 120,
		.retry_max_sec = 3600,
		.tries = 3,
	};

	struct ini_key schema[ALL_KEYS_MAX];

	if (find_slots(text, &to, e))
		return err_in(e, "%s", file);
	if (ini_load(text, file, schema, all_keys(&to, schema), &to, e)) {
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
	if (rc == 0) {
		c->file = text;
		c->path = path;
	} else
		buf_done(&text);
	return rc;
}

/* The value of a line "state = /...", wherever it stands. */
static struct slice state_in(struct slice line)
{
	static const char blank[] = " \t\r=";
	const struct slice key = slice_of("state");
	struct slice value = { NULL, 0 };

	while (line.len > 0 && strchr(blank, line.ptr[line.len - 1]))
		line.len--;
	if (line.len <= key.len ||
	    !slice_equal(slice_sub(line, 0, key.len), key))
		return value;
	value = slice_sub(line, key.len, line.len);
	while (value.len > 0 && strchr(blank, value.ptr[0]))
		value = slice_sub(value, 1, value.len);
	return value.len > 0 && value.ptr[0] == '/' ? value
						    : (struct slice){ 0 };
}

/* Whatever else became of the file. */
static void find_state(const char *path, char out[PATH_MAX_LEN])
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	struct slice rest, value = { NULL, 0 };
	struct err unread = { 0 };

	if (fs_read_path(path, &text, &unread))
		buf_done(&text); /* then it is where it is by default */
	for (rest = buf_slice(&text); rest.len > 0 && value.len == 0;) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) : rest.len;

		value = state_in(slice_sub(rest, 0, len));
		rest = slice_sub(rest, len + 1, rest.len);
	}
	if (value.len == 0)
		value = slice_of(SETTINGS_STATE);
	if (text_format(out, PATH_MAX_LEN, &unread, "%.*s", (int)value.len,
			(const char *)value.ptr))
		out[0] = 0;
	buf_done(&text);
}

int settings_recall(const char *path, struct settings *c, struct err *e)
{
	struct buf text = BUF_INIT(INI_MAX_LEN);
	char state[PATH_MAX_LEN];
	int fd = -1;
	int rc = -1;

	find_state(path, state);
	if (fs_open_dir(state, &fd, e) == 0 &&
	    fs_check_private(fd, state, e) == 0 &&
	    fs_read_file(fd, SETTINGS_GOOD, &text, e) == 0)
		rc = settings_parse(buf_slice(&text), SETTINGS_GOOD, c, e);
	fs_close(&fd);
	buf_done(&text);
	return rc;
}

void settings_done(struct settings *c)
{
	struct ini_key schema[ALL_KEYS_MAX];

	ini_done(schema, all_keys(c, schema), c);
	buf_done(&c->file);
	memset(c, 0, sizeof(*c));
}
