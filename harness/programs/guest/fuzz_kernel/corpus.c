// SPDX-License-Identifier: GPL-2.0
/* The inputs that are worth keeping. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

struct input *corpus;
uint32_t n_corpus;
static uint32_t room;

void corpus_add(const struct input *input)
{
	struct input *larger;

	if (n_corpus == room) {
		room = room ? 2 * room : 256;
		larger = realloc(corpus, room * sizeof(*corpus));
		if (!larger) {
			perror("corpus");
			exit(2);
		}
		corpus = larger;
	}
	corpus[n_corpus++] = *input;
}

/* Inputs lie one after the other, each behind its length, two bytes. */
bool corpus_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct input input;
	uint8_t head[2];
	bool whole = file;

	while (whole && fread(head, sizeof(head), 1, file) == 1) {
		input.n = head[0] | head[1] << 8;
		whole = input.n <= INPUT_BYTES && fread(input.bytes, 1, input.n, file) == input.n;
		if (whole)
			corpus_add(&input);
	}
	if (file)
		fclose(file);
	return whole;
}

void input_print(const char *word, const struct input *input)
{
	uint32_t i;

	printf("%s ", word);
	for (i = 0; i < input->n; i++)
		printf("%02x", input->bytes[i]);
	printf("\n");
	fflush(stdout);
}
