// SPDX-License-Identifier: GPL-2.0
/* llamux.ko runs language models inside the kernel for the users of /proc/llamux. */
#include <linux/err.h>
#include <linux/module.h>

#include "llama_core.h"
#include "resources/log.h"
#include "procfs/procfs.h"
#include "models/registry.h"
#include "conversations/sessions.h"
#include "resources/threads.h"

#define MAX_PROMPT_LIMIT (64u << 20)

static char *model = "/lib/firmware/llamux/model.gguf";
module_param(model, charp, 0444);
MODULE_PARM_DESC(model, "GGUF file of a llama model");

static int n_ctx = -1;
module_param(n_ctx, int, 0444);
MODULE_PARM_DESC(n_ctx, "tokens of a conversation, prompt and answer (default 2048 or the model's)");

static uint max_conversations = 16;
module_param(max_conversations, uint, 0444);
MODULE_PARM_DESC(max_conversations, "conversations at once (default 16)");

static uint max_prompt = 1 << 20;
module_param(max_prompt, uint, 0444);
MODULE_PARM_DESC(max_prompt, "bytes of a prompt (default 1048576)");

static char *isa;
module_param(isa, charp, 0444);
MODULE_PARM_DESC(isa, "instruction set to compute with, such as avx2, neon, swar or generic (default the fastest)");

static bool selftest = true;
module_param(selftest, bool, 0444);
MODULE_PARM_DESC(selftest, "compare every path with known answers first (default yes)");

static uint threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "processors that compute together (default 0: all that are online)");

static uint group;
module_param(group, uint, 0444);
MODULE_PARM_DESC(group, "number of the group that may use /proc/llamux beside root (default 0)");

static uint max_user_conversations;
module_param(max_user_conversations, uint, 0444);
MODULE_PARM_DESC(max_user_conversations, "conversations of one user at once (default 0: no limit of its own)");

static uint max_user_prompts;
module_param(max_user_prompts, uint, 0444);
MODULE_PARM_DESC(max_user_prompts, "prompts of one user being answered at once (default 0: no limit of its own)");

static uint max_user_tokens;
module_param(max_user_tokens, uint, 0444);
MODULE_PARM_DESC(max_user_tokens, "tokens of one user in caches at once (default 0: no limit of its own)");

static uint max_memory;
module_param(max_memory, uint, 0444);
MODULE_PARM_DESC(max_memory, "MiB of models and conversations together (default 0: no limit)");

static int check_limits(void)
{
	if (n_ctx != -1 && (n_ctx < 1 || n_ctx > LLAMA_MAX_CTX))
		pr_err("n_ctx is %d, must be from 1 to the model's own context\n", n_ctx);
	else if (!max_conversations || max_conversations > 4096)
		pr_err("max_conversations is %u, must be from 1 to 4096\n", max_conversations);
	else if (!max_prompt || max_prompt > MAX_PROMPT_LIMIT)
		pr_err("max_prompt is %u, must be from 1 to %u\n", max_prompt, MAX_PROMPT_LIMIT);
	else if (threads > LLAMA_MAX_WORKERS)
		pr_err("threads is %u, must be from 0 to %u\n", threads, LLAMA_MAX_WORKERS);
	else
		return 0;
	return -EINVAL;
}

/* Disable path @i. The generic path cannot be done without: the others rely on it. */
static int refuse_path(u32 i, const char *wrong)
{
	if (llama_path_at(i) == &llama_path_generic) {
		pr_err("the generic path computes %s wrong on this machine: nothing can be relied on\n",
		       wrong);
		return -EIO;
	}
	pr_warn("%s computes %s wrong on this machine: it is not used\n", llama_path_at(i)->name,
		wrong);
	llama_path_disable(i);
	return 0;
}

/* Compare every path that this machine can run with known answers. */
static int test_paths(void)
{
	struct llamux_memory memory = { };
	u32 i;
	int err = llamux_memory_alloc(&memory, llama_selftest_size());

	if (err)
		pr_err("no memory for the self-test (error %d)\n", err);
	for (i = 0; !err && llama_path_at(i); i++) {
		struct llama_arena arena = { .base = memory.data, .size = memory.size };
		const char *wrong = llama_path_usable(i) ?
				    llama_selftest(llama_path_at(i), &arena) : NULL;

		if (wrong)
			err = refuse_path(i, wrong);
		cond_resched();
	}
	llamux_memory_free(&memory);
	return err;
}

static int choose_path(void)
{
	char names[64] = "";
	u32 i;

	if (!llama_path_select(isa))
		return 0;
	for (i = 0; llama_path_at(i); i++)
		if (llama_path_usable(i)) {
			strlcat(names, " ", sizeof(names));
			strlcat(names, llama_path_at(i)->name, sizeof(names));
		}
	pr_err("isa is %s, must be one of%s\n", isa, names);
	return -EINVAL;
}

static int __init llamux_init(void)
{
	const struct llamux_limits limits = {
		.max_conversations = max_conversations,
		.max_prompt = max_prompt,
		.user = {
			[LLAMUX_QUOTA_CONVERSATIONS] = max_user_conversations,
			[LLAMUX_QUOTA_PROMPTS] = max_user_prompts,
			[LLAMUX_QUOTA_TOKENS] = max_user_tokens,
		},
	};
	int err = check_limits();

	if (!err && selftest)
		err = test_paths();
	if (!err)
		err = choose_path();
	if (err)
		return err;
	llamux_memory_set_limit((u64)max_memory << 20);
	err = llamux_registry_start(model, n_ctx);
	if (err)
		return err;
	err = llamux_threads_start(threads);
	if (err)
		goto stop_registry;
	err = llamux_sessions_start(&limits);
	if (err)
		goto stop_threads;
	err = llamux_procfs_start(group);
	if (err)
		goto stop_sessions;
	return 0;

stop_sessions:
	llamux_sessions_stop();
stop_threads:
	llamux_threads_stop();
stop_registry:
	llamux_registry_stop();
	return err;
}

static void __exit llamux_exit(void)
{
	llamux_procfs_stop();
	llamux_sessions_stop();
	llamux_threads_stop();
	llamux_registry_stop();
}

module_init(llamux_init);
module_exit(llamux_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A language model inside the kernel, in integer arithmetic");
MODULE_AUTHOR("The Llamux maintainers");
