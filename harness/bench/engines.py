# SPDX-License-Identifier: GPL-2.0
"""Engines that a benchmark measures, each in a process of its own."""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.bench import llama_cpp_build
from harness.host.errors import HarnessError
from harness.host.paths import ROOT

PEER = "llama.cpp"


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
        return [sys.executable, "-m", "harness.bench.userspace"]


class PeerEngine(WorkerEngine):
    """llama.cpp, on the same machine."""

    name, on = PEER, "native"

    def command(self) -> list[str]:
        return [str(llama_cpp_build.python()), "-m", "harness.bench.llama_cpp"]

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Those of each position, (t, n_vocab)."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "logits.npy")
            self._ask("logits", tokens=list(tokens), path=str(path))
            logits: NDArray[np.float32] = np.load(path)
            return logits
