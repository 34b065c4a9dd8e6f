// SPDX-License-Identifier: GPL-2.0
/* Memory that a program reads to and writes from. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

__thread char *area;
char *loose;

bool memory_begin(void)
{
	loose = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (loose == MAP_FAILED)
		return false;
	memset(loose, 'l', PAGE);
	return memory_begin_thread();
}

bool memory_begin_thread(void)
{
	area = mmap(NULL, AREA + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	return area != MAP_FAILED && !mprotect(area + AREA, PAGE, PROT_READ) &&
	       !mprotect(area + AREA + PAGE, PAGE, PROT_NONE);
}

void *memory_pointer(uint8_t how, size_t n)
{
	switch (how % 16) {
	case 7:
		return loose;
	case 8:
		return area + 1;
	case 9:
		return area + AREA - (n < AREA ? n : 1);
	case 10:
		return area + AREA - (n < AREA ? n / 2 : 1);
	case 11:
		return area + AREA;
	case 12:
		return area + AREA + PAGE;
	case 13:
		return NULL;
	case 14:
		return (void *)0xffff888000000000;
	case 15:
		return (void *)0x8000000000000000;
	default:
		return area;
	}
}

void *memory_pointer_to(uint8_t how, size_t n)
{
	char *p = memory_pointer(how, n);

	if (p > area && p < area + AREA)
		memmove(p, area, p + n > area + AREA ? (size_t)(area + AREA - p) : n);
	return p;
}
