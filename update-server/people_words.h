/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people_words - why a person's command and the server do not come together, in
 * words that name the way out. TLS alone says "alert access denied".
 */
#ifndef UPDATE_SERVER_PEOPLE_WORDS_H
#define UPDATE_SERVER_PEOPLE_WORDS_H

#include <curl/curl.h>

#include "common/buf.h"

/* A person's certificate, PEM, of this file: ERR_EXPIRED if it has ended. */
int people_words_certificate(struct slice pem, const char *file,
			     struct err *e) NODISCARD;

/* What libcurl ended with, which is no CURLE_OK, and its own words, which may
 * be empty. Returns -1. */
int people_words_failed(CURLcode code, const char *url, const char *message,
			struct err *e);

#endif
