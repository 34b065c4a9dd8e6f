// SPDX-License-Identifier: GPL-2.0
#include "text/unicode.h"
#include "text/generated/unicode_tables.h"

enum llama_unicode_class llama_unicode_class(u32 cp)
{
	u32 lo = 0, hi = ARRAY_SIZE(unicode_ranges);

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (cp > unicode_ranges[mid].last)
			lo = mid + 1;
		else if (cp < unicode_ranges[mid].first)
			hi = mid;
		else
			return unicode_ranges[mid].class;
	}
	return UNICODE_OTHER;
}
