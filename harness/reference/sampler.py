# SPDX-License-Identifier: GPL-2.0
"""The sampler in Python and numpy, written from docs/sampling.md alone."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.reference import fixedpoint as fp

WINDOW = 64
ONE = 1 << 16
MASK64 = (1 << 64) - 1


@dataclass(frozen=True)
class Parameters:
    """Parameters of the sampler; ratios in Q16. ValueError if one is out of its range."""

    temperature: int = ONE
    top_k: int = 0
    top_p: int = ONE
    min_p: int = 0
    repeat_penalty: int = ONE
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0, 16 * ONE),
            "top_k": (0, (1 << 32) - 1),
            "top_p": (1, ONE),
            "min_p": (0, ONE),
            "repeat_penalty": (ONE // 2, 16 * ONE),
            "seed": (0, MASK64),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is out of its range")


def parse_q16(text: str) -> int:
    """Return a decimal in Q16, to nearest, halves upwards. ValueError for anything else."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not digits or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"not a decimal: {text!r}")
    if int(whole or "0") > 32767:
        raise ValueError(f"too large: {text!r}")
    unit = int(10 ** len(fraction))
    return (2 * int(digits) * ONE + unit) // (2 * unit)


def penalized(logit: int, penalty: int) -> int:
    """Do step 1 for one logit."""
    if logit >= 0:
        value = ((logit << 16) + (penalty >> 1)) // penalty
    else:
        value = int(fp.shift_round(logit * penalty, 16))
    return max(-(1 << 31), min(value, (1 << 31) - 1))


def weights(differences: NDArray[np.int64], temperature: int) -> NDArray[np.int64]:
    """Do step 2: return the Q30 weight of each difference (Q16, not negative)."""
    scale = (fp.log2e_q30() << 26) // temperature
    # Beyond 2^26 the weight is 0 at every temperature; the product needs more than 64 bits.
    exact = [(min(int(d), 1 << 26) * scale) >> 36 for d in differences]
    return fp.i64(fp.exp2_neg(np.array([min(x, 31 << 20) for x in exact], dtype=np.int64)))


@dataclass
class Sampler:
    """One conversation's sampler."""

    parameters: Parameters
    state: int = field(init=False)
    window: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.state = self.parameters.seed

    def accept(self, token: int) -> None:
        """Record a token of the prompt or of the answer."""
        self.window = [*self.window, token][-WINDOW:]

    def random(self) -> int:
        """Return the next number of the generator, 64 bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK64
        return z ^ (z >> 31)

    def kept(self, logits: ArrayLike, allowed: ArrayLike | None = None) -> list[tuple[int, int]]:
        """Do steps 1 to 4: return (id, weight) of the tokens that are kept, ranked.

        logits: (n_vocab,) Q16; allowed: (n_vocab,) booleans. Empty where nothing is allowed.
        """
        p = self.parameters
        ids, values = self._candidates(logits, allowed)
        if not len(ids):
            return []
        order = np.lexsort((ids, -values))
        ids, values = ids[order], values[order]
        w = weights(values[0] - values, p.temperature)
        n = min(p.top_k, len(ids)) if p.top_k else len(ids)
        n = min(n, int(np.count_nonzero(w >= p.min_p << 14)))
        running = np.cumsum(w[:n])
        target = -(-int(running[-1]) * p.top_p // ONE)
        n = int(np.searchsorted(running, target)) + 1
        return list(zip(ids[:n].tolist(), w[:n].tolist(), strict=True))

    def sample(self, logits: ArrayLike, allowed: ArrayLike | None = None) -> int | None:
        """Return a token, not yet accepted, or None if no token is allowed."""
        if not self.parameters.temperature:
            ids, values = self._candidates(logits, allowed)
            return int(ids[np.argmax(values)]) if len(ids) else None
        kept = self.kept(logits, allowed)
        if not kept:
            return None
        at = self.random() * sum(w for _, w in kept) >> 64
        for token, w in kept:
            at -= w
            if at < 0:
                return token
        raise AssertionError("the running sum reaches the whole")

    def _candidates(
        self, logits: ArrayLike, allowed: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        values = fp.i64(logits).copy()
        for token in set(self.window):
            if token < len(values):
                values[token] = penalized(int(values[token]), self.parameters.repeat_penalty)
        ids = np.arange(len(values), dtype=np.int64)
        if allowed is not None:
            ids = ids[np.asarray(allowed, dtype=bool)]
        return ids, values[ids]
