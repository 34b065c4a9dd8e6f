// SPDX-License-Identifier: GPL-2.0
/* Clients that change options, by the file of options or by ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <uapi/llamux.h>

#include "../../shared/procfs.h"
#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/* Change the options while an answer is read: only the next answer may follow them. */
int run_changed(void)
{
	const struct question *now = question_choose(&texts), *next = question_choose(&texts);
	struct conversation c;
	long pos = -1;
	int err = conversation_ask_shared(&c, now);

	if (!err) {
		pos = answer_read_some(c.prompt, now, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : io_write(c.options, next->options);
	}
	if (!err) {
		pos = answer_read_some(c.prompt, now, pos, UINT32_MAX, ODD);
		err = pos < 0 ? pos : 0;
	}
	conversation_close(&c, 0);
	if (err)
		return err;
	err = conversation_ask_shared(&c, next);
	if (!err)
		err = answer_read(c.prompt, next);
	return conversation_close(&c, err);
}

/* Make an ioctl. Return: 0 or -errno. */
static int call_ioctl(int fd, unsigned long command, void *argument)
{
	if (!ioctl(fd, command, argument))
		return 0;
	record_error(errno);
	return -errno;
}

/* Put one mistake into options. Return: the -errno that the module must give. */
static int make_bad(struct llamux_ioc_options *o)
{
	switch (random_below(9)) {
	case 0:
		o->reserved = 1;
		break;
	case 1:
		o->temperature = 17 << 16;
		break;
	case 2:
		o->max_tokens = 0;
		break;
	case 3:
		o->n_system = LLAMUX_SYSTEM_BYTES + 1;
		break;
	case 4:
		o->speculate = 8;
		break;
	case 5:
		o->chat_template = 9;
		break;
	case 6:
		o->n_stops = LLAMUX_STOPS + 1;
		break;
	case 7:
		strcpy(o->model, "none");
		break;
	default:
		o->n_system = 1;
		o->system[0] = '\xff';
		return -EILSEQ;
	}
	return -EINVAL;
}

/* Record a failure unless an ioctl gave @right, or had no room or memory. */
static void expect_call(const char *what, int err, int right)
{
	if (err != right && !io_is_passing(err))
		record_fail("ioctl %s gave %d instead of %d", what, err, right);
}

/* Change options by ioctl and change them back; try bad ones in between. Return: 0 or -errno. */
static int exercise_options(int fd)
{
	static struct llamux_ioc_options before, changed, bad, after;
	int right, err = call_ioctl(fd, LLAMUX_IOC_GET_OPTIONS, &before);

	if (err)
		return err;
	changed = before;
	changed.seed = random_below(UINT32_MAX);
	changed.max_tokens = 1 + random_below(100);
	changed.n_stops = 1;
	changed.stop_bytes[0] = 2;
	memcpy(changed.stops[0], "zq", 2);
	err = call_ioctl(fd, LLAMUX_IOC_SET_OPTIONS, &changed);
	if (err)
		return err;
	bad = changed;
	right = make_bad(&bad);
	expect_call("with bad options", call_ioctl(fd, LLAMUX_IOC_SET_OPTIONS, &bad), right);
	expect_call("without options", call_ioctl(fd, LLAMUX_IOC_SET_OPTIONS, NULL), -EFAULT);
	expect_call("of an unknown number", call_ioctl(fd, _IO(0xBE, 99), NULL), -ENOTTY);
	err = call_ioctl(fd, LLAMUX_IOC_GET_OPTIONS, &after);
	if (err)
		return err;
	if (memcmp(&changed, &after, sizeof(after)))
		record_fail("the module returned other options than those that were set");
	return call_ioctl(fd, LLAMUX_IOC_SET_OPTIONS, &before);
}

/* Check that the figures of an answer agree with each other. */
static void check_figures(int fd)
{
	struct llamux_ioc_figures f;
	int err = call_ioctl(fd, LLAMUX_IOC_FIGURES, &f);

	if (err)
		expect_call("for figures", err, 0);
	else if (!f.prompt_tokens || f.reused_tokens > f.prompt_tokens || f.accepted > f.drafted ||
		 f.sampled > f.tokens + 1 || f.log_prob > 0)
		record_fail("figures contradict: %llu of %llu tokens reused, %llu of %llu accepted",
			    (unsigned long long)f.reused_tokens,
			    (unsigned long long)f.prompt_tokens,
			    (unsigned long long)f.accepted, (unsigned long long)f.drafted);
}

/* Make every ioctl before, within and after an answer. */
int run_ioctls(void)
{
	const struct question *q = question_choose(&texts);
	struct conversation c = { .prompt = -1 };
	long pos;
	int err;

	c.options = conversation_open_options(q);
	if (c.options < 0)
		return c.options;
	c.prompt = io_open(random_below(2) ? PROMPT : CHAT, O_RDWR);
	err = c.prompt < 0 ? c.prompt : exercise_options(c.prompt);
	if (!err)
		err = io_write(c.prompt, q->prompt);
	if (!err) {
		pos = answer_read_some(c.prompt, q, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : 0;
	}
	if (!err)
		check_figures(c.prompt);
	if (!err)
		err = call_ioctl(c.prompt, LLAMUX_IOC_RESET, NULL);
	if (!err && (read(c.prompt, &pos, 1) >= 0 || errno != ENODATA))
		record_fail("a read after a reset did not give ENODATA");
	if (!err)
		err = io_write(c.prompt, q->prompt);
	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}
