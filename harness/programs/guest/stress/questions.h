/* SPDX-License-Identifier: GPL-2.0 */
#ifndef QUESTIONS_H
#define QUESTIONS_H

#include <stdint.h>

/* Bytes that another structure owns. */
struct bytes {
	const char *data;
	uint32_t n;
};

/**
 * struct question - A prompt and the answer that the module must give.
 * @options: Text for the file of options; empty for logits and for later turns of a dialogue.
 * @prompt:  A text, or token ids for logits.
 * @answer:  The whole answer.
 */
struct question {
	struct bytes options;
	struct bytes prompt;
	struct bytes answer;
};

/* All questions of one sort. */
struct questions {
	const struct question *list;
	uint32_t n;
};

/* Prompts, token ids, turns of dialogues, and prompts for another model. */
extern struct questions texts, logits, dialogues, others;

/* Read the file of questions; exit with 2 if it is malformed. */
void questions_load(const char *path);

/* Return: one of the questions, by chance. */
const struct question *question_choose(const struct questions *from);

#endif
