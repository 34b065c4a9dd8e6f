/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Metadata and tensors of a GGUF file, by name
 */
#ifndef LLAMA_GGUF_VALUES_H
#define LLAMA_GGUF_VALUES_H

#include "file/gguf.h"

/** llama_gguf_compare() - Compare names. Return: below, equal to or above 0. */
int llama_gguf_compare(struct gguf_str a, struct gguf_str b);

/** llama_gguf_find() - Return the entry called @key (NUL-terminated), or NULL. */
const struct gguf_kv *llama_gguf_find(const struct gguf *g, const char *key);

/** llama_gguf_find_tensor() - Return the tensor called @name (NUL-terminated), or NULL. */
const struct gguf_tensor *llama_gguf_find_tensor(const struct gguf *g, const char *name);

/*
 * Typed getters. Return: 0; -ENOENT if the key is missing; -EINVAL if its type or
 * range is wrong; @diag names the key. llama_gguf_get_u32() takes any integer type
 * whose value fits. llama_gguf_get_f32() returns the bits of an IEEE-754 single
 * and refuses doubles.
 */
int llama_gguf_get_u32(const struct gguf *g, const char *key, u32 *v, struct llama_diag *diag);
int llama_gguf_get_f32(const struct gguf *g, const char *key, u32 *bits, struct llama_diag *diag);
int llama_gguf_get_bool(const struct gguf *g, const char *key, bool *v, struct llama_diag *diag);
int llama_gguf_get_str(const struct gguf *g, const char *key, struct gguf_str *v,
		       struct llama_diag *diag);

/**
 * llama_gguf_get_array() - Look up an array.
 * @g:         Index of the file.
 * @key:       NUL-terminated.
 * @elem_type: enum gguf_type.
 * @kv:        Set to the entry.
 * @diag:      Names the key on failure.
 *
 * Return: 0, -ENOENT, or -EINVAL if it is not an array of that type.
 */
int llama_gguf_get_array(const struct gguf *g, const char *key, u32 elem_type,
			 const struct gguf_kv **kv, struct llama_diag *diag);

/**
 * struct gguf_str_iter - Iterator over an array of strings, in file order.
 * @next: The next element.
 * @left: Number of elements left.
 */
struct gguf_str_iter {
	const u8 *next;
	u64 left;
};

/** llama_gguf_str_iter_init() - Start at the first string of @kv, an array of strings. */
void llama_gguf_str_iter_init(struct gguf_str_iter *it, const struct gguf_kv *kv);

/** llama_gguf_str_next() - Read the next string into @s. Return: false at the end. */
bool llama_gguf_str_next(struct gguf_str_iter *it, struct gguf_str *s);

/** llama_gguf_str_eq() - Tell whether @s equals the NUL-terminated @lit. */
bool llama_gguf_str_eq(struct gguf_str s, const char *lit);

#endif
