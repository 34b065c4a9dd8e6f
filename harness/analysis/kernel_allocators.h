/* SPDX-License-Identifier: GPL-2.0 */
/* For analyzers, which know what malloc() and free() do, and the kernel's functions not all. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#undef kmalloc
#undef kzalloc
#undef kvcalloc
#undef vmalloc
#undef __vmalloc
#undef vmalloc_huge

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *data);

#define kmalloc(size, gfp) malloc(size)
#define kzalloc(size, gfp) calloc(1, size)
#define kvcalloc(n, size, gfp) calloc(n, size)
#define vmalloc(size) malloc(size)
#define __vmalloc(size, gfp) malloc(size)
#define vmalloc_huge(size, gfp) malloc(size)
#define kfree(data) free((void *)(data))
#define kfree_sensitive(data) free((void *)(data))
#define kvfree(data) free((void *)(data))
#define vfree(data) free((void *)(data))
