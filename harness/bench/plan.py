# SPDX-License-Identifier: GPL-2.0
"""Measures that a benchmark takes of each engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from gguf import GGUFReader

from harness.bench.engines import Engine, Prompt
from harness.core.chat import Chat

N_CTX = 2048

PATIENCE = 3
"""Rounds tried for each round that counts, on a machine that is not idle."""


@dataclass(frozen=True)
class BenchMeasure:
    """One thing to measure."""

    kind: str
    unit: str
    """"tokens/s", "s" or "bytes"."""
    tokens: int
    """Tokens of a sample."""
    run: Callable[[Engine], float]
    """Take a sample: seconds, or bytes."""
    prepare: Callable[[Engine], None] = lambda _: None
    """Prepare an engine, once, before a first sample that does not count."""
    curve: bool = False
    """Whether the figure is for plots alone."""
    native: bool = False
    """Whether the module is left out: it would evaluate a long prompt for each sample."""

    def value(self, engine: Engine) -> float:
        """Take a sample; return it in ``unit``."""
        figure = self.run(engine)
        return self.tokens / figure if self.unit == "tokens/s" else figure


TEXT = b"Explain in a few plain words how a kernel decides which of two waiting processes runs"

TEXT_TOKENS = 20

HEAD_TEXTS = (b"0", b"a")
"""Texts whose common head in the template is every text's: see llama_generation_head()."""


def chat_prompt(path: Path) -> Prompt:
    """Return a question of about TEXT_TOKENS tokens in the model's template.

    There is a system prompt only if the template has one of its own.
    """
    with Chat(path.read_bytes()) as chat:
        words = (TEXT + b" next, and why that is fair to both of them.").split()
        while len(words) > 1 and len(chat.plain(b" ".join(words))) > TEXT_TOKENS:
            words.pop()
        text = b" ".join(words)
        turns = [chat.turn(t, system=chat.default_system) for t in (text, *HEAD_TEXTS)]
        tokens = turns[0]
        same = list(takewhile(lambda ids: len(set(ids)) == 1, zip(*turns, strict=False)))
        head = min(len(same), len(tokens) - 1)
        return Prompt(text, tuple(tokens), head, len(chat.plain(text)))


def weight_bytes(path: Path) -> int:
    """Return the bytes of weights that a token reads: all but an embedding that is looked up."""
    sizes = {str(t.name): int(t.n_bytes) for t in GGUFReader(path).tensors}
    looked_up = sizes.get("token_embd.weight", 0) if "output.weight" in sizes else 0
    return sum(sizes.values()) - looked_up


@dataclass(frozen=True)
class BenchPlan:
    """Measures of one model.

    ``curve_depths`` and ``curve_batches`` are for plots: they take the most threads, and
    ``curve_repeat`` rounds.
    """

    name: str
    path: Path
    threads: tuple[int, ...]
    prompt_tokens: int
    gen_tokens: int
    depths: tuple[int, ...]
    repeat: int
    n_ctx: int
    isa: str | None = None
    curve_depths: tuple[int, ...] = ()
    curve_batches: tuple[int, ...] = ()
    curve_repeat: int = 3
    patience: int = PATIENCE

    def decode(self, depth: int, curve: bool = False) -> BenchMeasure:
        """Return the measure of decoding from a position."""
        n = min(self.gen_tokens, self.n_ctx - depth)
        return BenchMeasure(
            f"decode@{depth}" if depth else "decode",
            "tokens/s",
            n,
            lambda e: e.decode(n, depth),
            lambda e: e.fill(depth),
            curve=curve,
            native=depth > 0,
        )

    def load(self, threads: int) -> BenchMeasure:
        """Return the measure of loading a file that is in the page cache."""

        def run(engine: Engine) -> float:
            return engine.load(self.path, threads, self.n_ctx, self.isa)

        return BenchMeasure("load", "s", 0, run)

    def prefill(self, n: int, batch: int = 0) -> BenchMeasure:
        """Return the measure of a prompt in passes of ``batch`` tokens, 0 for the engine's own."""
        kind = f"prefill/{batch}" if batch else "prefill"

        def run(engine: Engine) -> float:
            return engine.prefill(n, batch)

        return BenchMeasure(kind, "tokens/s", n, run, curve=batch > 0, native=batch > 0)

    def first_token(self, prompt: Prompt, kept: int) -> BenchMeasure:
        """Return the measure of a chat prompt, ``kept`` of whose tokens are in the cache."""
        kind = "first-token-kept" if kept else "first-token"
        rest = len(prompt.tokens) - kept
        return BenchMeasure(kind, "s", rest, lambda e: e.first_token(prompt, kept))

    def measures(self, threads: int) -> Iterator[tuple[BenchMeasure, int]]:
        """Yield each measure with its rounds, in an order that suits caches."""
        most = threads == max(self.threads)
        few = min(self.curve_repeat, self.repeat)
        yield self.load(threads), self.repeat
        yield self.prefill(self.prompt_tokens), self.repeat
        prompt = chat_prompt(self.path)
        for kept in sorted({0, prompt.head}):
            yield self.first_token(prompt, kept), self.repeat
        for batch in self.curve_batches if most else ():
            yield self.prefill(min(128, self.n_ctx), batch), few
        for depth in sorted({0, *self.depths, *(self.curve_depths if most else ())}):
            curve = depth > 0 and depth not in self.depths
            yield self.decode(depth, curve), few if curve else self.repeat
