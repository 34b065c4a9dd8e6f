/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What kind of character a code point is
 */
#ifndef LLAMA_UNICODE_H
#define LLAMA_UNICODE_H

#include "base/port.h"

enum unicode_class {
	UNICODE_OTHER,
	UNICODE_LETTER,		/* general category L */
	UNICODE_NUMBER,		/* general category N */
	UNICODE_SPACE,		/* White_Space */
};

/** unicode_class() - The class of any @cp. */
enum unicode_class unicode_class(u32 cp);

#endif
