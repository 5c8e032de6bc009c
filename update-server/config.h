/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - what server.conf says: names of files and listeners, and limits.
 *
 * The file lies in the server's folder (DIR/server.conf); every relative path
 * in it is meant from that folder and is absolute once loaded. Parsing is
 * strict (see common/ini.h). docs/server-conf.md lists the keys.
 */
#ifndef UPDATE_SERVER_CONFIG_H
#define UPDATE_SERVER_CONFIG_H

#include "common/rd.h"

#define CONFIG_FILE "server.conf"

enum listener {
	LISTENER_ENROLMENT, /* TLS, no client certificate */
	LISTENER_DEVICE,    /* TLS, device certificate required */
	LISTENER_PEOPLE,    /* TLS, a person's pinned certificate required */
	LISTENER_ORIGIN,    /* this machine, without TLS: packages alone */
	LISTENER_COUNT
};

/* "enrolment", "device", "people", "origin": in server.conf and in
 * listeners.json. */
const char *listener_name(enum listener listener);

/* What a stranger may take of us. Seconds, bytes, bytes per second. */
struct limits {
	uint64_t connections;            /* per listener */
	uint64_t connections_per_device; /* per client certificate */
	/* Of those without one; a network as in whence.h. */
	uint64_t connections_per_address;
	uint64_t handshakes; /* computed at the same time */
	uint64_t workers;    /* threads */
	uint64_t handshake_sec;
	uint64_t head_sec;  /* a request's head, whole */
	uint64_t idle_sec;  /* between requests */
	uint64_t stall_sec; /* a body's progress is judged this often */
	uint64_t body_rate; /* least progress, either way */
	uint64_t stop_sec;  /* given to running requests at the end */
};

struct config {
	char *dir; /* the server's folder, absolute */
	char *environment;
	char *user; /* run as; NULL: stay who we are */
	/* "host:port", or of LISTENER_ORIGIN "unix:/path"; NULL: not served */
	char *listen[LISTENER_COUNT];
	char *origin_mode;     /* of that path, octal */
	char *metrics;         /* loopback "host:port"; NULL: not served */
	bool log_json;         /* log lines as JSON */
	char *tls_certificate; /* PEM */
	char *tls_key;         /* keyfile */
	char *device_ca;       /* PEM: what device certificates chain to */
	char *tls_unlock;    /* how to open it: unlock.h; NULL: ask a person */
	char *keeper_unlock; /* how the keeper opens its own keys: unlock.h */
	uint64_t poll_sec;   /* between two check-ins of a device */
	uint64_t checkin_rate; /* check-ins a second that we mean to take */
	uint64_t device_days;  /* life of a device certificate */
	uint64_t enrol_rate;   /* enrolments per minute, all together */
	uint64_t
		waiting_max; /* devices that wait for an officer; 0: none may */
	/* In production, what opens much takes two people. */
	bool four_eyes;
	char *audit_export;  /* folder of the newest audit checkpoint */
	uint64_t reserve_mb; /* of free disk, kept for the audit log */
	struct limits limits;
};

/* Fill in a zeroed *c; ERR_CONFIG. `file` is for messages. */
int config_parse(struct slice text, const char *file, struct config *c,
		 struct err *e) NODISCARD;

/* Read DIR/server.conf (dir given) or the file, whose folder is then dir. */
int config_load(const char *dir, const char *file, struct config *c,
		struct err *e) NODISCARD;
void config_done(struct config *c);

/* A listener's address: a literal, never a name; port 0 means any. */
struct address {
	char host[46];
	uint16_t port;
	bool v6;
};

/* "127.0.0.1:8443" or "[::1]:8443". ERR_CONFIG. */
int address_parse(struct slice text, struct address *out,
		  struct err *e) NODISCARD;

#define LOCAL_PATH_MAX 108 /* with its NUL: unix(7) */

/* A listener's place in the file system. */
struct local {
	char path[LOCAL_PATH_MAX];
	unsigned mode;
};

/* Is this "unix:..." and no address? */
bool local_is(const char *text);
/* "unix:/run/pawl/origin.sock", and "0600", "0660" or "0666". ERR_CONFIG. */
int local_parse(const char *text, const char *mode, struct local *out,
		struct err *e) NODISCARD;

#endif
