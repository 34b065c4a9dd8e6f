/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: GGUF files, versions 2 and 3, little endian
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * Every byte is taken as hostile. llama_gguf_parse() walks the whole header once,
 * checks every count, length, offset and type, and leaves an index whose
 * pointers are safe to follow. Nothing is copied: names and values point
 * into the file image, which must outlive the index.
 */
#ifndef LLAMA_GGUF_H
#define LLAMA_GGUF_H

#include "base/port.h"

#define GGUF_MAX_KV 4096
#define GGUF_MAX_TENSORS 16384
#define GGUF_MAX_DIMS 4
#define GGUF_MAX_NAME 64	/* tensor names; the format's own limit */
#define GGUF_MAX_KEY 65535
#define GGUF_MAX_ARRAY (1u << 24)

enum gguf_type {
	GGUF_TYPE_UINT8 = 0,
	GGUF_TYPE_INT8 = 1,
	GGUF_TYPE_UINT16 = 2,
	GGUF_TYPE_INT16 = 3,
	GGUF_TYPE_UINT32 = 4,
	GGUF_TYPE_INT32 = 5,
	GGUF_TYPE_FLOAT32 = 6,
	GGUF_TYPE_BOOL = 7,
	GGUF_TYPE_STRING = 8,
	GGUF_TYPE_ARRAY = 9,
	GGUF_TYPE_UINT64 = 10,
	GGUF_TYPE_INT64 = 11,
	GGUF_TYPE_FLOAT64 = 12,
};

/**
 * struct gguf_str - A string inside the file image.
 * @data: Not NUL-terminated; any byte may occur.
 * @len:  Bytes.
 */
struct gguf_str {
	const char *data;
	u32 len;
};

/**
 * struct gguf_kv - One metadata entry.
 * @key:       Its name.
 * @type:      enum gguf_type; GGUF_TYPE_ARRAY for arrays.
 * @elem_type: Of an array: the type of each element, never an array. Else @type.
 * @count:     Of an array: number of elements. Else 1.
 * @data:      The first value's bytes (a string: its u64 length first), unaligned.
 * @size:      Bytes at @data, all elements together.
 */
struct gguf_kv {
	struct gguf_str key;
	u32 type;
	u32 elem_type;
	u64 count;
	const u8 *data;
	u64 size;
};

/**
 * struct gguf_tensor - One tensor.
 * @name:   At most GGUF_MAX_NAME bytes.
 * @type:   enum ggml_type as in the file; one that the core knows.
 * @n_dims: 1 to GGUF_MAX_DIMS.
 * @ne:     Elements along each dimension, ne[0] fastest; unused ones are 1.
 * @offset: Of the first byte, from the start of the file; aligned.
 * @size:   Bytes; @offset + @size lies within the file.
 */
struct gguf_tensor {
	struct gguf_str name;
	u32 type;
	u32 n_dims;
	u64 ne[GGUF_MAX_DIMS];
	u64 offset;
	u64 size;
};

/**
 * struct gguf - The index of one file.
 * @data:      File image.
 * @size:      Bytes.
 * @version:   2 or 3.
 * @alignment: Of the tensors' data; a power of two.
 * @n_kv:      Entries at @kv.
 * @n_tensors: Entries at @tensors; 0 in a vocabulary-only file.
 * @kv:        (n_kv,) in file order.
 * @tensors:   (n_tensors,) in file order.
 * @kv_order:  Private: (n_kv,) indices of @kv, sorted by key.
 * @tensor_order: Private: (n_tensors,) indices of @tensors, sorted by name.
 */
struct gguf {
	const u8 *data;
	u64 size;
	u32 version;
	u32 alignment;
	u32 n_kv;
	u32 n_tensors;
	struct gguf_kv *kv;
	struct gguf_tensor *tensors;
	u32 *kv_order;
	u32 *tensor_order;
};

/**
 * llama_gguf_index_size() - Bytes of memory that llama_gguf_parse() wants for its index.
 * @data: File image; only its fixed header is looked at.
 * @size: Bytes at @data.
 * @need: Result.
 * @diag: Filled on failure.
 *
 * Return: 0, -ENOEXEC for something that is not GGUF v2 or v3,
 * -EINVAL for counts that cannot be true of a file of @size bytes.
 */
int llama_gguf_index_size(const void *data, u64 size, size_t *need, struct llama_diag *diag);

/**
 * llama_gguf_parse() - Check the whole header and build the index.
 * @g:     Filled on success.
 * @data:  File image.
 * @size:  Bytes at @data.
 * @index: Memory for the index, aligned to 64 bytes.
 * @index_size: At least what llama_gguf_index_size() said.
 * @diag:  Filled on failure.
 *
 * Return: 0, -ENOEXEC (not GGUF), -EINVAL (malformed), -EOPNOTSUPP (a tensor
 * type that the core does not compute with), -ENOMEM (@index_size too small).
 */
int llama_gguf_parse(struct gguf *g, const void *data, u64 size, void *index,
		     size_t index_size, struct llama_diag *diag);

/** llama_gguf_find() - The entry called @key (NUL-terminated), or NULL. */
const struct gguf_kv *llama_gguf_find(const struct gguf *g, const char *key);

/** llama_gguf_find_tensor() - The tensor called @name (NUL-terminated), or NULL. */
const struct gguf_tensor *llama_gguf_find_tensor(const struct gguf *g, const char *name);

/*
 * Typed getters. Return: 0; -ENOENT where there is no such key (@diag is
 * filled too: "missing key ..."); -EINVAL where its type or range is wrong.
 * llama_gguf_get_u32() takes any integer type whose value fits.
 * llama_gguf_get_f32() gives the IEEE-754 single's bits; a double is refused.
 */
int llama_gguf_get_u32(const struct gguf *g, const char *key, u32 *v, struct llama_diag *diag);
int llama_gguf_get_f32(const struct gguf *g, const char *key, u32 *bits, struct llama_diag *diag);
int llama_gguf_get_bool(const struct gguf *g, const char *key, bool *v, struct llama_diag *diag);
int llama_gguf_get_str(const struct gguf *g, const char *key, struct gguf_str *v,
		       struct llama_diag *diag);

/**
 * llama_gguf_get_array() - The array called @key with elements of @elem_type.
 * @g:         The file.
 * @key:       NUL-terminated.
 * @elem_type: enum gguf_type.
 * @kv:        Set to the entry.
 * @diag:      Names what is wrong where this fails.
 * Return: 0, -ENOENT, or -EINVAL where it is no array of that type.
 */
int llama_gguf_get_array(const struct gguf *g, const char *key, u32 elem_type,
			 const struct gguf_kv **kv, struct llama_diag *diag);

/**
 * struct gguf_str_iter - Walks an array of strings in file order.
 * @next: Bytes of the next element.
 * @left: Elements left.
 */
struct gguf_str_iter {
	const u8 *next;
	u64 left;
};

/** llama_gguf_str_iter_init() - Start at the first string of @kv, an array of strings. */
void llama_gguf_str_iter_init(struct gguf_str_iter *it, const struct gguf_kv *kv);

/** llama_gguf_str_next() - Return: true and *@s, or false at the end. */
bool llama_gguf_str_next(struct gguf_str_iter *it, struct gguf_str *s);

/** llama_gguf_str_eq() - Whether @s equals the NUL-terminated @lit. */
bool llama_gguf_str_eq(struct gguf_str s, const char *lit);

#endif
