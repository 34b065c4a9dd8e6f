// SPDX-License-Identifier: GPL-2.0
/*
 * The file of questions: for texts, logits, dialogues and others, a count and so
 * many times options, prompt and answer, each a length and bytes. Numbers have
 * 32 bits, little-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stress.h"

struct questions texts, logits, dialogues, others;

static const char *at, *end;

static uint32_t take_number(void)
{
	uint32_t n;

	if (end - at < (ptrdiff_t)sizeof(n)) {
		fprintf(stderr, "the file of questions is too short\n");
		exit(2);
	}
	memcpy(&n, at, sizeof(n));
	at += sizeof(n);
	return n;
}

static struct bytes take_bytes(void)
{
	uint32_t n = take_number();
	struct bytes b = { .data = at, .n = n };

	if (end - at < (ptrdiff_t)n) {
		fprintf(stderr, "the file of questions is too short\n");
		exit(2);
	}
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

void questions_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size;
	char *data;
	struct stat facts;

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
	texts = take_questions();
	logits = take_questions();
	dialogues = take_questions();
	others = take_questions();
	if (!texts.n || !logits.n || !dialogues.n || !others.n) {
		fprintf(stderr, "%s has no questions\n", path);
		exit(2);
	}
}
