// SPDX-License-Identifier: GPL-2.0
/* Workers that share a pass. */
#include "team.h"

int llama_team_run(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield)
{
	u32 i;
	int err;

	if (team)
		return team->run(team, loop, yield);
	for (i = 0; i < loop->n; i++) {
		loop->fn(loop->arg, i, 0);
		err = llama_yield(yield);
		if (err)
			return err;
	}
	return 0;
}
