// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/status shows figures for people, /proc/llamux/stats for programs. */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "resources/memory.h"
#include "procfs.h"
#include "models/registry.h"
#include "conversations/sessions.h"
#include "resources/threads.h"

static u64 mib(u64 bytes)
{
	return bytes >> 20;
}

/* Return: the rate in tenths of tokens per second; 0 if no time has passed. */
static u64 rate(u64 tokens, u64 us)
{
	return us ? tokens * 10 * USEC_PER_SEC / us : 0;
}

/* Return: the mean of @n numbers, from their sum; 0 if there are none. */
static s64 mean(s64 sum, u64 n)
{
	return n ? div64_s64(sum, n) : 0;
}

/* Copy the figures of the latest answer in the calling task's session. */
static void read_figures(struct llamux_figures *f)
{
	struct llamux_requester who;

	llamux_requester_current(&who);
	llamux_sessions_figures(&who, f);
	llamux_requester_put(&who);
}

static int status_show(struct seq_file *m, void *unused)
{
	struct llamux_model *model = llamux_registry_get("");
	const struct llamux_limits *limits = llamux_sessions_limits();
	char name[LLAMUX_NAME];
	u32 conversations, peak;
	u64 prefill, decode;

	llamux_sessions_count(&conversations, &peak);
	llamux_model_name(model, name);
	prefill = rate(llamux_figures_total(LLAMUX_PROMPT_TOKENS), llamux_figures_total(LLAMUX_PREFILL_US));
	decode = rate(llamux_figures_total(LLAMUX_TOKENS), llamux_figures_total(LLAMUX_DECODE_US));
	seq_printf(m, "🦙 %s, %llu million parameters in %s\n", name, model->m.n_params / 1000000,
		   model->m.file_type);
	seq_printf(m, "computing with  %s integer arithmetic\n", llama_path_name());
	seq_printf(m, "threads         %u\n", llamux_threads_max());
	seq_printf(m, "chat template   %s\n", llama_chat_name(model->m.chat));
	seq_printf(m, "SHA-256         %*phN\n", SHA256_DIGEST_SIZE, model->identity.sha256);
	seq_printf(m, "signature       %s\n", llamux_verify_signature_name(model->identity.signature));
	seq_printf(m, "context         %u tokens (the model was trained for %u)\n", model->n_ctx,
		   model->m.n_ctx_train);
	seq_printf(m, "memory          %llu MiB (model %llu MiB), at most %llu MiB so far\n",
		   mib(llamux_memory_now()), mib(model->image.size + model->arena.size),
		   mib(llamux_memory_peak()));
	seq_printf(m, "conversations   %u of %u\n", conversations, limits->max_conversations);
	seq_printf(m, "answers         %llu\n", llamux_figures_total(LLAMUX_ANSWERS));
	seq_printf(m, "prompts         %llu tokens, %llu.%llu a second\n",
		   llamux_figures_total(LLAMUX_PROMPT_TOKENS), prefill / 10, prefill % 10);
	seq_printf(m, "answered        %llu tokens, %llu.%llu a second\n",
		   llamux_figures_total(LLAMUX_TOKENS), decode / 10, decode % 10);
	seq_printf(m, "not evaluated   %llu tokens of prompts, known before\n",
		   llamux_figures_total(LLAMUX_REUSED));
	seq_printf(m, "guessed ahead   %llu tokens, %llu of them right\n",
		   llamux_figures_total(LLAMUX_DRAFTED), llamux_figures_total(LLAMUX_ACCEPTED));
	llamux_registry_put(model);
	return 0;
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct llamux_model *model = llamux_registry_get("");
	struct llamux_figures last;
	u32 conversations, peak;
	char name[LLAMUX_NAME];

	llamux_sessions_count(&conversations, &peak);
	read_figures(&last);
	llamux_model_name(model, name);
	seq_printf(m, "model %s\n", name);
	seq_printf(m, "isa %s\n", llama_path_name());
	seq_printf(m, "n_ctx %u\n", model->n_ctx);
	seq_printf(m, "n_vocab %u\n", model->m.n_vocab);
	seq_printf(m, "load_us %llu\n", model->load_us);
	seq_printf(m, "model_bytes %zu\n", model->image.size + model->arena.size);
	seq_printf(m, "memory_bytes %llu\n", llamux_memory_now());
	seq_printf(m, "memory_peak_bytes %llu\n", llamux_memory_peak());
	seq_printf(m, "conversations %u\n", conversations);
	seq_printf(m, "conversations_peak %u\n", peak);
	seq_printf(m, "answers %llu\n", llamux_figures_total(LLAMUX_ANSWERS));
	seq_printf(m, "interrupted %llu\n", llamux_figures_total(LLAMUX_INTERRUPTED));
	seq_printf(m, "tokens_prompt %llu\n", llamux_figures_total(LLAMUX_PROMPT_TOKENS));
	seq_printf(m, "tokens_generated %llu\n", llamux_figures_total(LLAMUX_TOKENS));
	seq_printf(m, "prefill_us %llu\n", llamux_figures_total(LLAMUX_PREFILL_US));
	seq_printf(m, "decode_us %llu\n", llamux_figures_total(LLAMUX_DECODE_US));
	seq_printf(m, "last_prompt_tokens %llu\n", last.prompt_tokens);
	seq_printf(m, "last_tokens %llu\n", last.tokens);
	seq_printf(m, "last_ttft_us %llu\n", last.ttft_us);
	seq_printf(m, "last_prefill_us %llu\n", last.prefill_us);
	seq_printf(m, "last_decode_us %llu\n", last.decode_us);
	seq_printf(m, "tokens_reused %llu\n", llamux_figures_total(LLAMUX_REUSED));
	seq_printf(m, "tokens_drafted %llu\n", llamux_figures_total(LLAMUX_DRAFTED));
	seq_printf(m, "tokens_accepted %llu\n", llamux_figures_total(LLAMUX_ACCEPTED));
	seq_printf(m, "last_reused %llu\n", last.reused);
	seq_printf(m, "last_drafted %llu\n", last.drafted);
	seq_printf(m, "last_accepted %llu\n", last.accepted);
	seq_printf(m, "threads %u\n", llamux_threads_max());
	seq_printf(m, "last_log_prob %lld\n", mean(last.log_prob, last.sampled));
	seq_printf(m, "last_margin %lld\n", mean(last.margin, last.sampled));
	seq_printf(m, "model_sha256 %*phN\n", SHA256_DIGEST_SIZE, model->identity.sha256);
	seq_printf(m, "signature %s\n", llamux_verify_signature_name(model->identity.signature));
	llamux_registry_put(model);
	return 0;
}

static int open(struct file *file, int (*show)(struct seq_file *m, void *unused))
{
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = single_open(file, show, NULL);
	if (err)
		module_put(THIS_MODULE);
	return err;
}

static int status_open(struct inode *inode, struct file *file)
{
	return open(file, status_show);
}

static int stats_open(struct inode *inode, struct file *file)
{
	return open(file, stats_show);
}

static int release(struct inode *inode, struct file *file)
{
	int err = single_release(inode, file);

	module_put(THIS_MODULE);
	return err;
}

const struct proc_ops llamux_status_ops = {
	.proc_open = status_open,
	.proc_release = release,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
};

const struct proc_ops llamux_stats_ops = {
	.proc_open = stats_open,
	.proc_release = release,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
};
