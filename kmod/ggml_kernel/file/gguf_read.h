/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Entries of a GGUF header, for the files of this folder
 */
#ifndef LLAMA_GGUF_READ_H
#define LLAMA_GGUF_READ_H

#include "file/gguf.h"

#define GGUF_TYPES (GGUF_TYPE_FLOAT64 + 1)

/**
 * struct gguf_value_type - A type of metadata values.
 * @name: Its name in messages.
 * @size: Bytes of a value; 0 where it varies.
 */
struct gguf_value_type {
	const char *name;
	u32 size;
};

extern const struct gguf_value_type llama_gguf_types[GGUF_TYPES];

/**
 * struct gguf_reader - A position in a file image.
 * @data: File image.
 * @size: Bytes at @data.
 * @pos:  Bytes already read, at most @size.
 */
struct gguf_reader {
	const u8 *data;
	u64 size;
	u64 pos;
};

/* Return the bytes of a name that a message shows. */
static inline int gguf_shown(struct gguf_str s)
{
	return min_t(u32, s.len, 48);
}

/** llama_gguf_bad_kv() - Report what is wrong with a metadata entry. Return: -EINVAL. */
int llama_gguf_bad_kv(struct llama_diag *diag, const struct gguf_kv *kv, const char *fmt, ...)
	__printf(3, 4);

/** llama_gguf_bad_tensor() - Report what is wrong with a tensor. Return: -EINVAL. */
int llama_gguf_bad_tensor(struct llama_diag *diag, const struct gguf_tensor *t, const char *fmt,
			  ...) __printf(3, 4);

/** llama_gguf_left() - Return the number of bytes that are not yet read. */
u64 llama_gguf_left(const struct gguf_reader *r);

/** llama_gguf_take_u32() - Read a u32. Return: false if the file ends first. */
bool llama_gguf_take_u32(struct gguf_reader *r, u32 *v);

/** llama_gguf_take_u64() - Read a u64. Return: false if the file ends first. */
bool llama_gguf_take_u64(struct gguf_reader *r, u64 *v);

/** llama_gguf_take_kv() - Read metadata entry @i. Return: 0 or -EINVAL. */
int llama_gguf_take_kv(struct gguf_reader *r, struct gguf_kv *kv, u32 i, struct llama_diag *diag);

/**
 * llama_gguf_take_tensor() - Read the description of a tensor.
 * @r:    Reader.
 * @t:    Filled; its offset counts from the beginning of the data section.
 * @i:    Index of the tensor, for messages.
 * @diag: Names the cause on failure.
 *
 * Return: 0, -EINVAL, or -EOPNOTSUPP for a type that the core does not compute with.
 */
int llama_gguf_take_tensor(struct gguf_reader *r, struct gguf_tensor *t, u32 i,
			   struct llama_diag *diag);

#endif
