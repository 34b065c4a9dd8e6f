# SPDX-License-Identifier: GPL-2.0
"""Worker: a process that runs one engine under measurement.

A worker reads requests on standard input and answers each with a line on standard output,
both JSON: ``{"do": "prefill", "n": 512}`` and ``{"value": 0.8}``, or ``{"error": "..."}``. It
sleeps between requests, takes its own times, and measures nothing but the engine. This module
needs nothing but Python, since a worker runs in its engine's environment.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Loaded:
    """Result of loading a file."""

    seconds: float
    isa: str
    """Instruction set that the engine uses."""
    about: str
    """Description of the engine."""


class Engine(Protocol):
    """One model in one engine, with one conversation. Times in seconds."""

    def load(self, path: str, threads: int, n_ctx: int, isa: str | None) -> Loaded:
        """Load the file and get ready for a conversation."""

    def prefill(self, n: int, batch: int) -> float:
        """Evaluate ``n`` tokens from position 0, for the logits of the last.

        A pass has at most ``batch`` tokens; 0 lets the engine choose.
        """

    def fill(self, n: int) -> None:
        """Fill the cache up to ``n`` positions; not timed."""

    def decode(self, n: int, depth: int) -> float:
        """Decode ``n`` single tokens from position ``depth``, which ``fill`` has reached."""

    def first_token(self, tokens: list[int], kept: int) -> float:
        """Compute the first token after a prompt; ``kept`` of its tokens are in the cache."""


def tokens(n: int, n_vocab: int) -> list[int]:
    """Return ``n`` ids, the same for every engine; none is a control token (the first three)."""
    ids, state = [], 1
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        ids.append(3 + (state >> 33) % (n_vocab - 3))
    return ids


def resident(field: str) -> int:
    """Return the resident bytes of this process: ``VmRSS`` now, ``VmHWM`` at the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


class Memory:
    """Resident memory in addition to that at the start."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        self._before = resident("VmRSS")

    def peak(self) -> int:
        """Return the peak in bytes."""
        return resident("VmHWM") - self._before


def serve(engine: Engine, **more: Callable[..., Any]) -> None:
    """Answer requests until standard input ends; ``more`` are requests of this engine alone."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints breaks no answer
    memory = Memory()
    do: dict[str, Callable[..., Any]] = {
        "load": engine.load,
        "prefill": engine.prefill,
        "fill": engine.fill,
        "decode": engine.decode,
        "first_token": engine.first_token,
        "memory": memory.peak,
        **more,
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = do[request.pop("do")](**request)
            answer = {"value": asdict(result) if isinstance(result, Loaded) else result}
        except Exception as error:  # the harness reports a worker's failure
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
