/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fuzz the tokenizer of the file $LLAMUX_FUZZ_FILE: the bounds must hold, plain
 * text must give no control tokens, and the ids must decode to the text.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "llama_core.h"

static struct llama_vocab vocab;

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = open(getenv("LLAMUX_FUZZ_FILE"), O_RDONLY);
	struct llama_arena arena = { 0 };
	static struct gguf g;
	struct stat st;
	size_t need;
	u8 *image;

	(void)argc;
	(void)argv;
	CHECK(fd >= 0 && !fstat(fd, &st));
	image = llamuxu_alloc(st.st_size);
	CHECK(read(fd, image, st.st_size) == st.st_size);
	close(fd);
	CHECK(!llama_gguf_index_size(image, st.st_size, &need, NULL));
	CHECK(!llama_gguf_parse(&g, image, st.st_size, llamuxu_alloc(need), need, NULL));
	CHECK(!llama_vocab_size(&g, &arena.size, NULL));
	arena.base = llamuxu_alloc(arena.size);
	CHECK(!llama_vocab_init(&vocab, &g, &arena, NULL, NULL));
	return 0;
}

/* Check that the ids decode to the text, if it is valid UTF-8 without U+2581. */
static void check_round_trip(const char *text, size_t n, const u32 *ids, long n_ids)
{
	size_t room = llama_vocab_max_piece(&vocab), at = 0, skip, tail;
	char *piece = llamuxu_alloc(room);
	size_t most = 3 * n + 1;	/* a malformed byte becomes three */
	char *out = llamuxu_alloc(most);
	long i;

	for (i = 0; i < n_ids; i++) {
		int len = llama_token_piece(&vocab, ids[i], false, piece, room);

		CHECK(len >= 0 && at + len <= most);
		memcpy(out + at, piece, len);
		at += len;
	}
	skip = llama_vocab_strips_space(&vocab) && at && out[0] == ' ';
	if (!llama_utf8_check(text, n, &tail) && !tail && !memmem(text, n, "\xe2\x96\x81", 3))
		CHECK(at - skip == n && !memcmp(out + skip, text, n));
	free(piece);
	free(out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const char *text = (const char *)data + 1;
	size_t max_ids, scratch, n;
	void *memory;
	u32 *ids;
	long got, i;
	u32 flags;

	if (!size)
		return 0;
	flags = data[0] & 7;
	n = size - 1;
	llama_tokenize_bounds(&vocab, n, &max_ids, &scratch);
	ids = llamuxu_alloc(max_ids * sizeof(*ids));
	memory = llamuxu_alloc(scratch);
	got = llama_tokenize(&vocab, text, n, flags, ids, max_ids, memory, NULL);
	CHECK(got >= 0 && (size_t)got <= max_ids);
	for (i = 0; i < got; i++) {
		CHECK(ids[i] < vocab.n_vocab);
		if (!flags)
			CHECK(!llama_vocab_is_control(&vocab, ids[i]));
	}
	if (!flags)
		check_round_trip(text, n, ids, got);
	if (got)
		CHECK(llama_tokenize(&vocab, text, n, flags, ids, got - 1, memory, NULL) ==
		      -ENOSPC);
	free(ids);
	free(memory);
	return 0;
}
