// SPDX-License-Identifier: GPL-2.0
/*
 * The file of questions has four lists: texts, logits, dialogues and others. A list is a count and
 * as many questions; a question is its options, prompt and answer, each a length and bytes. All
 * numbers have 32 bits, little-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chance.h"
#include "questions.h"

struct questions texts, logits, dialogues, others;

static const char *at, *end;	/* the rest of the file while it is read */

/* Exit with 2 unless @n bytes are left. */
static void need(size_t n)
{
	if ((size_t)(end - at) >= n)
		return;
	fprintf(stderr, "the file of questions is too short\n");
	exit(2);
}

static uint32_t take_number(void)
{
	uint32_t n;

	need(sizeof(n));
	memcpy(&n, at, sizeof(n));
	at += sizeof(n);
	return n;
}

static struct bytes take_bytes(void)
{
	uint32_t n = take_number();
	struct bytes b = { .data = at, .n = n };

	need(n);
	at += n;
	return b;
}

static struct questions take_questions(void)
{
	uint32_t i, n = take_number();
	struct question *list = calloc(n, sizeof(*list));

	for (i = 0; i < n && list; i++) {
		list[i].options = take_bytes();
		list[i].prompt = take_bytes();
		list[i].answer = take_bytes();
	}
	return (struct questions){ .list = list, .n = n };
}

/* Read a file into memory that stays, between @at and @end. */
static void read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat facts;
	size_t size;
	char *data;

	if (!file || fstat(fileno(file), &facts)) {
		perror(path);
		exit(2);
	}
	size = facts.st_size;
	data = malloc(size);
	if (!data || fread(data, 1, size, file) != size) {
		perror(path);
		exit(2);
	}
	fclose(file);
	at = data;
	end = data + size;
}

void questions_load(const char *path)
{
	read_file(path);
	texts = take_questions();
	logits = take_questions();
	dialogues = take_questions();
	others = take_questions();
	if (!texts.n || !logits.n || !dialogues.n || !others.n) {
		fprintf(stderr, "%s has no questions\n", path);
		exit(2);
	}
}

const struct question *question_choose(const struct questions *from)
{
	return &from->list[random_below(from->n)];
}
