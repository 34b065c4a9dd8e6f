# SPDX-License-Identifier: GPL-2.0
"""The core in userspace as a worker (bench_worker.py)."""

import time
from ctypes import c_int64, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.bench.worker import serve, tokens
from harness.core import library, session
from harness.host.errors import HarnessError

MAX_BATCH = 64
"""LLAMA_MAX_BATCH."""


@cache
def _library() -> Any:
    lib = library.library()
    lib.llamuxu_bench_decode.argtypes = [
        c_void_p,
        c_uint32,
        c_uint32,
        c_uint32,
        c_void_p,
        c_uint32,
    ]
    lib.llamuxu_bench_decode.restype = c_int64
    lib.llamuxu_bench_read.argtypes = [c_uint64, c_uint32, c_uint32]
    lib.llamuxu_bench_read.restype = c_int64
    return lib


def read_bandwidth(size: int, passes: int, threads: int) -> float:
    """Bytes per second at which ``threads`` threads together read ``size`` bytes of memory."""
    rate = int(_library().llamuxu_bench_read(size, passes, threads))
    if rate < 0:
        raise HarnessError("there is no memory to measure its bandwidth with")
    return float(rate)


class Native:
    """A model and a session."""

    def load(self, path: str, threads: int, n_ctx: int, isa: str | None) -> dict[str, Any]:
        """See bench_worker.Engine."""
        library.select_isa(isa)
        start = time.perf_counter()
        self._model = session.Model(Path(path))
        self._session = session.Session(self._model, n_ctx, MAX_BATCH, threads)
        seconds = time.perf_counter() - start
        n_vocab = self._model.n_vocab
        self._ids: NDArray[np.uint32] = np.array(tokens(n_ctx, n_vocab), dtype=np.uint32)
        self._logits: NDArray[np.int32] = np.empty((1, n_vocab), dtype=np.int32)
        self._n_past = 0
        return {"seconds": seconds, "isa": _library().llama_path_name().decode(), "about": "Llamux"}

    def _evaluate(self, ids: NDArray[np.uint32], pos: int, batch: int = MAX_BATCH) -> None:
        """Evaluate ids from ``pos``; the last one's logits are there afterwards."""
        for i in range(0, len(ids), batch):
            part = ids[i : i + batch]
            wanted = self._logits[: i + batch >= len(ids)]
            self._session.forward(part, pos + i, wanted)
        self._n_past = pos + len(ids)

    def prefill(self, n: int, batch: int) -> float:
        """See bench_worker.Engine."""
        self._evaluate(self._ids[:1], 0)  # wakes threads
        start = time.perf_counter()
        self._evaluate(self._ids[:n], 0, min(batch or MAX_BATCH, MAX_BATCH))
        return time.perf_counter() - start

    def fill(self, n: int) -> None:
        """See bench_worker.Engine."""
        past = min(n, self._n_past)
        self._evaluate(self._ids[past:n], past)

    def decode(self, n: int, depth: int) -> float:
        """See bench_worker.Engine. Each token is the likeliest after the one before."""
        self._evaluate(self._ids[:1], depth)
        ns = _library().llamuxu_bench_decode(
            self._session.handle,
            int(self._ids[0]),
            depth,
            n,
            self._logits.ctypes.data,
            self._logits.shape[1],
        )
        if ns < 0:
            raise library.CoreError(-ns, "decoding failed")
        self._n_past = depth
        return float(ns) / 1e9

    def first_token(self, tokens: list[int], kept: int) -> float:
        """See bench_worker.Engine."""
        ids = np.array(tokens, dtype=np.uint32)
        self._evaluate(ids[: max(kept, 1)], 0)
        start = time.perf_counter()
        self._evaluate(ids[kept:], kept)
        self._logits.argmax()
        return time.perf_counter() - start


if __name__ == "__main__":
    serve(Native())
