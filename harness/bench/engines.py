# SPDX-License-Identifier: GPL-2.0
"""Engines that a benchmark measures; each runs in a process of its own."""

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
from harness.bench.worker import Loaded
from harness.host import records
from harness.host.errors import HarnessError
from harness.host.paths import ROOT

PEER = "llama.cpp"


@dataclass(frozen=True)
class Prompt:
    """A chat prompt and its tokens in a model."""

    text: bytes
    tokens: tuple[int, ...]
    """All tokens that the template makes of the text."""
    head: int
    """Number of the first tokens that every chat begins with, which the module keeps."""
    n_text: int
    """Number of tokens of the text alone."""


class Engine(ABC):
    """A program that computes with a model, in a process of its own. Times in seconds."""

    name: str
    on: str
    """"native" or "uml"."""
    isa: str = ""
    """Instruction set that it uses, after a load."""
    about: str = ""
    """Description, after a load."""

    @abstractmethod
    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        """Start a new process (or kernel) that loads the file; return the time."""

    @abstractmethod
    def prefill(self, n: int, batch: int = 0) -> float:
        """Evaluate ``n`` tokens from position 0, ``batch`` at a time (0: the engine's choice)."""

    @abstractmethod
    def fill(self, n: int) -> None:
        """Fill the cache up to ``n`` positions; not timed."""

    @abstractmethod
    def decode(self, n: int, depth: int) -> float:
        """Decode ``n`` tokens, one by one, from position ``depth``."""

    @abstractmethod
    def first_token(self, prompt: Prompt, kept: int) -> float:
        """Compute the first token of an answer; ``kept`` tokens of the prompt are in the cache."""

    @abstractmethod
    def memory(self) -> int:
        """Return the peak of memory since the load in bytes, the model included."""

    @abstractmethod
    def pids(self) -> list[int]:
        """Return the ids of the processes that compute for the engine."""

    @abstractmethod
    def close(self) -> None:
        """Stop the engine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WorkerEngine(Engine):
    """An engine behind a worker (:mod:`harness.bench.worker`)."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that starts the worker from the repository's root."""

    def _ask(self, do: str, **request: Any) -> Any:
        """Return the worker's answer. HarnessError if it fails or ends."""
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
                "see its standard error above"
            )
        result = json.loads(answer)
        if "error" in result:
            raise HarnessError(f"{self.name}, {do}: {result['error']}")
        return result["value"]

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
        answer = self._ask("load", path=str(path.resolve()), threads=threads, n_ctx=n_ctx, isa=isa)
        loaded = records.read(Loaded, answer)
        self.isa, self.about = loaded.isa, loaded.about
        return loaded.seconds

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
    """The core in userspace, as an engine."""

    name, on = "llamux", "native"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "harness.bench.userspace"]


class PeerEngine(WorkerEngine):
    """llama.cpp on the same machine, as an engine."""

    name, on = PEER, "native"

    def command(self) -> list[str]:
        return [str(llama_cpp_build.python()), "-m", "harness.bench.llama_cpp"]

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits of each position, (t, n_vocab)."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "logits.npy")
            self._ask("logits", tokens=list(tokens), path=str(path))
            logits: NDArray[np.float32] = np.load(path)
            return logits
