/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_handler - components that a program of the device takes on: the firmware
 * of a microcontroller, the bitstream of an FPGA. docs/handlers.md.
 *
 * The image stands in the slot's folder as one of kind file does, verified, for
 * both slots: so the device can be given the new one and the old one back, at
 * any time and as often as power is cut. Which slot's images it holds is in
 * the journal, and unknown there before the first byte is sent.
 */
#ifndef UPDATER_CLIENT_SLOT_HANDLER_H
#define UPDATER_CLIENT_SLOT_HANDLER_H

#include "updater-client/session.h"

/*
 * Ask each program whether it would take the image of a slot that was just
 * filled. ERR_REFUSED when one does not; nothing was changed.
 */
int slot_handler_prepare(struct session *s, enum slot which,
			 struct err *e) NODISCARD;

/*
 * Give all of them the images of a slot, unless they hold them. `back`: it is
 * to undo another. ERR_HEALTH, ERR_NETWORK past the deadline; ERR_BUSY when
 * asked to stop. Called again it goes on.
 */
int slot_handler_put(struct session *s, enum slot which, bool back,
		     struct err *e) NODISCARD;

/* At a start with nothing under way: they hold what runs, or get it now. That
 * it fails is logged and tried again at the next. */
void slot_handler_settle(struct session *s);

#endif
