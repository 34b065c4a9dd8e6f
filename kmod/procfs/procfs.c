// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "procfs.h"

#define FOLDER "llamux"

static const struct {
	const char *name;
	umode_t mode;
	const struct proc_ops *ops;
} files[] = {
	{ "prompt", 0666, &llamux_prompt_ops },
	{ "options", 0666, &llamux_options_ops },
	{ "status", 0444, &llamux_status_ops },
	{ "stats", 0444, &llamux_stats_ops },
	{ "logits", 0600, &llamux_logits_ops },
};

int llamux_procfs_start(void)
{
	struct proc_dir_entry *folder = proc_mkdir(FOLDER, NULL);
	size_t i;

	if (!folder)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (proc_create(files[i].name, files[i].mode, folder, files[i].ops))
			continue;
		llamux_procfs_stop();
		return -ENOMEM;
	}
	return 0;
}

void llamux_procfs_stop(void)
{
	remove_proc_subtree(FOLDER, NULL);
}
