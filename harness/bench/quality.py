# SPDX-License-Identifier: GPL-2.0
"""Difference between double precision and the integer core, or llama.cpp, on a text."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.bench.engines import PeerEngine
from harness.core.chat import BOS, Chat
from harness.core.session import Model
from harness.host.errors import UsageError
from harness.host.paths import ROOT
from harness.reference.float64 import Float64Model

F64 = NDArray[np.float64]

TEXT = ROOT / "fixtures" / "text.txt"
"""English, code and numbers: 579 tokens of SmolLM2."""

CLEAR = 1e-3
"""Margin between the two best logits that a correct engine keeps."""

Q16 = 1 / 65536

_ROWS = 64
_BATCH = 32


@dataclass(frozen=True)
class Quality:
    """Difference of an engine's next-token distributions from double precision's."""

    n_tokens: int
    mean_kl: float
    """Mean of the Kullback-Leibler divergence, in nats."""
    max_kl: float
    same_top1: float
    """Share of positions where both have the same likeliest token."""
    clear_misses: int
    """Number of other positions where double precision's best token leads by CLEAR or more."""
    perplexity: float
    """Perplexity of the text in double precision."""


def log_softmax(x: F64) -> F64:
    """Return the logarithm of the softmax over the last axis."""
    shifted = x - x.max(axis=-1, keepdims=True)
    y: F64 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return y


def kl_divergence(want: F64, got: F64) -> F64:
    """Return KL(want || got) of each row of logits (t, n): (t,)."""
    a, b = log_softmax(want), log_softmax(got)
    kl: F64 = (np.exp(a) * (a - b)).sum(axis=-1)
    return kl


def margins(x: F64) -> F64:
    """Return the difference between the two best logits of each row (t, n): (t,)."""
    best = np.partition(x, -2, axis=-1)
    lead: F64 = best[..., -1] - best[..., -2]
    return lead


def compare(want: F64, got: NDArray[Any], unit: float, tokens: Sequence[int]) -> Quality:
    """Compare double precision's logits (t, n) with an engine's in multiples of ``unit``."""
    kl, misses, clear, surprise = [], 0, 0, 0.0
    for start in range(0, len(want), _ROWS):
        some = slice(start, start + _ROWS)
        a, b = want[some], got[some] * np.float64(unit)
        kl.append(kl_divergence(a, b))
        differs = a.argmax(axis=-1) != b.argmax(axis=-1)
        misses += int(differs.sum())
        clear += int((differs & (margins(a) > CLEAR)).sum())
        following = np.asarray(tokens[start + 1 : start + 1 + len(a)], dtype=np.int64)
        surprise -= float(log_softmax(a)[np.arange(len(following)), following].sum())
    every = np.concatenate(kl)
    return Quality(
        n_tokens=len(want),
        mean_kl=float(every.mean()),
        max_kl=float(every.max()),
        same_top1=1 - misses / len(want),
        clear_misses=clear,
        perplexity=float(np.exp(surprise / (len(want) - 1))),
    )


def measure(path: Path, text: bytes, peer: PeerEngine | None = None) -> list[Quality]:
    """Evaluate a text by the core, by the peer if there is one, and in double precision.

    Return the core's quality, then the peer's. UsageError if the text has fewer than two tokens
    or more than the model's context, HarnessError if the peer fails.
    """
    with Chat(path.read_bytes()) as vocabulary:
        tokens = vocabulary.plain(text, BOS)
    with Model(path) as model:
        if not 2 <= len(tokens) <= model.n_ctx_train:
            raise UsageError(
                f"the text has {len(tokens)} tokens: give 2 to {model.n_ctx_train} of them"
            )
        got = model.logits(tokens, _BATCH)
    want = Float64Model(path).logits(tokens)
    result = [compare(want, got, Q16, tokens)]
    if peer:
        peer.load(path, os.cpu_count() or 1, len(tokens), None)
        result.append(compare(want, peer.logits(tokens), 1.0, tokens))
    return result
