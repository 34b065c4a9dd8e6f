// SPDX-License-Identifier: GPL-2.0
/* Table of the files of /proc/llamux. */
#include <linux/kernel.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "resources/log.h"
#include "procfs.h"

#define FOLDER "llamux"

static const struct {
	const char *name;
	umode_t mode;
	const struct proc_ops *ops;
} files[] = {
	{ "prompt", 0660, &llamux_prompt_ops },
	{ "chat", 0660, &llamux_chat_ops },
	{ "options", 0660, &llamux_options_ops },
	{ "status", 0440, &llamux_status_ops },
	{ "stats", 0440, &llamux_stats_ops },
	{ "models", 0440, &llamux_models_ops },
	{ "control", 0600, &llamux_control_ops },
	{ "logits", 0600, &llamux_logits_ops },
};

int llamux_procfs_open(struct llamux_reader *r, enum llamux_kind kind, bool private)
{
	struct llamux_requester who;
	int err;

	llamux_requester_current(&who);
	err = llamux_reader_open(r, &who, kind, private);
	llamux_requester_put(&who);
	return err;
}

int llamux_procfs_start(u32 group)
{
	kgid_t gid = make_kgid(&init_user_ns, group);
	struct proc_dir_entry *folder, *file;
	size_t i;

	if (!gid_valid(gid)) {
		pr_err("group must be a valid group number, not %u\n", group);
		return -EINVAL;
	}
	folder = proc_mkdir(FOLDER, NULL);
	if (!folder)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		file = proc_create(files[i].name, files[i].mode, folder, files[i].ops);
		if (!file) {
			llamux_procfs_stop();
			return -ENOMEM;
		}
		proc_set_user(file, GLOBAL_ROOT_UID, gid);
	}
	return 0;
}

void llamux_procfs_stop(void)
{
	remove_proc_subtree(FOLDER, NULL);
}
