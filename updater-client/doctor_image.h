/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_image - is the image that the factory writes the same for every unit?
 *
 * DIR is the root of its file system, mounted or unpacked; nothing in it is
 * changed, no link in it is followed. It must hold what "signer factory" wrote
 * and nothing more: no key, no identity, no state of a device that ran.
 */
#ifndef UPDATER_CLIENT_DOCTOR_IMAGE_H
#define UPDATER_CLIENT_DOCTOR_IMAGE_H

#include "updater-client/diagnosis.h"

struct doctor_image {
	const char *image;
	const char *factory; /* the signer's folder, to compare with; or NULL */
	const char *config_path; /* within the image */
};

/* Fails only when there is no such folder. */
int doctor_image(const struct doctor_image *options, struct diagnosis *d,
		 struct err *e) NODISCARD;

#endif
