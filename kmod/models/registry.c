// SPDX-License-Identifier: GPL-2.0
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "resources/log.h"
#include "registry.h"

#define DEFAULT_N_CTX 2048
#define SUFFIX ".gguf"

static struct {
	int n_ctx;
	struct mutex lock;	/* guards what follows, and models' keys and entries in the list */
	struct list_head models;
	struct llamux_model *chosen;
} registry = {
	.lock = __MUTEX_INITIALIZER(registry.lock),
	.models = LIST_HEAD_INIT(registry.models),
};

static void release(struct kref *ref)
{
	llamux_model_free(container_of(ref, struct llamux_model, ref));
}

void llamux_registry_put(struct llamux_model *model)
{
	if (model)
		kref_put(&model->ref, release);
}

static struct llamux_model *find(const char *key)
{
	struct llamux_model *model;

	lockdep_assert_held(&registry.lock);
	list_for_each_entry(model, &registry.models, node)
		if (!strcmp(model->key, key))
			return model;
	return NULL;
}

struct llamux_model *llamux_registry_get(const char *key)
{
	struct llamux_model *model;

	mutex_lock(&registry.lock);
	model = *key ? find(key) : registry.chosen;
	if (model)
		kref_get(&model->ref);
	mutex_unlock(&registry.lock);
	return model;
}

/* Derive a key from a file's name. */
static void derive_key(const char *path, char key[LLAMUX_KEY])
{
	const char *base = kbasename(path);
	size_t n = strlen(base);

	if (n > strlen(SUFFIX) && !strcmp(base + n - strlen(SUFFIX), SUFFIX))
		n -= strlen(SUFFIX);
	snprintf(key, LLAMUX_KEY, "%.*s", (int)min_t(size_t, n, LLAMUX_KEY - 1), base);
}

static bool is_key(const char *key)
{
	size_t n = strlen(key);

	if (!n || n >= LLAMUX_KEY)
		return false;
	for (; *key; key++)
		if (!isascii(*key) || (!isalnum(*key) && !strchr("._-", *key)))
			return false;
	return true;
}

/* Set the context of conversations. Return: 0, or -EINVAL if the first model has too little. */
static int choose_context(struct llamux_model *model, bool first)
{
	u32 own = model->m.n_ctx_train;

	if (registry.n_ctx == -1) {
		model->n_ctx = min_t(u32, DEFAULT_N_CTX, own);
		return 0;
	}
	if (registry.n_ctx > own && first) {
		pr_err("n_ctx is %d, the model's own context is %u\n", registry.n_ctx, own);
		return -EINVAL;
	}
	model->n_ctx = min_t(u32, registry.n_ctx, own);
	return 0;
}

static int add(struct llamux_model *model)
{
	int err = -EEXIST;

	mutex_lock(&registry.lock);
	if (!find(model->key)) {
		list_add_tail(&model->node, &registry.models);
		if (!registry.chosen)
			registry.chosen = model;
		err = 0;
	}
	mutex_unlock(&registry.lock);
	return err;
}

static bool is_taken(const char *key)
{
	struct llamux_model *model = llamux_registry_get(key);

	llamux_registry_put(model);
	return model;
}

static int load(const char *path, const char *key, bool first)
{
	struct llamux_model *model;
	int err;

	if (is_taken(key)) {
		pr_err("there is a model %s\n", key);
		return -EEXIST;
	}
	model = llamux_model_load(path);
	if (IS_ERR(model))
		return PTR_ERR(model);
	kref_init(&model->ref);
	strscpy(model->key, key, LLAMUX_KEY);
	err = choose_context(model, first);
	if (!err)
		err = llamux_prefix_init(&model->prefix, &model->m, model->n_ctx);
	if (!err)
		err = add(model);
	if (err)
		llamux_registry_put(model);
	return err;
}

int llamux_registry_load(const char *path, const char *key)
{
	char derived[LLAMUX_KEY];

	if (!key) {
		derive_key(path, derived);
		key = derived;
	}
	if (!is_key(key)) {
		pr_err("a model's name has up to %d letters, digits, dots, underscores and hyphens\n",
		       LLAMUX_KEY - 1);
		return -EINVAL;
	}
	return load(path, key, false);
}

int llamux_registry_unload(const char *key)
{
	struct llamux_model *model;
	int err = 0;

	mutex_lock(&registry.lock);
	model = find(key);
	if (!model)
		err = -ENOENT;
	else if (model == registry.chosen)
		err = -EBUSY;
	else
		list_del(&model->node);
	mutex_unlock(&registry.lock);
	if (!err)
		llamux_registry_put(model);
	return err;
}

int llamux_registry_choose(const char *key)
{
	struct llamux_model *model;

	mutex_lock(&registry.lock);
	model = find(key);
	if (model)
		registry.chosen = model;
	mutex_unlock(&registry.lock);
	return model ? 0 : -ENOENT;
}

void llamux_registry_show(struct seq_file *m)
{
	struct llamux_model *model;
	char name[LLAMUX_NAME];

	mutex_lock(&registry.lock);
	list_for_each_entry(model, &registry.models, node) {
		llamux_model_name(model, name);
		seq_printf(m, "%s\t%s\t%u\t%zu\t%u\t%s\t%s\n", model->key,
			   model == registry.chosen ? "default" : "loaded",
			   kref_read(&model->ref) - 1, model->image.size + model->arena.size,
			   model->n_ctx, model->m.file_type, name);
	}
	mutex_unlock(&registry.lock);
}

int llamux_registry_start(const char *path, int n_ctx)
{
	char key[LLAMUX_KEY];

	registry.n_ctx = n_ctx;
	derive_key(path, key);
	return load(path, is_key(key) ? key : "default", true);
}

void llamux_registry_stop(void)
{
	struct llamux_model *model, *next;

	registry.chosen = NULL;
	list_for_each_entry_safe(model, next, &registry.models, node) {
		list_del(&model->node);
		llamux_registry_put(model);
	}
}
