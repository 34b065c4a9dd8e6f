/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Classes of characters
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

/** llama_unicode_class() - Return the class of a code point; @cp may be any number. */
enum llama_unicode_class llama_unicode_class(u32 cp);

#endif
