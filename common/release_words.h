/* SPDX-License-Identifier: Apache-2.0 */
/* release_words - what the readers and the writer of a release agree on. */
#ifndef COMMON_RELEASE_WORDS_H
#define COMMON_RELEASE_WORDS_H

#define RELEASE_FORMAT 1
/* The only scheme so far: docs/encryption.md. */
#define RELEASE_SCHEME "stream-v1"

/* Ended by one without a text. */
struct release_word {
	const char *text;
	int value;
};

extern const struct release_word release_kinds[];      /* enum package_kind */
extern const struct release_word release_contents[];   /* package_content */
extern const struct release_word release_attributes[]; /* tree_attributes */

/* "" for a value that has no word. */
const char *release_word_of(const struct release_word *words, int value);

#endif
