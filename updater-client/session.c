/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/session.h"

#include <fcntl.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/utc.h"
#include "updater-client/born.h"
#include "updater-client/identity.h"
#include "updater-client/source.h"
#include "updater-client/status_file.h"
#include "updater-client/token_start.h"
#include "updater-client/trust.h"
#include "updater-client/whereabouts.h"

static void begin(struct session *s, const struct settings *c, int stop_fd)
{
	memset(s, 0, sizeof(*s));
	s->config = c;
	s->state_fd = s->lock_fd = s->metadata_fd = s->spool_fd = -1;
	s->site_fd = -1;
	s->slots.dirfd = s->file.fd[0] = s->file.fd[1] = -1;
	s->floor_file.fd[0] = s->floor_file.fd[1] = -1;
	s->stream_file.fd[0] = s->stream_file.fd[1] = -1;
	s->stop_fd = stop_fd;
}

void session_close(struct session *s)
{
	session_disconnect(s);
	slot_tree_close(&s->slots);
	twin_close(&s->stream_file);
	twin_close(&s->floor_file);
	twin_close(&s->file);
	fs_close(&s->site_fd);
	fs_close(&s->spool_fd);
	fs_close(&s->metadata_fd);
	fs_close(&s->lock_fd);
	fs_close(&s->state_fd);
}

int session_look(struct session *s, struct err *e)
{
	boot_init(&s->boot, s->config, &s->slots);
	s->boot_failure.code = ERR_NONE;
	if (boot_read(&s->boot, &s->record, &s->boot_failure))
		memset(&s->record, 0, sizeof(s->record));
	if (boot_running(&s->boot, &s->current, e) ||
	    boot_number(&s->boot, s->boot_number, e))
		return -1;
	return slot_tree_release(&s->slots, s->current, &s->running,
				 &s->has_running, e);
}

static int open_folder(int dirfd, const char *name, int *fd, struct err *e)
{
	if (fs_mkdirs(dirfd, name, 0700, e))
		return -1;
	return fs_open(dirfd, name, O_RDONLY | O_DIRECTORY, fd, e);
}

/* Whatever the clock says, this program was built before now. */
static void raise_time(struct journal *j)
{
	j->time_floor = policy_now(j->time_floor, born_time());
}

static int open_state(struct session *s, struct err *e)
{
	if (fs_make_dir(s->config->state, 0700, &s->state_fd, e) ||
	    fs_check_private(s->state_fd, s->config->state, e) ||
	    fs_lock(s->state_fd, SESSION_LOCK, &s->lock_fd, e))
		return err_in(e, "the state (%s)", s->config->state);
	/* What who was killed had told is not where we are. */
	status_file_tell(s->config, NULL);
	if (open_folder(s->state_fd, "metadata", &s->metadata_fd, e) ||
	    open_folder(s->state_fd, "spool", &s->spool_fd, e) ||
	    open_folder(s->state_fd, "site", &s->site_fd, e))
		return err_in(e, "the state (%s)", s->config->state);
	return 0;
}

/* Who we are to the server, and the cohort by which orders are judged. */
static int load_identity(struct session *s, struct err *e)
{
	bool damaged = false;

	if (identity_load(s->state_fd, &s->identity, &s->enrolled, e))
		return -1;
	if (!s->enrolled)
		return 0;
	if (cohort_load(s->state_fd, &s->identity.device, s->identity.cohort,
			&s->cohort, &damaged, e))
		return -1;
	if (damaged)
		log_event(LOG_WARNING, "cohort-reset",
			  "both records were damaged; the cohort is that of "
			  "the enrolment");
	return 0;
}

/* For who asks when the file was damaged since. */
static void remember_config(const struct session *s)
{
	const struct slice now = buf_slice(&s->config->file);
	struct buf before = BUF_INIT(INI_MAX_LEN);
	struct err e = { 0 };

	if (now.len > 0 &&
	    (fs_read_file(s->state_fd, SETTINGS_GOOD, &before, &e) ||
	     !slice_equal(buf_slice(&before), now)) &&
	    fs_replace_file(s->state_fd, SETTINGS_GOOD, now, 0600, &e))
		log_event(LOG_WARNING, "configuration-not-kept", "%s", e.msg);
	buf_done(&before);
}

int session_open(struct session *s, const struct settings *c, int stop_fd,
		 struct err *e)
{
	bool floor_reset = false;

	begin(s, c, stop_fd);
	if (open_state(s, e) ||
	    journal_open(s->state_fd, &s->file, &s->journal, &s->reset, e) ||
	    floor_record_open(s->state_fd, &s->floor_file, &s->floor,
			      &floor_reset, e) ||
	    slot_tree_open(c->slot_path, &s->slots, e) || session_look(s, e) ||
	    load_identity(s, e)) {
		session_close(s);
		return -1;
	}
	raise_time(&s->journal);
	remember_config(s);
	if (s->reset)
		log_event(LOG_WARNING, "journal-reset",
			  "both records were damaged; the slots are as they "
			  "were, what was remembered is lost");
	if (floor_reset)
		log_event(LOG_WARNING, "floor-reset",
			  "both records were damaged; the slots and metadata "
			  "tell it again");
	return 0;
}

int session_peek(struct session *s, const struct settings *c, struct err *e)
{
	bool floor_reset;

	begin(s, c, -1);
	if (fs_open_dir(c->state, &s->state_fd, e) ||
	    journal_peek(s->state_fd, &s->journal, &s->reset, e) ||
	    floor_record_peek(s->state_fd, &s->floor, &floor_reset, e) ||
	    fs_open_dir(c->slot_path, &s->slots.dirfd, e)) {
		session_close(s);
		return err_in(e, "nothing to see yet");
	}
	raise_time(&s->journal);
	s->slots.path = c->slot_path;
	if (session_look(s, e) || load_identity(s, e)) {
		session_close(s);
		return -1;
	}
	return 0;
}

/* ---- the processes ------------------------------------------------------- */

static int start_source(struct session *s, int folder_fd, int peer_fd,
			struct err *e)
{
	struct source_setup setup = {
		.folder_fd = folder_fd,
		.urls = s->config->urls.at,
		.url_count = s->config->urls.count,
		.ca_path = s->config->ca,
		.proxy = s->config->proxy,
		.rate = s->config->rate,
		.patience_sec = s->config->patience_sec,
		.pause_max_sec = s->config->retry_max_sec,
		.with_identity = true,
		.state_fd = s->state_fd,
		.token_fd = -1,
		.site_fd = s->site_fd,
		.spool_fd = s->spool_fd,
		.peer_fd = peer_fd,
	};
	struct worker_task task = {
		.name = "source",
		.run = source_run,
		.ctx = &setup,
		.keep = { folder_fd, s->state_fd, s->site_fd, s->spool_fd,
			  peer_fd },
		.keep_count = 6,
	};

	/* A folder is not told who we are. */
	if (folder_fd < 0 && token_start(s->config, s->state_fd, TOKEN_SIGN,
					 s->stop_fd, &s->token, e))
		return -1;
	setup.token_fd = task.keep[5] = token_fd(&s->token);
	return worker_start(&task, s->stop_fd, &s->source, e);
}

/* Without our identity, our lists and our certificates. */
static int start_stranger(struct session *s, int folder_fd, int peer_fd,
			  struct err *e)
{
	char enrol[SITE_URL_LEN], *url = enrol;
	struct source_setup setup = {
		.folder_fd = folder_fd,
		.urls = &url,
		.url_count = 1,
		.ca_path = s->config->ca,
		.proxy = s->config->proxy,
		.state_fd = -1,
		.token_fd = -1,
		.site_fd = -1,
		.stranded = true,
		.spool_fd = -1,
		.peer_fd = peer_fd,
	};
	const struct worker_task task = {
		.name = "source",
		.run = source_run,
		.ctx = &setup,
		.keep = { peer_fd },
		.keep_count = 1,
	};

	if (whereabouts_enrol(s->site_fd, s->config->enrol, enrol, e))
		return -1;
	return worker_start(&task, s->stop_fd, &s->source, e);
}

static int start_trust(struct session *s, int source_fd, struct err *e)
{
	struct trust_setup setup = {
		.metadata_fd = s->metadata_fd,
		.root_path = s->config->root,
		.environment = s->config->environment,
		.medium = s->from_folder,
		.source_fd = source_fd,
		.site_fd = s->site_fd,
	};
	const struct worker_task task = {
		.name = "trust",
		.run = trust_run,
		.ctx = &setup,
		.keep = { s->metadata_fd, source_fd, s->site_fd },
		.keep_count = 3,
	};

	return worker_start(&task, s->stop_fd, &s->trust, e);
}

/* The trust process verified it; here it is pinned. */
static int follow_assignment(struct session *s, struct err *e)
{
	struct cohort to = s->cohort;

	if (!s->enrolled || !s->site.assigned ||
	    s->site.cohort_version <= s->cohort.version)
		return 0;
	to.version = s->site.cohort_version;
	to.lab = s->site.lab;
	memcpy(to.name, s->site.cohort, sizeof(to.name));
	if (cohort_pin(s->state_fd, &to, e))
		return -1;
	log_event(LOG_INFO, "cohort-assigned",
		  "from=%s to=%s lab=%s version=%llu", s->cohort.name, to.name,
		  to.lab ? "yes" : "no", (unsigned long long)to.version);
	s->cohort = to;
	return 0;
}

int session_learn_time(struct session *s, struct err *e)
{
	int64_t clock = policy_now(utc_now(), s->journal.time_floor);
	struct message ask = { .kind = MESSAGE_OPEN, .now = clock };
	struct message m;

	if (ipc_ask(&s->trust.channel, &ask, MESSAGE_SITE, SESSION_ASK_MS, &m,
		    e))
		return -1;
	s->site = m.site;
	if (follow_assignment(s, e))
		return -1;
	s->now = policy_now(clock, m.site.time_floor);
	if (m.site.time_floor <= s->journal.time_floor &&
	    m.site.trusted_until == s->journal.trusted_until)
		return 0;
	s->journal.trusted_until = m.site.trusted_until;
	s->journal.time_floor =
		policy_now(m.site.time_floor, s->journal.time_floor);
	return session_save(s, e);
}

static int begin_source(struct session *s, struct err *e)
{
	struct message ask = { .kind = MESSAGE_BEGIN, .now = s->now };
	struct message m;

	return ipc_ask(&s->source.channel, &ask, MESSAGE_DONE, SESSION_ASK_MS,
		       &m, e);
}

/* Start both processes, the source by `start`, and tell them the time. */
static int connect_by(struct session *s, int folder_fd,
		      int (*start)(struct session *s, int folder_fd,
				   int peer_fd, struct err *e),
		      struct err *e)
{
	int link[2];
	int rc;

	s->from_folder = folder_fd >= 0;
	if (ipc_pair(link, e))
		return -1;
	rc = start(s, folder_fd, link[0], e) || start_trust(s, link[1], e) ? -1
									   : 0;
	fs_close(&link[0]);
	fs_close(&link[1]);
	if (rc || session_learn_time(s, e) || begin_source(s, e)) {
		session_disconnect(s);
		return -1;
	}
	return 0;
}

int session_connect(struct session *s, int folder_fd, struct err *e)
{
	return connect_by(s, folder_fd, start_source, e);
}

int session_rescue(struct session *s, bool *changed, struct err *e)
{
	struct message ask = { .kind = MESSAGE_RESCUE };
	struct message m;
	int rc;

	session_disconnect(s);
	if (connect_by(s, -1, start_stranger, e))
		return -1;
	rc = ipc_ask(&s->trust.channel, &ask, MESSAGE_DONE, SESSION_ASK_MS, &m,
		     e);
	if (rc == 0)
		*changed = m.count == 1;
	session_disconnect(s);
	return rc;
}

void session_disconnect(struct session *s)
{
	worker_stop(&s->trust);
	worker_stop(&s->source);
	worker_stop(&s->token);
}

/* ---- the machine --------------------------------------------------------- */

int session_save(struct session *s, struct err *e)
{
	return journal_write(&s->file, &s->journal, e);
}

static void refuse(struct session *s)
{
	struct journal *j = &s->journal;
	struct slot_release r = { 0 };
	struct err unreadable;
	bool found;

	if (refusals_have(&j->refusals, &j->digest))
		return;
	/* What cannot be read makes no bound: nor can it be tried. */
	if (slot_tree_release(&s->slots, j->machine.to, &r, &found,
			      &unreadable))
		r.seq = 0;
	refusals_add(&j->refusals, &j->digest, r.seq);
}

static void describe_boot(const struct session *s, struct machine_input *in)
{
	in->current = s->current;
	in->reboots = s->boot.control->reboots;
	in->rebooted =
		in->reboots && strcmp(s->journal.boot, s->boot_number) != 0;
	in->next = s->record.slot;
	in->failed = s->record.failed;
}

static bool is_end(enum machine_state state)
{
	return state == MACHINE_CONFIRMED || state == MACHINE_ROLLED_BACK;
}

/* Where a switch is under way, nobody guesses what the loader was told. */
static int check_boot(const struct session *s, struct err *e)
{
	enum machine_state state = s->journal.machine.state;

	if (s->boot_failure.code == ERR_NONE || state < MACHINE_INSTALLED ||
	    is_end(state))
		return 0;
	*e = s->boot_failure;
	return -1;
}

int session_step(struct session *s, const struct machine_input *in,
		 enum machine_action *action, struct err *e)
{
	struct journal before = s->journal;
	struct journal *j = &s->journal;
	struct machine_input full = *in;
	bool nothing_new;

	describe_boot(s, &full);
	if (check_boot(s, e) || machine_step(&j->machine, &full, action, e))
		return -1;
	if (*action == ACTION_TRY)
		j->activation++;
	/* Back to what runs is no switch: when was the one that it undoes? */
	if (*action == ACTION_SWITCH ||
	    (*action == ACTION_BACK && s->current == j->machine.to))
		memcpy(j->boot, s->boot_number, sizeof(j->boot));
	/* What was replaced has never shown what it is worth. */
	if (j->machine.reason != REASON_NONE &&
	    j->machine.reason != REASON_REPLACED)
		refuse(s);
	if (j->machine.state == MACHINE_CONFIRMED)
		refusals_forgive(&j->refusals, &j->digest, s->running.seq);
	if (is_end(j->machine.state) &&
	    j->machine.state != before.machine.state)
		j->untold = ++j->report_sequence;
	/* Most starts find nothing left behind: then the disk is let alone. */
	nothing_new =
		in->event == EVENT_START &&
		(*action == ACTION_REST || *action == ACTION_REBOOT) &&
		memcmp(&j->machine, &before.machine, sizeof(j->machine)) == 0;
	if (!nothing_new && session_save(s, e)) {
		*j = before;
		return -1;
	}
	return 0;
}

int session_keys(const struct session *s, unsigned token_rights,
		 struct worker *token, struct device_keys *out, struct err *e)
{
	*token = (struct worker){ 0 };
	*out = (struct device_keys){ .state_fd = s->state_fd };
	if (token_start(s->config, s->state_fd, token_rights, s->stop_fd, token,
			e))
		return -1;
	if (token_fd(token) >= 0)
		out->token = &token->channel;
	return 0;
}

int session_place(const struct session *s, char *path, size_t size, int *dirfd,
		  struct err *e)
{
	if (s->config->slots[0].kind == SLOT_IMAGE) {
		if (text_format(path, size, e, "%s", s->config->slot_root))
			return -1;
		return dirfd ? fs_open_dir(path, dirfd, e) : 0;
	}
	if (slot_tree_path(&s->slots, s->current, path, size, e))
		return -1;
	return dirfd ? slot_tree_folder(&s->slots, s->current, NULL, dirfd, e)
		     : 0;
}

bool session_is_on_trial(const struct session *s)
{
	const struct machine *m = &s->journal.machine;

	/* INSTALLED: switched, and then the journal could not be written. */
	return (m->state == MACHINE_INSTALLED || m->state == MACHINE_TRIAL ||
		m->state == MACHINE_REBOOT) &&
	       s->current == m->to;
}
