// SPDX-License-Identifier: GPL-2.0
/* The inputs that are kept. */
#include <stdio.h>
#include <stdlib.h>

#include "corpus.h"

struct input *corpus;
uint32_t n_corpus;
static uint32_t room;	/* inputs that there is memory for */

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

/* A file has inputs one after the other, each behind its length in two bytes, little-endian. */
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
