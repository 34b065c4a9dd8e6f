/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_THREADS 3

/*
 * A point is a block of the module's code, a step from one block to another, or a result of an
 * operation. The latest program is the one that coverage_take() was last called for.
 */

/* Begin to trace programs if the kernel can. Return: whether it can. */
bool coverage_open(void);

/* Begin and end tracing thread @t of a program; called by that thread. */
void coverage_begin(uint32_t t);
void coverage_end(uint32_t t);

/* Forget the traces and results of the program before. */
void coverage_clear(void);

/* Take the points that a program reached. Return: number of new ones. */
uint32_t coverage_take(void);

/* Count the points of the latest program as reached. */
void coverage_accept(void);

/* Remember the new points of the latest program. */
void coverage_want(void);

/* Return: whether the latest program reached all remembered points. */
bool coverage_has_wanted(void);

/* Leave out steps between blocks from now on. */
void coverage_coarse(void);

/* Return: a copy of the latest program's points, to be freed; their number goes to *@n. */
uint32_t *coverage_copy(uint32_t *n);

/* Return: number of points that were not reached before. */
uint32_t coverage_fresh(const uint32_t *points, uint32_t n);

/* Count points as reached. */
void coverage_add(const uint32_t *points, uint32_t n);

/* Return: number of blocks or steps that were reached. */
uint32_t coverage_blocks(void);
uint32_t coverage_edges(void);

/* Print the blocks and results that were reached, a line each. */
void coverage_print(void);

#endif
