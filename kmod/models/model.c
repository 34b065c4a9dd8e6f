// SPDX-License-Identifier: GPL-2.0
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "llama_core.h"
#include "resources/log.h"
#include "model.h"

#define READ_PIECE (1u << 20)

static int yield_load(void *arg)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int read_all(struct file *file, u8 *data, size_t size, struct llama_diag *diag)
{
	loff_t pos = 0;

	while (pos < size) {
		ssize_t n = kernel_read(file, data + pos, min_t(size_t, size - pos, READ_PIECE), &pos);
		int err;

		if (n < 0)
			return llama_fail(diag, n, "cannot be read");
		if (!n)
			return llama_fail(diag, -EIO, "became shorter while it was read");
		err = yield_load(NULL);
		if (err)
			return err;
	}
	return 0;
}

static int read_file(struct llamux_model *model, const char *path, struct llama_diag *diag)
{
	/* Without O_NONBLOCK, opening a named pipe would wait for a writer. */
	struct file *file = filp_open(path, O_RDONLY | O_LARGEFILE | O_NONBLOCK, 0);
	loff_t size;
	int err;

	if (IS_ERR(file))
		return llama_fail(diag, PTR_ERR(file), "cannot be opened");
	size = i_size_read(file_inode(file));
	if (!S_ISREG(file_inode(file)->i_mode))
		err = llama_fail(diag, -EINVAL, "is not a regular file");
	else if (size <= 0)
		err = llama_fail(diag, -ENOEXEC, "is empty");
	else
		err = llamux_memory_alloc_huge(&model->image, size);
	if (err == -ENOMEM)
		llama_fail(diag, err, "does not fit: it needs %lld MiB of free memory", size >> 20);
	if (!err)
		err = read_all(file, model->image.data, size, diag);
	fput(file);
	return err;
}

static int build(struct llamux_model *model, const struct llama_yield *yield,
		 struct llama_diag *diag)
{
	struct llamux_memory index = { };
	struct llama_arena arena = { };
	struct gguf g;
	size_t need;
	int err;

	err = llama_gguf_index_size(model->image.data, model->identity.size, &need, diag);
	if (err)
		return err;
	err = llamux_memory_alloc(&index, need);
	if (err)
		return llama_fail(diag, err, "no memory for its index");
	err = llama_gguf_parse(&g, model->image.data, model->identity.size, index.data, need, diag);
	if (!err)
		err = llama_model_size(&g, &need, diag);
	if (err)
		goto free_index;
	err = llamux_memory_alloc_huge(&model->arena, need);
	if (err) {
		llama_fail(diag, err, "no memory for %zu KiB beside its weights", need >> 10);
		goto free_index;
	}
	arena.base = model->arena.data;
	arena.size = need;
	err = llama_model_init(&model->m, &g, model->image.data, &arena, yield, diag);
free_index:
	llamux_memory_free(&index);
	return err;
}

void llamux_model_name(const struct llamux_model *model, char name[LLAMUX_NAME])
{
	u32 n = min(model->m.name.len, LLAMUX_NAME - 1u);
	u32 i;

	for (i = 0; i < n; i++)
		name[i] = isprint(model->m.name.data[i]) && isascii(model->m.name.data[i]) ?
			  model->m.name.data[i] : '?';
	name[n] = '\0';
}

struct llamux_model *llamux_model_load(const char *path)
{
	struct llamux_model *model = kzalloc(sizeof(*model), GFP_KERNEL);
	const struct llama_yield yield = { .fn = yield_load };
	struct llama_diag diag = { };
	ktime_t start = ktime_get();
	char name[LLAMUX_NAME];
	int err;

	if (!model)
		return ERR_PTR(-ENOMEM);
	err = read_file(model, path, &diag);
	/* The bytes that are verified are those that are used: the file is not read again. */
	if (!err)
		err = llamux_verify(path, model->image.data, model->image.size, &model->identity,
				    &yield, &diag);
	if (!err)
		err = build(model, &yield, &diag);
	if (err) {
		pr_err("%s %s (error %d)\n", path, diag.text[0] ? diag.text : "was not loaded", err);
		llamux_model_free(model);
		return ERR_PTR(err);
	}
	model->load_us = ktime_us_delta(ktime_get(), start);
	llamux_model_name(model, name);
	pr_info("%s, %llu million parameters in %s, %zu MiB, loaded in %llu ms, computing with %s\n",
		name, model->m.n_params / 1000000, model->m.file_type,
		 (model->image.size + model->arena.size) >> 20,
		model->load_us / 1000, llama_path_name());
	return model;
}

void llamux_model_free(struct llamux_model *model)
{
	if (!model)
		return;
	llamux_prefix_free(&model->prefix);
	llamux_memory_free(&model->arena);
	llamux_memory_free(&model->image);
	kfree(model);
}
