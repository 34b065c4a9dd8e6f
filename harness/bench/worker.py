# SPDX-License-Identifier: GPL-2.0
"""What an engine under measurement does, each in a process of its own.

A worker reads requests on standard input and answers each with a line on standard
output, both JSON: ``{"do": "prefill", "n": 512}`` and ``{"seconds": 0.8}``, or
``{"error": "..."}``. It sleeps between requests, takes its own times, and measures
nothing but the engine. This module needs nothing beyond Python, since workers run in
the environments of their engines.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class Engine(Protocol):
    """One model in one engine, with one conversation. Times in seconds."""

    def load(self, path: str, threads: int, n_ctx: int, isa: str | None) -> dict[str, Any]:
        """Load the file and get ready for a conversation: ``seconds``, ``isa``, ``about``."""

    def prefill(self, n: int, batch: int) -> float:
        """Evaluate ``n`` tokens from position 0, for the logits of the last.

        At most ``batch`` tokens in a pass; 0 for as many as the engine likes.
        """

    def fill(self, n: int) -> None:
        """Have ``n`` positions in the cache; not timed."""

    def decode(self, n: int, depth: int) -> float:
        """``n`` single tokens from position ``depth``, which ``fill`` has reached."""

    def first_token(self, tokens: list[int], kept: int) -> float:
        """From a prompt, ``kept`` of whose tokens are in the cache, to its answer's first token."""


def tokens(n: int, n_vocab: int) -> list[int]:
    """``n`` ids, the same for every engine, none of the first three: those are control tokens."""
    ids, state = [], 1
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        ids.append(3 + (state >> 33) % (n_vocab - 3))
    return ids


def resident(field: str) -> int:
    """Bytes of this process, ``VmRSS`` now or ``VmHWM`` at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


class Memory:
    """Resident memory above what it was at the start."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
        self._before = resident("VmRSS")

    def peak(self) -> int:
        """Bytes."""
        return resident("VmHWM") - self._before


def serve(engine: Engine, **more: Callable[..., Any]) -> None:
    """Answer requests until standard input ends; ``more`` are what this engine alone does."""
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
            answer = result if isinstance(result, dict) else {"value": result}
        except Exception as error:  # a worker's failure is the harness's to report
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
