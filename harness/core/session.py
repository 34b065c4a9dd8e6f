# SPDX-License-Identifier: GPL-2.0
"""Models and sessions: the same C files as the module's, called through ctypes."""

import ctypes
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from ctypes import byref, c_int, c_int64, c_uint32, c_uint64
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.declarations import NativeScore
from harness.core.figures import Confidence, Counts, Score
from harness.core.library import Handle, check, diagnosed, library, opened
from harness.core.options import Options
from harness.host.errors import HarnessError, UsageError

MAX_BATCH = 64
"""LLAMA_MAX_BATCH: tokens of a pass."""

MAX_THREADS = 64
"""LLAMA_MAX_WORKERS."""

HUGE = 4 << 20
"""Size in bytes from which memory is worth huge pages."""


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return min(len(os.sched_getaffinity(0)), MAX_THREADS)


def _memory(size: int) -> mmap.mmap:
    """Return private memory, aligned to a page, in huge pages if it is large."""
    image = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE:
        image.madvise(mmap.MADV_HUGEPAGE)
    return image


class Model(Handle):
    """A GGUF file loaded into the core; its sessions must be closed first.

    HarnessError if the file cannot be read, CoreError if the core refuses it.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._image = _memory(max(size, 1))
                size = file.readinto(self._image)
        except OSError as error:
            raise HarnessError(f"{path}: {error.strerror}") from error
        self._buffer = (ctypes.c_char * len(self._image)).from_buffer(self._image)
        lib = library()
        at = ctypes.addressof(self._buffer)
        handle = opened(lib.llamuxu_model_open, at, size, context=f"{path}: ")
        super().__init__(handle, lib.llamuxu_model_close)
        facts = (c_uint64 * 6)()
        lib.llamuxu_model_facts(handle, facts)
        self.n_vocab, self.n_ctx_train, self.n_layer, self.n_embd = map(int, facts[:4])
        self.arena_bytes, self.kv_chunk_bytes = map(int, facts[4:])

    def logits(self, tokens: Sequence[int], batch: int = 32, threads: int = 1) -> NDArray[np.int32]:
        """Return logits of every position, Q16.16, (T, n_vocab), in passes of ``batch`` tokens."""
        ids = np.asarray(tokens, dtype=np.uint32)
        out = np.empty((len(ids), self.n_vocab), dtype=np.int32)
        with Session(self, max(len(ids), 1), batch, threads) as session:
            for start in range(0, len(ids), batch):
                session.forward(ids[start : start + batch], start, out[start : start + batch])
        return out


class Session(Handle):
    """Scratch memory, a KV cache and threads over a model.

    UsageError if there cannot be so many threads, HarnessError if there is no such session.
    """

    def __init__(self, model: Model, n_ctx: int, n_batch: int = 32, threads: int = 1) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"{threads} threads: there can be 1 to {MAX_THREADS}")
        self._lib = library()
        handle = self._lib.llamuxu_session_open(model.handle, n_ctx, n_batch, threads)
        if not handle:
            raise HarnessError(
                f"no session of {n_ctx} positions and batches of {n_batch}: "
                f"the model has {model.n_ctx_train} positions, a batch 1 to {MAX_BATCH} tokens"
            )
        super().__init__(handle, self._lib.llamuxu_session_close)
        self._out = ctypes.create_string_buffer(self._lib.llamuxu_out_size(handle))
        self._n_ctx = n_ctx
        self._texts = b""

    def forward(self, ids: NDArray[np.uint32], pos: int, logits: NDArray[np.int32]) -> None:
        """Evaluate ``ids`` (n,) from ``pos``; write ``logits`` (k ≤ n, n_vocab) of the last k."""
        ids = np.ascontiguousarray(ids)
        if not logits.flags.c_contiguous:
            raise ValueError("logits must be contiguous")
        result = self._lib.llamuxu_forward(
            self.handle, ids.ctypes.data, len(ids), pos, logits.ctypes.data, len(logits)
        )
        check(result, "a token id, position or batch is out of range")

    def decode(self, token: int, pos: int, n: int, logits: NDArray[np.int32]) -> int:
        """Decode ``n`` tokens greedily from ``token`` at ``pos``; return nanoseconds.

        ``logits`` (1, n_vocab) receives those of the last token.
        """
        result = self._lib.llamuxu_bench_decode(
            self.handle, token, pos, n, logits.ctypes.data, logits.shape[1]
        )
        return check(result, "decoding failed")

    def counts(self) -> Counts:
        """Return the tokens of the latest prompt, and of the answer to it so far."""
        counts = (c_uint32 * 5)()
        self._lib.llamuxu_counts(self.handle, counts)
        return Counts(*map(int, counts))

    def confidence(self) -> Confidence:
        """Return the confidence in the latest answer so far."""
        sums = (c_int64 * 3)()
        self._lib.llamuxu_confidence(self.handle, sums)
        return Confidence(*map(int, sums))

    def tokens(self) -> NDArray[np.uint32]:
        """Return the ids of the prompt or dialogue, and of its latest answer so far."""
        ids = np.empty(self._n_ctx, np.uint32)
        return ids[: self._lib.llamuxu_tokens(self.handle, ids.ctypes.data)]

    def forget(self) -> None:
        """Evaluate the next prompt whole, whatever it shares with the latest."""
        self._lib.llamuxu_forget(self.handle)

    def answer(self, prompt: bytes, options: Options) -> Iterator[bytes]:
        """Yield the answer to a prompt, in pieces that are whole characters."""
        self._prompt(prompt, options)
        yield from self._steps()

    def say(self, text: bytes, options: Options) -> Iterator[bytes]:
        """Yield the answer to the next text of a dialogue, which :meth:`answer` begins anew."""
        texts = self._texts + text
        diagnosed(
            self._lib.llamuxu_turn,
            self.handle,
            byref(options.native()),
            texts,
            len(texts),
            len(self._texts),
        )
        self._texts = texts
        yield from self._steps()

    def score(
        self, prompt: bytes, candidates: Iterable[bytes], options: Options, end: bool = True
    ) -> Iterator[Score]:
        """Yield the likelihood of each text as the answer to a prompt.

        With ``end`` the likelihood that the answer ends after the text counts, too.
        """
        self._prompt(prompt, options)
        score = NativeScore()
        started = self._lib.llamuxu_score_init(self.handle, byref(score))
        for text in candidates:
            check(started)
            diagnosed(
                *(self._lib.llamuxu_score_begin, self.handle, byref(score)),
                *(text, len(text), end),
            )
            while not score.done:
                check(self._lib.llamuxu_score_step(self.handle, byref(score), None))
            yield Score(score.n, score.log_prob)

    def _prompt(self, text: bytes, options: Options) -> None:
        self._texts = b""
        native = options.native()
        diagnosed(self._lib.llamuxu_prompt, self.handle, byref(native), text, len(text))

    def _steps(self) -> Iterator[bytes]:
        done = c_int()
        while not done.value:
            n = check(self._lib.llamuxu_step(self.handle, self._out, byref(done)))
            if n:
                yield self._out.raw[:n]
