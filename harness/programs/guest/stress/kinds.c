// SPDX-License-Identifier: GPL-2.0
/*
 * The table of kinds of clients. To add a kind, write its function, declare it in kinds.h, and
 * add a line here.
 */
#include "../../shared/array.h"
#include "kinds.h"

const struct kind kinds[] = {
	{ "private", 6, false, run_private },
	{ "shared", 6, false, run_shared },
	{ "chat", 4, false, run_chat },
	{ "dialogue", 6, false, run_dialogue },
	{ "again", 3, false, run_again },
	{ "pieces", 4, false, run_pieces },
	{ "several", 5, false, run_several },
	{ "killed", 6, false, run_killed },
	{ "interrupted", 6, false, run_interrupted },
	{ "changed", 4, false, run_changed },
	{ "abandoned", 4, false, run_abandoned },
	{ "logits", 5, true, run_logits },
	{ "status", 4, false, run_status },
	{ "malformed", 6, false, run_malformed },
	{ "busy", 3, false, run_busy },
	{ "ioctls", 5, false, run_ioctls },
	{ "models", 3, true, run_models },
	{ "default", 2, true, run_default },
	{ "polled", 5, false, run_polled },
};

_Static_assert(ARRAY_SIZE(kinds) <= MAX_KINDS, "the record has room for each kind");

const uint32_t n_kinds = ARRAY_SIZE(kinds);
