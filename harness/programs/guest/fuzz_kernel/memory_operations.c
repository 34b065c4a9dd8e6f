// SPDX-License-Identifier: GPL-2.0
/* Mappings of files, and memory whose protection changes while the kernel uses it. */
#include <sys/mman.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"
#include "operations.h"

long do_map(const struct operation *o)
{
	void *p = mmap(NULL, PAGE, o->a & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
		       o->a & 2 ? MAP_SHARED : MAP_PRIVATE, files_get(o->file), 0);

	if (p == MAP_FAILED)
		return -1;
	return munmap(p, PAGE);
}

long do_change_memory(const struct operation *o)
{
	static const int protections[] = { PROT_NONE, PROT_READ };

	mprotect(loose, AREA, protections[o->a & 1]);
	usleep(o->b);
	return mprotect(loose, AREA, PROT_READ | PROT_WRITE);
}
