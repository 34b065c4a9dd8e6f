# SPDX-License-Identifier: GPL-2.0
"""Stop texts: what they leave of an answer, told from the whole of it."""

from collections.abc import Sequence


def cut(text: bytes, stops: Sequence[bytes]) -> tuple[bytes, bool]:
    """What comes before the stop text that is complete first, and whether there is one.

    Of several that are complete at once, the longest goes.
    """
    for end in range(1, len(text) + 1):
        found = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(found)], True
    return text, False
