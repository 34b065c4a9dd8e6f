# SPDX-License-Identifier: GPL-2.0
"""The core in userspace as a worker (:mod:`harness.bench.worker`)."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.bench.worker import Loaded, serve, tokens
from harness.core import library
from harness.core.session import MAX_BATCH, Model, Session
from harness.host.errors import HarnessError


def read_bandwidth(size: int, passes: int, threads: int) -> float:
    """Return the bytes per second at which ``threads`` threads read ``size`` bytes of memory."""
    rate = int(library.library().llamuxu_bench_read(size, passes, threads))
    if rate < 0:
        raise HarnessError("there is no memory to measure its bandwidth with")
    return float(rate)


class Native:
    """Engine with a model and a session."""

    def load(self, path: str, threads: int, n_ctx: int, isa: str | None) -> Loaded:
        """See :class:`harness.bench.worker.Engine`."""
        library.select_isa(isa)
        start = time.perf_counter()
        self._model = Model(Path(path))
        self._session = Session(self._model, n_ctx, MAX_BATCH, threads)
        seconds = time.perf_counter() - start
        n_vocab = self._model.n_vocab
        self._ids: NDArray[np.uint32] = np.array(tokens(n_ctx, n_vocab), dtype=np.uint32)
        self._logits: NDArray[np.int32] = np.empty((1, n_vocab), dtype=np.int32)
        self._n_past = 0
        return Loaded(seconds, library.path_name(), "Llamux")

    def _evaluate(self, ids: NDArray[np.uint32], pos: int, batch: int = MAX_BATCH) -> None:
        """Evaluate ids from ``pos``; keep the logits of the last one."""
        for i in range(0, len(ids), batch):
            part = ids[i : i + batch]
            wanted = self._logits[: i + batch >= len(ids)]
            self._session.forward(part, pos + i, wanted)
        self._n_past = pos + len(ids)

    def prefill(self, n: int, batch: int) -> float:
        """See :class:`harness.bench.worker.Engine`."""
        self._evaluate(self._ids[:1], 0)  # wakes threads
        start = time.perf_counter()
        self._evaluate(self._ids[:n], 0, min(batch or MAX_BATCH, MAX_BATCH))
        return time.perf_counter() - start

    def fill(self, n: int) -> None:
        """See :class:`harness.bench.worker.Engine`."""
        past = min(n, self._n_past)
        self._evaluate(self._ids[past:n], past)

    def decode(self, n: int, depth: int) -> float:
        """See :class:`harness.bench.worker.Engine`; each token is the likeliest after the last."""
        self._evaluate(self._ids[:1], depth)
        ns = self._session.decode(int(self._ids[0]), depth, n, self._logits)
        self._n_past = depth
        return ns / 1e9

    def first_token(self, tokens: list[int], kept: int) -> float:
        """See :class:`harness.bench.worker.Engine`."""
        ids = np.array(tokens, dtype=np.uint32)
        self._evaluate(ids[: max(kept, 1)], 0)
        start = time.perf_counter()
        self._evaluate(ids[kept:], kept)
        self._logits.argmax()
        return time.perf_counter() - start


if __name__ == "__main__":
    serve(Native())
