/* SPDX-License-Identifier: Apache-2.0 */
#include "common/release_words.h"

#include "common/package.h"
#include "common/tree.h"

const struct release_word release_kinds[] = { { "full", PACKAGE_FULL },
					      { "delta", PACKAGE_DELTA },
					      { 0 } };
const struct release_word release_contents[] = { { "tree", PACKAGE_TREE },
						 { "image", PACKAGE_IMAGE },
						 { 0 } };
const struct release_word release_attributes[] = { { "app", TREE_APP },
						   { "system", TREE_SYSTEM },
						   { 0 } };

const char *release_word_of(const struct release_word *words, int value)
{
	while (words->text && words->value != value)
		words++;
	return words->text ? words->text : "";
}
