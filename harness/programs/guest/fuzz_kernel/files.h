/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FILES_H
#define FILES_H

#include <stdint.h>

/* Return: the descriptor at an index, or the next one that is open, or -1. */
int files_get(uint8_t which);

/* Return: the descriptor at an index, or -1; the index is free then. */
int files_take(uint8_t which);

/* Put a descriptor at an index and close the one that was there. */
void files_put(uint8_t which, int fd);

/* Close all files. */
void files_close(void);

#endif
