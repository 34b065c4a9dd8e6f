# SPDX-License-Identifier: GPL-2.0
"""Stop texts, found in a whole answer."""

from collections.abc import Sequence


def cut(text: bytes, stops: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return the text before the stop text that is complete first, and whether there is one.

    If several are complete at the same byte, the longest is removed.
    """
    for end in range(1, len(text) + 1):
        found = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(found)], True
    return text, False
