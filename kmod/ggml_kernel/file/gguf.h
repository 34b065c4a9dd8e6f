/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: GGUF files, versions 2 and 3, little endian
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * The file is not trusted. llama_gguf_parse() reads the whole header once, checks
 * every count, length, offset and type, and builds an index whose pointers are
 * safe to follow. Names and values are not copied: they point into the file image,
 * which must outlive the index.
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
 * struct gguf_kv - A metadata entry.
 * @key:       Its name.
 * @type:      enum gguf_type; GGUF_TYPE_ARRAY for arrays.
 * @elem_type: Type of an array's elements, never an array; @type for other values.
 * @count:     Number of an array's elements; 1 for other values.
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
 * struct gguf_tensor - A tensor.
 * @name:   At most GGUF_MAX_NAME bytes.
 * @type:   enum ggml_type of the file, one that the core computes with.
 * @n_dims: 1 to GGUF_MAX_DIMS.
 * @ne:     Elements along each dimension, ne[0] fastest; unused ones are 1.
 * @offset: Offset of the first byte from the start of the file; aligned.
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
 * struct gguf - Index of a file.
 * @data:      File image.
 * @size:      Bytes.
 * @version:   2 or 3.
 * @alignment: Alignment of the tensors' data; a power of two.
 * @n_kv:      Number of entries at @kv.
 * @n_tensors: Number of entries at @tensors; 0 in a vocabulary-only file.
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
 * llama_gguf_index_size() - Compute the bytes of an index.
 * @data: File image; only its fixed header is read.
 * @size: Bytes at @data.
 * @need: Bytes of memory that llama_gguf_parse() needs.
 * @diag: Filled on failure.
 *
 * Return: 0, -ENOEXEC for a file that is not GGUF v2 or v3, -EINVAL for counts that
 * are impossible in a file of @size bytes.
 */
int llama_gguf_index_size(const void *data, u64 size, size_t *need, struct llama_diag *diag);

/**
 * llama_gguf_parse() - Check the whole header and build the index.
 * @g:     Filled on success.
 * @data:  File image.
 * @size:  Bytes at @data.
 * @index: Memory for the index, aligned to 64 bytes.
 * @index_size: At least the result of llama_gguf_index_size().
 * @diag:  Filled on failure.
 *
 * Return: 0, -ENOEXEC (not GGUF), -EINVAL (malformed), -EOPNOTSUPP (a tensor
 * type that the core does not compute with), -ENOMEM (@index_size too small).
 */
int llama_gguf_parse(struct gguf *g, const void *data, u64 size, void *index,
		     size_t index_size, struct llama_diag *diag);

#endif
