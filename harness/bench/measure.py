# SPDX-License-Identifier: GPL-2.0
"""Measures of speed, memory and latency, engine against engine.

Engines take turns: every round has one sample of each, the order turned round by round, so
that whatever changes over time meets them alike, and ratios are of neighbours.
"""

import json
import os
import statistics
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from gguf import GGUFReader
from numpy.typing import NDArray

from harness import core, peer_environment
from harness.bench_machine import Elsewhere
from harness.chat import Chat
from harness.errors import HarnessError
from harness.paths import ROOT
from harness.progress import say

N_CTX = 2048
PEER = "llama.cpp"
QUIET = 0.05
"""Processors that others may keep busy during a round that counts."""
PATIENCE = 3
"""Rounds tried for each that counts, on a machine that is not idle."""

Numbers = list[float]


@dataclass(frozen=True)
class Prompt:
    """A chat prompt, and what it is to a model.

    ``tokens`` are all that the template makes; the first ``head`` of them begin every chat, and
    the module keeps them. ``n_text`` is how many the text has.
    """

    text: bytes
    tokens: tuple[int, ...]
    head: int
    n_text: int


class Engine(ABC):
    """Something that computes with a model, in a process of its own. Times in seconds."""

    name: str
    on: str
    isa: str = ""
    about: str = ""

    @abstractmethod
    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        """Begin anew: a fresh process (or kernel) loads the file."""

    @abstractmethod
    def prefill(self, n: int, batch: int = 0) -> float:
        """Evaluate ``n`` tokens from position 0; ``batch`` at a time, 0 for the engine's best."""

    @abstractmethod
    def fill(self, n: int) -> None:
        """Have ``n`` positions in the cache; not timed."""

    @abstractmethod
    def decode(self, n: int, depth: int) -> float:
        """``n`` tokens, one by one, from position ``depth``."""

    @abstractmethod
    def first_token(self, prompt: Prompt, kept: int) -> float:
        """To the first token of an answer; ``kept`` of the prompt's are in the cache."""

    @abstractmethod
    def memory(self) -> int:
        """Bytes at the peak since the load, the model's included."""

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes that work for it."""

    @abstractmethod
    def close(self) -> None:
        """End it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WorkerEngine(Engine):
    """An engine behind a worker (bench_worker.py)."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What starts the worker, from the repository's root."""

    def _ask(self, do: str, **request: Any) -> Any:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise HarnessError(f"{self.name} has not loaded a model")
        try:
            process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise HarnessError(
                f"{self.name} ended during {do} with exit code {process.wait()}: "
                "what it wrote on standard error says why"
            )
        result = json.loads(answer)
        if "error" in result:
            raise HarnessError(f"{self.name}, {do}: {result['error']}")
        return result.get("value", result)

    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        self.close()
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        done = self._ask("load", path=str(path.resolve()), threads=threads, n_ctx=n_ctx, isa=isa)
        self.isa, self.about = done["isa"], done["about"]
        return float(done["seconds"])

    def prefill(self, n: int, batch: int = 0) -> float:
        return float(self._ask("prefill", n=n, batch=batch))

    def fill(self, n: int) -> None:
        self._ask("fill", n=n)

    def decode(self, n: int, depth: int) -> float:
        return float(self._ask("decode", n=n, depth=depth))

    def first_token(self, prompt: Prompt, kept: int) -> float:
        return float(self._ask("first_token", tokens=list(prompt.tokens), kept=kept))

    def memory(self) -> int:
        return int(self._ask("memory"))

    def pids(self) -> list[int]:
        return [self._process.pid] if self._process else []

    def close(self) -> None:
        if self._process:
            with self._process as process:
                if process.stdin:
                    process.stdin.close()
            self._process = None


class NativeEngine(WorkerEngine):
    """The core in userspace."""

    name, on = "llamux", "native"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "harness.bench_native"]


class PeerEngine(WorkerEngine):
    """llama.cpp, on the same machine."""

    name, on = PEER, "native"

    def command(self) -> list[str]:
        return [str(peer_environment.python()), "-m", "harness.peer_llama_cpp"]

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Those of each position, (t, n_vocab)."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "logits.npy")
            self._ask("logits", tokens=list(tokens), path=str(path))
            logits: NDArray[np.float32] = np.load(path)
            return logits


@dataclass(frozen=True)
class Measure:
    """One thing to measure.

    ``tokens`` is how many a sample takes; ``unit`` is "tokens/s" or "s". ``prepare`` happens
    once for each engine, and then an unmeasured sample. One that is a point of a ``curve`` is
    for plots alone; one that is ``native`` is not for the module, which chooses its passes
    itself and would evaluate a long prompt for each sample.
    """

    kind: str
    unit: str
    tokens: int
    run: Callable[[Engine], float]
    prepare: Callable[[Engine], None] = lambda _: None
    curve: bool = False
    native: bool = False

    def value(self, engine: Engine) -> float:
        """A sample in ``unit``."""
        figure = self.run(engine)
        return self.tokens / figure if self.unit == "tokens/s" else figure


TEXT = b"Explain in a few plain words how a kernel decides which of two waiting processes runs"
TEXT_TOKENS = 20
HEAD_TEXTS = (b"0", b"a")
"""What they have in common in the template, all have: see llama_generation_head()."""


def chat_prompt(path: Path) -> Prompt:
    """A question of about TEXT_TOKENS tokens, as the model's template has it without options.

    So there is a system prompt only where the template has one of its own.
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
    """Bytes of weights that one token reads: all but an embedding that is only looked up."""
    sizes = {str(t.name): int(t.n_bytes) for t in GGUFReader(path).tensors}
    looked_up = sizes.get("token_embd.weight", 0) if "output.weight" in sizes else 0
    return sum(sizes.values()) - looked_up


@dataclass(frozen=True)
class Plan:
    """What to measure of a model.

    ``curve_depths`` and ``curve_batches`` are for plots: with the most threads, and
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

    def decode(self, depth: int, curve: bool = False) -> Measure:
        """Decoding from a position."""
        n = min(self.gen_tokens, self.n_ctx - depth)
        return Measure(
            f"decode@{depth}" if depth else "decode",
            "tokens/s",
            n,
            lambda e: e.decode(n, depth),
            lambda e: e.fill(depth),
            curve=curve,
            native=depth > 0,
        )

    def load(self, threads: int) -> Measure:
        """A file in the page cache, up to where a conversation can begin."""

        def run(engine: Engine) -> float:
            return engine.load(self.path, threads, self.n_ctx, self.isa)

        return Measure("load", "s", 0, run)

    def prefill(self, n: int, batch: int = 0) -> Measure:
        """A prompt, in passes of ``batch`` tokens or of as many as an engine likes."""
        kind = f"prefill/{batch}" if batch else "prefill"

        def run(engine: Engine) -> float:
            return engine.prefill(n, batch)

        return Measure(kind, "tokens/s", n, run, curve=batch > 0, native=batch > 0)

    def first_token(self, prompt: Prompt, kept: int) -> Measure:
        """A chat prompt."""
        kind = "first-token-kept" if kept else "first-token"
        rest = len(prompt.tokens) - kept
        return Measure(kind, "s", rest, lambda e: e.first_token(prompt, kept))

    def measures(self, threads: int) -> Iterator[tuple[Measure, int]]:
        """Everything with one number of threads, in an order that suits caches, and its rounds."""
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


@dataclass
class Samples:
    """Rounds of one measure: of each engine its samples, in the same order."""

    values: list[Numbers]
    elsewhere: Numbers = field(default_factory=list)


def take_turns(
    engines: Sequence[Engine], measure: Measure, repeat: int, elsewhere: Elsewhere, patience: int
) -> Samples:
    """``repeat`` rounds. One that others disturbed is measured again, within patience."""
    for engine in engines:
        measure.prepare(engine)
        measure.run(engine)
    samples = Samples([[] for _ in engines])
    spare = repeat * (patience - 1)
    for i in range(repeat * patience):
        order = list(range(len(engines)))
        if i % 2:
            order.reverse()
        elsewhere.start()
        values = {k: measure.value(engines[k]) for k in order}
        busy = elsewhere.share()
        if busy > QUIET and spare:
            spare -= 1
            continue
        for k, kept in enumerate(samples.values):
            kept.append(values[k])
        samples.elsewhere.append(busy)
        if len(samples.elsewhere) == repeat:
            break
    return samples


def counted(n: int, noun: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third."""
    if len(values) < 2:
        return values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[2]


def _ratios(unit: str, ours: Numbers, others: Numbers) -> Numbers:
    """How many times better ours are, pair by pair: above 1 is better, whatever the unit."""
    pairs = zip(ours, others, strict=True)
    return [a / b if unit == "tokens/s" else b / a for a, b in pairs]


def rows_of(
    plan: Plan, threads: int, engines: Sequence[Engine], measure: Measure, samples: Samples
) -> list[dict[str, Any]]:
    """A row for each engine. The others' figures are relative to the first one's pairs."""
    rows = []
    for engine, values in zip(engines, samples.values, strict=True):
        median = statistics.median(values)
        row: dict[str, Any] = {
            "engine": engine.name,
            "model": plan.name,
            "on": engine.on,
            "isa": engine.isa,
            "threads": threads,
            "kind": measure.kind,
            "tokens_per_second": median if measure.unit == "tokens/s" else None,
            "spread": list(quartiles(values)),
            "ratio_to_peer": None,
            "unit": measure.unit,
            "median": median,
            "tokens": measure.tokens,
            "curve": measure.curve,
            "samples": values,
            "elsewhere": max(samples.elsewhere, default=0.0),
        }
        for other, theirs in zip(engines, samples.values, strict=True):
            if other is engine or engine.name == PEER:
                continue
            ratios = _ratios(measure.unit, values, theirs)
            key = "peer" if other.name == PEER else other.on
            if key == "peer" or engine.on == "uml":
                row[f"ratio_to_{key}"] = statistics.median(ratios)
                row[f"ratios_to_{key}"] = ratios
        rows.append(row)
    return rows


def _with_roofline(row: dict[str, Any], n_bytes: int, bandwidth: float) -> dict[str, Any]:
    """A decode row, with the weights' bytes read a second and their share of the bandwidth."""
    if row["kind"] == "decode":
        row["bytes_per_second"] = row["median"] * n_bytes
        row["of_bandwidth"] = row["bytes_per_second"] / bandwidth
    return row


def _memory_row(plan: Plan, threads: int, engines: Sequence[Engine]) -> list[dict[str, Any]]:
    """The peak of the processes that made all the other rows, which no kernel has made alone."""
    measure = Measure("memory", "bytes", 0, lambda e: e.memory())
    able = [e for e in engines if e.on == "native"]
    return rows_of(plan, threads, able, measure, Samples([[measure.value(e)] for e in able]))


def measure_model(
    plan: Plan, engines: Sequence[Engine], bandwidths: dict[int, float]
) -> list[dict[str, Any]]:
    """Every row of a model. ``bandwidths`` are in bytes a second, by threads."""
    rows: list[dict[str, Any]] = []
    n_bytes = weight_bytes(plan.path)
    with ExitStack() as stack:
        for engine in engines:
            stack.enter_context(engine)
        for threads in plan.threads:
            some = [e for e in engines if threads == 1 or e.on == "native"]
            for engine in engines:
                engine.close()

            def pids(some: Iterable[Engine] = tuple(some)) -> list[int]:
                return [pid for engine in some for pid in engine.pids()]

            elsewhere = Elsewhere(pids)
            for measure, repeat in plan.measures(threads):
                say(f"{plan.name}, {counted(threads, 'thread')}: {measure.kind}")
                able = [e for e in some if e.on == "native" or not measure.native]
                samples = take_turns(able, measure, repeat, elsewhere, plan.patience)
                for row in rows_of(plan, threads, able, measure, samples):
                    rows.append(_with_roofline(row, n_bytes, bandwidths[threads]))
            rows += _memory_row(plan, threads, some)
    return rows


def check_isa(name: str | None) -> None:
    """Raise UsageError where this machine cannot compute so."""
    try:
        core.select_isa(name)
    finally:
        core.select_isa(None)
