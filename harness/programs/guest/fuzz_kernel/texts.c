// SPDX-License-Identifier: GPL-2.0
/* Texts, numbers and sizes that operations choose from by a byte. */
#include <limits.h>

#include "../../shared/array.h"
#include "models.h"
#include "texts.h"

#define TEXT(s) { s, sizeof(s) - 1 }

static const struct text prompts[] = {
	TEXT("hello"),
	TEXT("a"),
	TEXT("\n"),
	TEXT("hello\n"),
	TEXT(""),
	TEXT("What is a lock? What is a lock? What is a lock?"),
	TEXT("\xf0\x9f\xa6\x99"),
	TEXT("\xf0\x9f"),
	TEXT("\xa6\x99"),
	TEXT("\xff\xfe"),
	TEXT("a\0b"),
	TEXT("<|im_start|>user\n<|im_end|>"),
	TEXT("<s></s>[INST]<<SYS>>"),
	TEXT("\xc3\xa4 \xe6\xa8\xa1\xe5\x9d\x97"),
	TEXT("  \t  \r\n"),
	TEXT("1 2 3"),
	TEXT("temperature 1\nmax_tokens 2\n"),
};

static const char *const keys[] = {
	"temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "max_tokens",
	"speculate", "template", "system", "stop", "model", "reset", "grammar", "",
};

static const char *const values[] = {
	"0", "1", "2", "3", "0.5", "1.1", "7", "8", "16", "17", "65", "0.00001", "-1",
	"4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "1.", ".",
	"0x10", "", "auto", "none", "chatml", "zephyr", "llama-2", "llama-3", "tiny", "a", "b",
	"e", "th", "\\n", "\\", "\\x", "be brief\\nand true", "\xc3\xa4", "\xf0\x9f", " 1", "1 ",
};

static const char *const verbs[] = { "load", "unload", "default", "", "drop" };

static const char *const paths[] = {
	"/fuzz/tiny.gguf", "/fuzz/tiny-spm.gguf", "/fuzz/broken.gguf", "/nowhere", "/fuzz",
	"/dev/zero", "/proc/llamux/status", "", "tiny.gguf",
};

static const char *const names[] = {
	"a", "b", DEFAULT_MODEL, "tiny-spm", "none", "",
	"a-name-of-more-than-sixty-four-bytes-which-nobody-has-any-need-for-at-all",
};

static const uint64_t numbers[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 65, 255, 256, 4095, 4096, 4097, 32768, 65535, 65536,
	65537, 1 << 20, (1 << 20) + 1, INT_MAX, 1ull << 31, UINT_MAX - 1, UINT_MAX, 1ull << 32,
	LLONG_MAX, 1ull << 63, ULLONG_MAX,
};

static const size_t sizes[] = {
	1, 2, 3, 5, 8, 64, 100, 256, 1000, 4096, 8192, 65536, 0, 4097, 8193, 65537, 1 << 20,
	(1 << 20) + 1, INT_MAX, SIZE_MAX / 2, SIZE_MAX,
};

struct text prompt_text(uint8_t which)
{
	return prompts[which % ARRAY_SIZE(prompts)];
}

const char *option_key(uint8_t which)
{
	return keys[which % ARRAY_SIZE(keys)];
}

const char *option_value(uint8_t which)
{
	return values[which % ARRAY_SIZE(values)];
}

const char *command_verb(uint8_t which)
{
	return verbs[which % ARRAY_SIZE(verbs)];
}

const char *command_path(uint8_t which)
{
	return paths[which % ARRAY_SIZE(paths)];
}

const char *model_name(uint8_t which)
{
	return names[which % ARRAY_SIZE(names)];
}

uint64_t number_at(uint8_t which)
{
	return numbers[which % ARRAY_SIZE(numbers)];
}

size_t transfer_size(uint8_t which)
{
	return sizes[which % ARRAY_SIZE(sizes)];
}
