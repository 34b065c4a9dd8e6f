/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The core's public header
 *
 * Users of the core (the module, the userspace library, fuzzers) include this
 * header alone. Tests of a single operation include that operation's header.
 */
#ifndef LLAMA_CORE_H
#define LLAMA_CORE_H

#include "arithmetic/path.h"
#include "arithmetic/selftest.h"
#include "base/port.h"
#include "base/team.h"
#include "file/gguf.h"
#include "file/gguf_values.h"
#include "generation/dialogue.h"
#include "generation/generation.h"
#include "generation/sampler.h"
#include "generation/score.h"
#include "model/llama.h"
#include "model/model.h"
#include "text/chat.h"
#include "text/stop.h"
#include "text/utf8.h"
#include "text/vocab.h"

#endif
