# SPDX-License-Identifier: GPL-2.0
"""Log-probabilities, margins and scores as docs/sampling.md has them, in numpy."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.reference import fixedpoint as fp
from harness.reference.twin import Twin


def log_prob(logits: ArrayLike, token: int) -> int:
    """Return the log-probability, natural, Q16, of a token among ``logits`` (n_vocab,) Q16."""
    values = fp.i64(logits)
    top = int(values.max())
    below = np.minimum(top - values, 1 << 21)
    mass = int(np.sum(fp.exp2_neg((below * fp.log2e_q30()) >> 26)))
    bits = mass.bit_length()
    y = mass >> (bits - 32) if bits > 32 else mass << (32 - bits)
    log = bits - 31
    for _ in range(20):
        bit = (y * y) >> 63
        log = 2 * log + bit
        y = (y * y) >> (31 + bit)
    return int(values[token]) - top - ((log * fp.ln2_q30()) >> 34)


def margin(logits: ArrayLike, token: int) -> int:
    """Return the difference between a token's logit and the best other token's, Q16."""
    values = fp.i64(logits)
    return int(values[token] - np.delete(values, token).max())


def score(
    twin: Twin, prompt: Sequence[int], candidate: Sequence[int], ends: Collection[int] = ()
) -> tuple[int, int]:
    """Return the number of tokens of a candidate and their log-probability, natural, Q16.

    The candidate follows ``prompt``. Of the tokens ``ends``, which end an answer, the likeliest
    is scored, too.
    """
    tokens = [*prompt, *candidate]
    logits = twin.logits(tokens)[len(prompt) - 1 :]
    scored = list(candidate)
    if ends:
        scored.append(max(ends, key=lambda token: int(logits[-1][token])))
    rows = logits[: len(scored)]
    return len(scored), sum(log_prob(row, t) for row, t in zip(rows, scored, strict=True))
