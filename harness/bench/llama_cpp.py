# SPDX-License-Identifier: GPL-2.0
"""llama.cpp as a worker, in the environment that :mod:`harness.bench.llama_cpp_build` makes.

Its defaults are its best settings: repacked weights, a mapped file, flash attention by its own
choice, batches of 512. Prompts are evaluated for the logits of their last token.
"""

import ctypes
import time
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from harness.bench.worker import Loaded, serve, tokens

N_BATCH = 512

# A log line would cost time.
_SILENCE: Any = llama_cpp.llama_log_callback(lambda _level, _text, _data: None)


class LlamaCpp:
    """Engine with a model and a context."""

    def load(self, path: str, threads: int, n_ctx: int, isa: str | None) -> Loaded:
        """See :class:`harness.bench.worker.Engine`; ``isa`` is llama.cpp's own."""
        del isa
        llama_cpp.llama_log_set(_SILENCE, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        start = time.perf_counter()
        model = llama_cpp.llama_model_default_params()
        model.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(path.encode(), model)
        if not self._model:
            raise OSError(f"llama.cpp cannot load {path}")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = N_BATCH
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise OSError("llama.cpp cannot make a context")
        seconds = time.perf_counter() - start
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self._model))
        self._ids: NDArray[np.int32] = np.array(tokens(n_ctx, self._n_vocab), dtype=np.int32)
        self._n_past = 0
        system = llama_cpp.llama_print_system_info().decode()
        return Loaded(seconds, "native", f"llama-cpp-python {llama_cpp.__version__}: {system}")

    def _rewind(self, n_past: int) -> None:
        """Keep the first ``n_past`` positions of the cache."""
        if not n_past:
            llama_cpp.llama_memory_clear(self._memory, False)
        elif not llama_cpp.llama_memory_seq_rm(self._memory, 0, n_past, -1):
            raise OSError("llama.cpp cannot remove positions from its cache")
        self._n_past = n_past

    def _evaluate(self, ids: NDArray[np.int32], batch: int = N_BATCH) -> None:
        """Evaluate ids after the cache's positions; keep the logits of the last one."""
        for i in range(0, len(ids), batch):
            part = ids[i : i + batch]
            pointer = part.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
            one = llama_cpp.llama_batch_get_one(pointer, len(part))
            if llama_cpp.llama_decode(self._context, one):
                raise OSError("llama_decode failed")
        llama_cpp.llama_synchronize(self._context)
        self._n_past += len(ids)

    def prefill(self, n: int, batch: int) -> float:
        """See :class:`harness.bench.worker.Engine`."""
        self._rewind(0)
        self._evaluate(self._ids[:1])  # wakes threads
        self._rewind(0)
        start = time.perf_counter()
        self._evaluate(self._ids[:n], batch or N_BATCH)
        return time.perf_counter() - start

    def fill(self, n: int) -> None:
        """See :class:`harness.bench.worker.Engine`."""
        self._rewind(min(n, self._n_past))
        self._evaluate(self._ids[self._n_past : n])

    def decode(self, n: int, depth: int) -> float:
        """See :class:`harness.bench.worker.Engine`; the tokens are given, none is chosen."""
        decode, context, one = llama_cpp.llama_decode, self._context, llama_cpp.llama_batch_get_one
        pointer = ctypes.POINTER(ctypes.c_int32)
        batches = [one(self._ids[i : i + 1].ctypes.data_as(pointer), 1) for i in range(n)]
        self._rewind(depth)
        self._evaluate(self._ids[:1])
        self._rewind(depth)
        start = time.perf_counter()
        for batch in batches:
            if decode(context, batch):
                raise OSError("llama_decode failed")
            llama_cpp.llama_synchronize(context)
        seconds = time.perf_counter() - start
        self._rewind(depth)
        return seconds

    def first_token(self, tokens: list[int], kept: int) -> float:
        """See :class:`harness.bench.worker.Engine`."""
        ids = np.array(tokens, dtype=np.int32)
        self._rewind(0)
        self._evaluate(ids[: max(kept, 1)])
        self._rewind(kept)
        start = time.perf_counter()
        self._evaluate(ids[kept:])
        logits = llama_cpp.llama_get_logits_ith(self._context, -1)
        np.ctypeslib.as_array(logits, shape=(self._n_vocab,)).argmax()
        return time.perf_counter() - start

    def logits(self, tokens: list[int], path: str) -> None:
        """Write the logits of each position, (t, n_vocab) float32, to ``path`` (.npy)."""
        self._rewind(0)
        result = np.empty((len(tokens), self._n_vocab), dtype=np.float32)
        for start in range(0, len(tokens), N_BATCH):
            part = tokens[start : start + N_BATCH]
            batch = llama_cpp.llama_batch_init(len(part), 0, 1)
            try:
                batch.n_tokens = len(part)
                for i, token in enumerate(part):
                    batch.token[i] = token
                    batch.pos[i] = start + i
                    batch.n_seq_id[i] = 1
                    batch.seq_id[i][0] = 0
                    batch.logits[i] = True
                if llama_cpp.llama_decode(self._context, batch):
                    raise OSError("llama_decode failed")
                some = llama_cpp.llama_get_logits(self._context)
                shape = (len(part), self._n_vocab)
                result[start : start + N_BATCH] = np.ctypeslib.as_array(some, shape=shape)
            finally:
                llama_cpp.llama_batch_free(batch)
        np.save(path, result)


if __name__ == "__main__":
    peer = LlamaCpp()
    serve(peer, logits=peer.logits)
