// SPDX-License-Identifier: GPL-2.0
#include "base/port.h"

int llama_fail(struct llama_diag *diag, int err, const char *fmt, ...)
{
	va_list ap;
	size_t i;

	if (!diag)
		return err;
	va_start(ap, fmt);
	vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
	va_end(ap);
	/* Names come from the file and must not control a terminal. */
	for (i = 0; i < sizeof(diag->text) && diag->text[i]; i++)
		if (diag->text[i] < ' ' || diag->text[i] > '~')
			diag->text[i] = '?';
	return err;
}

void *llama_arena_alloc(struct llama_arena *a, size_t n, size_t size)
{
	size_t bytes, used;

	if (check_mul_overflow(n, size, &bytes) ||
	    check_add_overflow(bytes, (size_t)LLAMA_ALIGN - 1, &bytes) ||
	    check_add_overflow(a->used, bytes & ~((size_t)LLAMA_ALIGN - 1), &used)) {
		a->used = SIZE_MAX;
		return NULL;
	}
	if (a->base && used > a->size)
		return NULL;
	bytes = a->used;
	a->used = used;
	return a->base ? a->base + bytes : NULL;
}
