/* SPDX-License-Identifier: GPL-2.0 */
/* Many clients of /proc/llamux at once, while memory, processors and signals are against them. */
#ifndef STRESS_H
#define STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_KINDS 32
#define MAX_ERRNO 134
#define MAX_FAILURES 16
#define FAILURE_LENGTH 320

/* Bytes somewhere. */
struct bytes {
	const char *data;
	uint32_t n;
};

/**
 * struct question - What is asked, and what the answer has to be.
 * @options: To be written to the file of options; nothing for logits.
 * @prompt:  A text, or token ids for logits.
 * @answer:  All of it.
 */
struct question {
	struct bytes options;
	struct bytes prompt;
	struct bytes answer;
};

/* A file's questions, by what is asked for. */
struct questions {
	const struct question *list;
	uint32_t n;
};

/*
 * Of dialogues, all turns but the first have no options. Others are what another model
 * answers.
 */
extern struct questions texts, logits, dialogues, others;

/* Read the file's questions, for good. */
void questions_load(const char *path);

/* Files of the model that was loaded first, and of another. */
extern const char *model_path, *other_path;

enum count {
	COUNT_COMPARED,		/* answers, to their last byte */
	COUNT_BYTES,		/* of them */
	COUNT_KILLS,		/* signals sent to readers */
	COUNT_INTERRUPTIONS,	/* reads that a signal ended, and that went on */
	COUNT_POSTPONED,	/* operations for which there was no room or memory */
	COUNT_MOVES,		/* changes of priority or processors */
	COUNT_HOTPLUGS,		/* processors that went or came */
	COUNT_FILLS,		/* times that memory was filled */
	COUNT_LEAST_FREE_KIB,	/* memory left when it was fullest */
	N_COUNTS,
};

extern const char *const count_names[N_COUNTS];

/* Shared by all processes. */
struct record {
	uint64_t counts[N_COUNTS];
	uint64_t operations[MAX_KINDS];
	uint64_t errors[MAX_ERRNO];
	uint32_t n_failures;
	char failures[MAX_FAILURES][FAILURE_LENGTH];
	uint32_t over;		/* nothing new is to be begun */
};

extern struct record *record;

void record_open(void);
void record_add(enum count which, uint64_t n);
void record_error(int errnum);
void record_print(void);

/* Something is not as it has to be. */
__attribute__((format(printf, 1, 2))) void fail(const char *format, ...);

/* Random numbers, by a seed and what is asked of them. */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t n);

/* Sleep for a time up to that many microseconds, a short one as likely as a long one. */
void pause_up_to(uint32_t us);

/**
 * struct kind - One way to use the files.
 * @name:   For the report.
 * @weight: How often, beside the others.
 * @root:   For root alone.
 * @run:    Once, in a process and a session of its own. Return: 0, or -errno where
 *          it could not be done. What is wrong is told by fail().
 */
struct kind {
	const char *name;
	uint32_t weight;
	bool root;
	int (*run)(void);
};

extern const struct kind kinds[];
extern const uint32_t n_kinds;

/* One thing that is done to everybody, again and again until the record says that it is over. */
struct disturber {
	const char *name;
	void (*run)(void);
};

extern const struct disturber disturbers[];
extern const uint32_t n_disturbers;

#endif
