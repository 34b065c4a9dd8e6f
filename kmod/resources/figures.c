// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/kernel.h>

#include "figures.h"

static atomic64_t totals[LLAMUX_TOTALS];

void llamux_figures_copy(struct llamux_figures *to, const struct llamux_figures *from)
{
	const u64 *f = (const u64 *)from;
	u64 *t = (u64 *)to;
	size_t i;

	for (i = 0; i < sizeof(*to) / sizeof(*t); i++)
		WRITE_ONCE(t[i], READ_ONCE(f[i]));
}

void llamux_figures_count(enum llamux_total total, u64 n)
{
	atomic64_add(n, &totals[total]);
}

u64 llamux_figures_total(enum llamux_total total)
{
	return atomic64_read(&totals[total]);
}
