// SPDX-License-Identifier: GPL-2.0
/* A conversation with the module, private to an open file or shared by a session. */
#include <fcntl.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "conversation.h"
#include "io.h"

int conversation_open_options(const struct question *q)
{
	int fd = io_open(OPTIONS, O_RDWR);
	int err = fd < 0 ? fd : io_write(fd, q->options);

	if (err >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

int conversation_close(struct conversation *c, int err)
{
	if (c->prompt >= 0)
		close(c->prompt);
	if (c->options >= 0)
		close(c->options);
	return err;
}

void conversation_drop_options(struct conversation *c)
{
	close(c->options);
	c->options = -1;
}

int conversation_ask_private(struct conversation *c, const struct question *q)
{
	c->prompt = -1;
	c->options = conversation_open_options(q);
	if (c->options < 0)
		return c->options;
	c->prompt = io_open(PROMPT, O_RDWR);
	conversation_drop_options(c);
	return c->prompt < 0 ? c->prompt : io_write(c->prompt, q->prompt);
}

int conversation_ask_shared(struct conversation *c, const struct question *q)
{
	int fd, err;

	c->prompt = -1;
	c->options = conversation_open_options(q);
	if (c->options < 0)
		return c->options;
	fd = io_open(PROMPT, O_WRONLY);
	if (fd < 0)
		return fd;
	err = io_write(fd, q->prompt);
	close(fd);
	if (err)
		return err;
	c->prompt = io_open(PROMPT, O_RDONLY);
	return c->prompt < 0 ? c->prompt : 0;
}
