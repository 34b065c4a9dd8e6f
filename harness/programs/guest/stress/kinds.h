/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KINDS_H
#define KINDS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_KINDS 32

/**
 * struct kind - One way to use the files of the module.
 * @name:   Name in the report.
 * @weight: Share of the operations, relative to the other kinds.
 * @root:   Only root may do it.
 * @run:    Do it once, in a process and a session of its own. Returns 0, or -errno if a call
 *          failed. What the module did wrong goes to record_fail().
 */
struct kind {
	const char *name;
	uint32_t weight;
	bool root;
	int (*run)(void);
};

extern const struct kind kinds[];
extern const uint32_t n_kinds;

/* Files of the model that was loaded first, and of another one. */
extern const char *model_path, *other_path;

int run_abandoned(void);
int run_again(void);
int run_busy(void);
int run_changed(void);
int run_chat(void);
int run_default(void);
int run_dialogue(void);
int run_interrupted(void);
int run_ioctls(void);
int run_killed(void);
int run_logits(void);
int run_malformed(void);
int run_models(void);
int run_pieces(void);
int run_polled(void);
int run_private(void);
int run_several(void);
int run_shared(void);
int run_status(void);

#endif
