// SPDX-License-Identifier: GPL-2.0
/*
 * Sample of a module that uses llamux.ko. It asks a model once, while the module is loaded, and
 * shows the result in /proc/llamux_sample. The request belongs to the user who loads the module:
 *
 *	insmod llamux_sample.ko prompt='"Nothing works any more."' candidates=positive,negative \
 *		system='"Classify the sentiment of the text as positive or negative."'
 *	cat /proc/llamux_sample
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>

#include <llamux.h>

#define NAME "llamux_sample"
#define MAX_CANDIDATES 16

static char *prompt = "What is a kernel module?";
module_param(prompt, charp, 0444);
MODULE_PARM_DESC(prompt, "prompt (default: What is a kernel module?)");

static char *system;
module_param(system, charp, 0444);
MODULE_PARM_DESC(system, "system prompt (default: the model's own)");

static char *model;
module_param(model, charp, 0444);
MODULE_PARM_DESC(model, "name of the model (default: the default model)");

static char *candidates[MAX_CANDIDATES];
static uint n_candidates;
module_param_array(candidates, charp, &n_candidates, 0444);
MODULE_PARM_DESC(candidates, "answers to score, separated by commas (default: ask for an answer)");

static uint max_tokens = 256;
module_param(max_tokens, uint, 0444);
MODULE_PARM_DESC(max_tokens, "maximum number of tokens of the answer (default 256)");

static uint timeout_ms;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "milliseconds from the call to its deadline (default 0: none)");

static uint cancel_ms;
module_param(cancel_ms, uint, 0444);
MODULE_PARM_DESC(cancel_ms, "milliseconds until the request is cancelled (default 0: never)");

static uint max_pieces;
module_param(max_pieces, uint, 0444);
MODULE_PARM_DESC(max_pieces, "number of pieces of the answer after which to cancel (default 0: all)");

static uint size = 4096;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes of the buffer for the answer, at most 4096 (default 4096)");

static uint pause_ms;
module_param(pause_ms, uint, 0444);
MODULE_PARM_DESC(pause_ms, "milliseconds to sleep after each piece (default 0)");

static bool worker;
module_param(worker, bool, 0444);
MODULE_PARM_DESC(worker, "ask from a kernel thread (default N)");

static struct llamux_request request;
static struct llamux_candidate scores[MAX_CANDIDATES];
static char answer[4096];
static uint pieces;
static int result;

static void cancel(struct work_struct *work)
{
	llamux_cancel(&request);
}

static DECLARE_DELAYED_WORK(canceller, cancel);

static int take_piece(struct llamux_request *r, const char *text, size_t n)
{
	msleep(pause_ms);
	return ++pieces == max_pieces;
}

static void ask(struct work_struct *unused)
{
	uint i;

	llamux_request_init(&request, prompt);
	request.system = system;
	request.model = model;
	request.max_tokens = max_tokens;
	request.timeout_ms = timeout_ms;
	request.answer = answer;
	request.size = min_t(uint, size, sizeof(answer));
	request.stream = take_piece;
	for (i = 0; i < n_candidates; i++)
		scores[i].text = candidates[i];
	if (cancel_ms)
		schedule_delayed_work(&canceller, msecs_to_jiffies(cancel_ms));
	if (n_candidates)
		result = llamux_score(&request, scores, n_candidates, true);
	else
		result = llamux_ask(&request);
	cancel_delayed_work_sync(&canceller);
}

static DECLARE_WORK(asker, ask);

static int show(struct seq_file *m, void *unused)
{
	uint i;

	seq_printf(m, "result %d\n", result);
	for (i = 0; i < n_candidates; i++)
		seq_printf(m, "score %lld tokens %u %s\n", scores[i].log_prob, scores[i].tokens,
			   scores[i].text);
	if (!n_candidates) {
		seq_printf(m, "pieces %u\n", pieces);
		seq_write(m, answer, request.n);
	}
	return 0;
}

static int __init sample_init(void)
{
	if (worker && schedule_work(&asker))
		flush_work(&asker);
	else
		ask(NULL);
	return proc_create_single(NAME, 0444, NULL, show) ? 0 : -ENOMEM;
}

static void __exit sample_exit(void)
{
	remove_proc_entry(NAME, NULL);
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample of a module that asks llamux.ko");
MODULE_AUTHOR("The Llamux maintainers");
