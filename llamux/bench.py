# SPDX-License-Identifier: GPL-2.0
"""Speed of the module, from its own figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median

from llamux.client import Conversation, Figures
from llamux.errors import LlamuxError
from llamux.options import Options

_TEXT = "the quick brown fox jumps over the lazy dog while a kernel counts its pages and"


@dataclass(frozen=True)
class Spread:
    """Median and range of several runs."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Report:
    """Speeds in tokens per second; time to the first token in seconds."""

    prompt_tokens: int
    tokens: int
    prefill: Spread
    decode: Spread
    first_token: Spread


def runs(options: Options, words: int, repeats: int) -> Iterator[Figures]:
    """Ask repeatedly, each time in a new conversation, so that no cache is reused."""
    text = " ".join(islice(cycle(_TEXT.split()), words))
    for _ in range(repeats):
        with Conversation(options) as conversation:
            conversation.ask(text)
            yield conversation.figures()


def report(measured: Sequence[Figures]) -> Report:
    """Summarize runs. Raises LlamuxError if they are too short to measure."""
    last = measured[-1]
    if last.tokens < 2:
        raise LlamuxError("the answer has no second token to measure: give another --words")

    def spread(values: Sequence[float]) -> Spread:
        return Spread(median(values), min(values), max(values))

    return Report(
        last.prompt_tokens,
        last.tokens,
        spread([(f.prompt_tokens - f.reused_tokens) / max(f.prefill, 1e-6) for f in measured]),
        # The first token comes out of the prompt's last pass.
        spread([(f.tokens - 1) / max(f.decode, 1e-6) for f in measured]),
        spread([f.first_token for f in measured]),
    )
