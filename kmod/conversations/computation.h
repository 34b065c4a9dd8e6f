/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The computation of answers
 *
 * A computation turns prompts into answers a step at a time. It owns what that takes: a model,
 * the core's generation with its memory, a KV cache, and the history of a dialogue. It knows
 * nothing of files. A dialogue keeps all of this from one prompt to the next; otherwise it is
 * freed when an answer is complete.
 */
#ifndef LLAMUX_COMPUTATION_H
#define LLAMUX_COMPUTATION_H

#include <linux/ktime.h>
#include <linux/mutex.h>

#include "models/cache.h"
#include "resources/figures.h"
#include "llama_core.h"
#include "models/model.h"
#include "options.h"
#include "resources/text.h"

/**
 * struct llamux_computation - The computation of a conversation's answers.
 * @lock:     Guards all below. Held for one step: a token, or a batch of the prompt.
 * @user:     User whose quota the cache is charged to.
 * @dialogue: Each prompt is a turn, and turns are kept.
 * @started:  Time when the latest prompt was taken; read without the lock, too.
 * @model:    Model that @gen computes with; NULL if there is no generation.
 * @opening:  Options of a dialogue's first turn.
 * @history:  The user's words in those turns of a dialogue that @gen has.
 * @memory:   Memory of @gen and @out.
 * @gen:      Generation.
 * @cache:    KV cache of @gen.
 * @out:      Text that the latest step has generated.
 */
struct llamux_computation {
	struct mutex lock;
	struct llamux_user *user;
	bool dialogue;
	ktime_t started;
	struct llamux_model *model;
	const struct llamux_options *opening;
	struct llamux_text history;
	struct llamux_memory memory;
	struct llama_generation gen;
	struct llamux_cache cache;
	char *out;
};

/** llamux_computation_init() - Set up a computation for @user without a generation. */
void llamux_computation_init(struct llamux_computation *comp, struct llamux_user *user,
			     bool dialogue);

/** llamux_computation_free() - Overwrite and free everything. Lock held, or not in use. */
void llamux_computation_free(struct llamux_computation *comp);

/** llamux_computation_started() - Return: when the latest prompt was taken, without a lock. */
ktime_t llamux_computation_started(const struct llamux_computation *comp);

/**
 * llamux_computation_begin() - Take a prompt. Lock held.
 * @comp:   Computation. A dialogue goes on with its model, chat template and system prompt.
 * @o:      Options of the answer. A dialogue holds those of its first turn.
 * @prompt: Whole characters.
 * @f:      All zeros; its figures of the prompt are filled.
 * @yield:  Called between pieces of work.
 *
 * Return: 0; -EMSGSIZE or -EINVAL if the prompt or its options cannot be used; -ENOENT if no model
 * has the name in the options; -ENOBUFS past the user's quota; -ENOMEM; or the hook's value.
 */
int llamux_computation_begin(struct llamux_computation *comp, const struct llamux_options *o,
			     struct gguf_str prompt, struct llamux_figures *f,
			     const struct llama_yield *yield);

/** llamux_computation_out_size() - Return: bytes that a step writes at the most. Lock held. */
size_t llamux_computation_out_size(const struct llamux_computation *comp);

/**
 * llamux_computation_step() - Compute a batch of the prompt, or a token or more of the answer.
 * @comp:  Computation that has begun and is not done. Lock held.
 * @text:  Set to where the step wrote, until the next step or the computation's end.
 * @f:     Figures of the answer; updated on success.
 * @yield: Called between pieces of work.
 *
 * Return: bytes at @text, whole characters, 0 or more; -ENOBUFS past the user's quota;
 * -ENOMEM; or the hook's value. After a failure the step can be repeated.
 */
long llamux_computation_step(struct llamux_computation *comp, const char **text,
			     struct llamux_figures *f, const struct llama_yield *yield);

/** llamux_computation_is_done() - Return: whether the latest step ended the answer. Lock held. */
bool llamux_computation_is_done(const struct llamux_computation *comp);

/** llamux_computation_finish() - Count the answer, and free all but a dialogue. Lock held. */
void llamux_computation_finish(struct llamux_computation *comp);

/**
 * llamux_computation_score_begin() - Begin to score a candidate. Lock held.
 * @comp:  Computation that has begun, without a step.
 * @s:     Score; all zeros before the first candidate.
 * @text:  Candidate, which follows the prompt byte by byte.
 * @end:   Score the answer's end behind it, too.
 * @yield: Called between pieces of work.
 * Return: 0, -EMSGSIZE if the context has no room for it, -ENOMEM, or the hook's value.
 */
int llamux_computation_score_begin(struct llamux_computation *comp, struct llama_score *s,
				   struct gguf_str text, bool end, const struct llama_yield *yield);

/**
 * llamux_computation_score_step() - Compute a batch of the prompt or the candidate. Lock held.
 * @comp:  Computation.
 * @s:     Score that is not done.
 * @yield: Called between pieces of work.
 * Return: 0, or as llamux_computation_step().
 */
int llamux_computation_score_step(struct llamux_computation *comp, struct llama_score *s,
				  const struct llama_yield *yield);

#endif
