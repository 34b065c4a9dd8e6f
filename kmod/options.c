// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/string.h>

#include "options.h"
#include "registry.h"

void llamux_options_default(struct llamux_options *o)
{
	memset(o, 0, sizeof(*o));
	o->o = LLAMA_OPTIONS_DEFAULT;
}

void llamux_options_copy(struct llamux_options *to, const struct llamux_options *from)
{
	*to = *from;
	if (from->o.system.data)
		to->o.system.data = to->system;
}

int llamux_options_check(const struct llamux_options *o, struct llama_diag *diag)
{
	struct llama_stop_filter stop;
	struct llama_sampler sampler;
	struct llamux_model *model;
	int err = llama_options_check(&sampler, &stop, &o->o, diag);

	if (err)
		return err;
	if (!o->o.max_tokens)
		return llama_fail(diag, -EINVAL, "max_tokens must be at least 1");
	if (strnlen(o->model, sizeof(o->model)) == sizeof(o->model))
		return llama_fail(diag, -EINVAL, "the model's name is too long");
	model = llamux_registry_get(o->model);
	llamux_registry_put(model);
	return model ? 0 : llama_fail(diag, -EINVAL, "there is no model of that name");
}
