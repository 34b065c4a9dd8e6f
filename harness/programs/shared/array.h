/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ARRAY_H
#define ARRAY_H

/* Number of elements of an array. */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
