// SPDX-License-Identifier: GPL-2.0
/* Clients that write what the module must refuse. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/procfs.h"
#include "chance.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/**
 * struct refusal - A write and a read that must fail.
 * @path:        File.
 * @flags:       Flags of open().
 * @text:        Bytes to write; a bad address if the pointer is NULL.
 * @write_errno: Errno of the write, or 0.
 * @read_errno:  Errno of the read that follows.
 */
static const struct refusal {
	const char *path;
	int flags;
	struct bytes text;
	int write_errno;
	int read_errno;
} refusals[] = {
	{ PROMPT, O_RDWR, { "a\0b", 3 }, EINVAL, ENODATA },
	{ PROMPT, O_RDWR, { "\xc0\x80", 2 }, EILSEQ, ENODATA },
	{ PROMPT, O_RDWR, { "half \xe2\x82", 7 }, 0, EILSEQ },
	{ PROMPT, O_RDWR, { "\n", 1 }, 0, ENODATA },
	{ PROMPT, O_RDWR, { NULL, 9 }, EFAULT, ENODATA },
	{ PROMPT, O_RDWR, { NULL, 3u << 20 }, EMSGSIZE, ENODATA },
	{ OPTIONS, O_WRONLY, { "frobnicate 1\n", 13 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "seed -1\n", 8 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "seed 1\ntop_p 2\n", 15 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "system \xff\n", 9 }, EILSEQ, EBADF },
	{ OPTIONS, O_WRONLY, { NULL, 20000 }, EMSGSIZE, EBADF },
	{ OPTIONS, O_WRONLY, { NULL, 9 }, EFAULT, EBADF },
	{ LOGITS, O_RDWR, { "1 2 x", 5 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { "batch 65 1", 10 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { "99999999", 8 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { NULL, 9 }, EFAULT, ENODATA },
};

/* Record a failure unless call @what gave -@errnum, or had no room or memory. */
static void expect(uint32_t i, const char *what, int err, int errnum)
{
	if (err != -errnum && !io_is_passing(err))
		record_fail("refusal %u: %s gave %d instead of %d", i, what, err, -errnum);
}

/* Write something malformed; only root may open the file of logits at all. */
int run_malformed(void)
{
	uint32_t i = random_below(ARRAY_SIZE(refusals));
	const struct refusal *r = &refusals[i];
	bool barred = !strcmp(r->path, LOGITS) && getuid();
	int fd = io_open(r->path, r->flags);
	char byte;

	if (barred) {
		expect(i, "open", fd < 0 ? fd : 0, EACCES);
		return 0;
	}
	if (fd < 0)
		return fd;
	expect(i, "write", io_write_once(fd, r->text.data, r->text.n), r->write_errno);
	if (read(fd, &byte, 1) < 0) {
		record_error(errno);
		expect(i, "read", -errno, r->read_errno);
	} else {
		record_fail("refusal %u: read succeeded", i);
	}
	close(fd);
	return 0;
}
