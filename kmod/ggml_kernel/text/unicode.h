/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What kind of character a code point is
 */
#ifndef LLAMA_UNICODE_H
#define LLAMA_UNICODE_H

#include "base/port.h"

enum llama_unicode_class {
	UNICODE_OTHER,
	UNICODE_LETTER,		/* general category L */
	UNICODE_NUMBER,		/* general category N */
	UNICODE_SPACE,		/* White_Space */
};

/** llama_unicode_class() - The class of any @cp. */
enum llama_unicode_class llama_unicode_class(u32 cp);

#endif
