/* SPDX-License-Identifier: GPL-2.0 */
/* End of a program that cannot go on. Define DIE_STATUS first for an exit code other than 1. */
#ifndef DIE_H
#define DIE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef DIE_STATUS
#define DIE_STATUS 1
#endif

/* Print @what and the text of errno to standard error; exit with DIE_STATUS. */
__attribute__((noreturn)) static inline void die(const char *what)
{
	perror(what);
	exit(DIE_STATUS);
}

/* Print @what and exit with DIE_STATUS unless @holds. */
static inline void expect(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	exit(DIE_STATUS);
}

#endif
