/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096
#define AREA 65536

/* AREA writable bytes of each thread, a page that can only be read, and one that cannot. */
extern __thread char *area;

/* AREA bytes of all threads whose protection changes; only the kernel may touch them. */
extern char *loose;

/* Map the memory of a program's first thread, or of another one. Return: whether it was mapped. */
bool memory_begin(void);
bool memory_begin_thread(void);

/* Return: an address, good or bad by @how, where the kernel is to read or write @n bytes. */
void *memory_pointer(uint8_t how, size_t n);

/* The same; the first @n bytes of the area are moved there as far as there is room. */
void *memory_pointer_to(uint8_t how, size_t n);

#endif
