# SPDX-License-Identifier: GPL-2.0
"""The integer core in userspace: the same C files as the module, called through ctypes."""

import ctypes
import hashlib
import mmap
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from ctypes import c_char_p, c_int, c_long, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UsageError
from harness.paths import CORE, ROOT, cache_dir

NATIVE = ROOT / "harness" / "native"
FLAGS = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
)
AVX512 = ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni")


def _vnni_flags() -> tuple[str, ...]:
    """AVX-VNNI; AVX-512's encoding of it for a processor that has only that one."""
    words = set(Path("/proc/cpuinfo").read_text().split())
    if "avx_vnni" in words or "avx512_vnni" not in words:
        return ("-mavx2", "-mavxvnni")
    return ("-mavx2", *AVX512)


X86_FLAGS = {
    # Without -fno-tree-ter gcc computes all of a block before it uses any, and spills it.
    "tile_avx2": ("-fno-tree-ter", "-mavx2"),
    "tile_avxvnni": ("-fno-tree-ter", *_vnni_flags()),
    "tile_avx512": ("-fno-tree-ter", *AVX512),
    "vector_avx2": ("-O3", "-mavx2"),
    "vector_avx512": ("-O3", "-mprefer-vector-width=512", *AVX512),
}
ARM_FLAGS = {
    "tile_neon": ("-fno-tree-ter",),
    "tile_dotprod": ("-fno-tree-ter", "-march=armv8.2-a+dotprod"),
    "tile_i8mm": ("-fno-tree-ter", "-march=armv8.2-a+dotprod+i8mm"),
    "vector_neon": ("-O3",),
}
SIMD_FLAGS: dict[str, tuple[str, ...]] = X86_FLAGS | ARM_FLAGS
"""Of files for one instruction set, by stem."""
TEMPLATE_AUTO = -1
MAX_DRAFT = 7
MAX_THREADS = 64
HUGE = 4 << 20
"""Bytes from which memory is worth huge pages."""


class CoreError(HarnessError):
    """The core refused something; ``errno`` is positive."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text or os.strerror(errno))
        self.errno = errno


class Diag(ctypes.Structure):
    """struct llama_diag."""

    _fields_ = (("text", ctypes.c_char * 200),)

    def __str__(self) -> str:
        return bytes(self.text).decode("ascii", "replace")


class SamplerParams(ctypes.Structure):
    """struct llama_sampler_params; ratios in Q16."""

    _fields_ = (
        ("temperature", c_uint32),
        ("top_k", c_uint32),
        ("top_p", c_uint32),
        ("min_p", c_uint32),
        ("repeat_penalty", c_uint32),
        ("seed", c_uint64),
    )


MAX_STOPS = 4
STOP_BYTES = 64


class Stops(ctypes.Structure):
    """struct llama_stops."""

    _fields_ = (
        ("n", c_uint32),
        ("len", ctypes.c_uint8 * MAX_STOPS),
        ("text", (ctypes.c_char * STOP_BYTES) * MAX_STOPS),
    )


class NativeOptions(ctypes.Structure):
    """struct llamuxu_options of harness/native/model.c."""

    _fields_ = (
        ("sampler", SamplerParams),
        ("max_tokens", c_uint32),
        ("chat", ctypes.c_int32),
        ("speculate", c_uint32),
        ("n_system", c_uint32),
        ("system", c_char_p),
        ("stops", Stops),
    )


@dataclass(frozen=True)
class Options:
    """What a caller may choose about an answer. Ratios in Q16."""

    temperature: int = 0
    top_k: int = 0
    top_p: int = 1 << 16
    min_p: int = 0
    repeat_penalty: int = 1 << 16
    seed: int = 0
    max_tokens: int = 256
    chat: int = TEMPLATE_AUTO
    system: str | None = None
    speculate: int = MAX_DRAFT
    stops: tuple[str, ...] = ()
    """Texts that end the answer, up to :data:`MAX_STOPS`, which are no part of it."""

    def native(self) -> NativeOptions:
        """For the library, which checks what fits the structure."""
        system = None if self.system is None else self.system.encode()
        native = NativeOptions(
            SamplerParams(
                self.temperature,
                self.top_k,
                self.top_p,
                self.min_p,
                self.repeat_penalty,
                self.seed,
            ),
            self.max_tokens,
            self.chat,
            self.speculate,
            len(system or b""),
            system,
        )
        if len(self.stops) > MAX_STOPS:
            raise UsageError(f"{len(self.stops)} stop texts: there can be {MAX_STOPS}")
        native.stops.n = len(self.stops)
        for i, stop in enumerate(self.stops):
            text = stop.encode()
            native.stops.len[i] = min(len(text), 255)
            ctypes.memmove(native.stops.text[i], text, min(len(text), STOP_BYTES))
        return native


@dataclass(frozen=True)
class Confidence:
    """How sure the model was of an answer's tokens, its end included."""

    tokens: int
    log_prob: int
    """Sum of the tokens' log-probabilities, natural, Q16."""
    margin: int
    """Sum of their logits less the best other token's, Q16."""


class NativeScore(ctypes.Structure):
    """struct llama_score."""

    _fields_ = (
        ("generation", c_void_p),
        ("known", ctypes.c_bool),
        ("done", ctypes.c_bool),
        ("n_tokens", c_uint32),
        ("n_scored", c_uint32),
        ("n", c_uint32),
        ("log_prob", ctypes.c_int64),
    )


@dataclass(frozen=True)
class Score:
    """How likely a text is as an answer."""

    tokens: int
    """Scored, the answer's end included where it counts."""
    log_prob: int
    """Sum of their log-probabilities, natural, Q16."""


@dataclass(frozen=True)
class Counts:
    """Tokens of the latest answer of a session."""

    prompt: int
    reused: int
    """Of the prompt, known from before and not evaluated again."""
    answer: int
    drafted: int
    """Guessed ahead by prompt look-up."""
    accepted: int
    """Of those, right."""


def sources(machine: str = platform.machine()) -> list[Path]:
    """The core's C files that a machine can compile, and the wrappers around them."""
    other = ARM_FLAGS if machine == "x86_64" else X86_FLAGS
    found = sorted([*CORE.rglob("*.c"), *NATIVE.glob("*.c")])
    return [f for f in found if f.stem not in other]


def headers() -> list[Path]:
    """What those files include, of this repository."""
    return sorted([*CORE.glob("**/*.h"), *NATIVE.glob("*.h"), *(CORE.parent / "tests").glob("*.h")])


def include_flags() -> list[str]:
    """Return the compiler's folders of headers; objects are cached without these."""
    return [f"-I{CORE}", f"-I{NATIVE}"]


def flags_of(source: Path) -> tuple[str, ...]:
    """What a file needs beyond :data:`FLAGS`."""
    return SIMD_FLAGS.get(source.stem, ())


def _compiler() -> str:
    cc = shutil.which("gcc")
    if cc is None:
        raise HarnessError("gcc is missing: run `make venv`, or apt-get install gcc")
    return cc


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{command[0]} failed:\n{done.stderr}")


def build_library() -> Path:
    """Compile the shared library where its content is new; objects are kept one by one."""
    cc = _compiler()
    common = hashlib.sha256("\0".join((cc, *FLAGS)).encode())
    for header in headers():
        common.update(header.name.encode() + b"\0" + header.read_bytes())
    whole = common.copy()
    objects: list[tuple[Path, Path]] = []
    for source in sources():
        digest = common.copy()
        digest.update(" ".join(flags_of(source)).encode() + source.read_bytes())
        whole.update(source.name.encode() + digest.digest())
        objects.append(
            (source, cache_dir("native", "objects") / f"{source.stem}-{digest.hexdigest()[:16]}.o")
        )
    target = cache_dir("native") / f"libllamux-{whole.hexdigest()[:16]}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for source, output in objects:
            if not output.exists():
                temporary = Path(folder) / f"{source.parent.name}-{output.name}"
                flags = [*include_flags(), *flags_of(source)]
                _run([cc, *FLAGS, *flags, "-c", source, "-o", temporary])
                temporary.replace(output)
        library_file = Path(folder) / "library.so"
        _run([cc, "-shared", *(o for _, o in objects), "-o", library_file])
        library_file.replace(target)
    return target


@cache
def library() -> ctypes.CDLL:
    """The loaded library, built if need be."""
    lib = ctypes.CDLL(str(build_library()))
    lib.llama_path_select.argtypes = [c_char_p]
    lib.llama_path_name.restype = c_char_p
    lib.llama_path_select(None)
    lib.llamuxu_model_open.argtypes = [c_void_p, c_uint64, c_void_p, c_void_p]
    lib.llamuxu_model_open.restype = c_void_p
    lib.llamuxu_model_close.argtypes = [c_void_p]
    lib.llamuxu_model_close.restype = None
    lib.llamuxu_model_vocab.argtypes = [c_void_p]
    lib.llamuxu_model_vocab.restype = c_void_p
    lib.llamuxu_model_facts.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_model_facts.restype = None
    lib.llamuxu_session_open.argtypes = [c_void_p, c_uint32, c_uint32, c_uint32]
    lib.llamuxu_session_open.restype = c_void_p
    lib.llamuxu_session_close.argtypes = [c_void_p]
    lib.llamuxu_session_close.restype = None
    lib.llamuxu_forward.argtypes = [
        c_void_p,
        c_void_p,
        c_uint32,
        c_uint32,
        c_void_p,
        c_uint32,
    ]
    lib.llamuxu_prompt.argtypes = [c_void_p, c_void_p, c_char_p, c_uint32, c_void_p]
    lib.llamuxu_turn.argtypes = [c_void_p, c_void_p, c_char_p, c_size_t, c_size_t, c_void_p]
    lib.llamuxu_tokens.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_tokens.restype = c_uint32
    lib.llamuxu_confidence.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_confidence.restype = None
    lib.llamuxu_score_init.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_score_begin.argtypes = [
        c_void_p,
        c_void_p,
        c_char_p,
        c_uint32,
        c_int,
        c_void_p,
    ]
    lib.llamuxu_score_step.argtypes = [c_void_p, c_void_p, c_void_p]
    lib.llamuxu_forget.argtypes = [c_void_p]
    lib.llamuxu_forget.restype = None
    lib.llamuxu_counts.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_counts.restype = None
    lib.llamuxu_out_size.argtypes = [c_void_p]
    lib.llamuxu_out_size.restype = c_size_t
    lib.llamuxu_step.argtypes = [c_void_p, c_char_p, c_void_p]
    lib.llamuxu_step.restype = c_long
    return lib


ISAS = ("generic", "swar", "neon", "dotprod", "i8mm", "avx2", "avxvnni", "avx512")
"""Paths that multiply weights, the one that defines the result first."""


def select_isa(name: str | None) -> None:
    """Compute with the path ``name``, or the best one of this machine."""
    if library().llama_path_select(None if name is None else name.encode()):
        raise UsageError(
            f"this machine cannot compute with {name!r}: {', '.join(usable_isas())} work"
        )


def usable_isas() -> list[str]:
    """The paths that this machine can run."""
    now = library().llama_path_name()
    usable = [name for name in ISAS if not library().llama_path_select(name.encode())]
    library().llama_path_select(now)
    return usable


def default_threads() -> int:
    """One for each processor that this process may use."""
    return min(len(os.sched_getaffinity(0)), MAX_THREADS)


def _memory(size: int) -> mmap.mmap:
    """Private memory, aligned to a page, in huge pages where it is large."""
    image = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE:
        image.madvise(mmap.MADV_HUGEPAGE)
    return image


class Model:
    """A GGUF file loaded into the core. A context manager; sessions must be closed first."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._image = _memory(max(size, 1))
                size = file.readinto(self._image)
        except OSError as error:
            raise HarnessError(f"{path}: {error.strerror}") from error
        self._buffer = (ctypes.c_char * len(self._image)).from_buffer(self._image)
        err, diag = c_int(), Diag()
        self.handle = library().llamuxu_model_open(
            ctypes.addressof(self._buffer), size, ctypes.byref(err), ctypes.byref(diag)
        )
        if not self.handle:
            raise CoreError(-err.value, f"{path}: {diag}")
        facts = (c_uint64 * 6)()
        library().llamuxu_model_facts(self.handle, facts)
        self.n_vocab, self.n_ctx_train, self.n_layer, self.n_embd = (int(f) for f in facts[:4])
        self.arena_bytes, self.kv_chunk_bytes = int(facts[4]), int(facts[5])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        if self.handle:
            library().llamuxu_model_close(self.handle)
            self.handle = None

    def logits(self, tokens: Sequence[int], batch: int = 32, threads: int = 1) -> NDArray[np.int32]:
        """Logits of every position, Q16.16, shape (T, n_vocab), in passes of ``batch`` tokens."""
        ids = np.asarray(tokens, dtype=np.uint32)
        out = np.empty((len(ids), self.n_vocab), dtype=np.int32)
        with Session(self, max(len(ids), 1), batch, threads) as session:
            for start in range(0, len(ids), batch):
                session.forward(ids[start : start + batch], start, out[start : start + batch])
        return out


class Session:
    """Scratch memory, a KV cache and threads over a model."""

    def __init__(self, model: Model, n_ctx: int, n_batch: int = 32, threads: int = 1) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"{threads} threads: there can be 1 to {MAX_THREADS}")
        self.handle = library().llamuxu_session_open(model.handle, n_ctx, n_batch, threads)
        if not self.handle:
            raise HarnessError(
                f"no session of {n_ctx} positions and batches of {n_batch}: "
                f"the model has {model.n_ctx_train} positions, a batch 1 to 64 tokens"
            )
        self._out = ctypes.create_string_buffer(library().llamuxu_out_size(self.handle))
        self._n_ctx = n_ctx
        self._texts = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        library().llamuxu_session_close(self.handle)
        self.handle = None

    def forward(self, ids: NDArray[np.uint32], pos: int, logits: NDArray[np.int32]) -> None:
        """Evaluate ``ids`` (n,) from ``pos``; ``logits`` (k ≤ n, n_vocab) of the last k."""
        ids = np.ascontiguousarray(ids)
        if not logits.flags.c_contiguous:
            raise ValueError("logits must be contiguous")
        err = library().llamuxu_forward(
            self.handle, ids.ctypes.data, len(ids), pos, logits.ctypes.data, len(logits)
        )
        if err:
            raise CoreError(-err, "a token id, position or batch is out of range")

    def counts(self) -> Counts:
        """Of the latest prompt, and of the answer to it so far."""
        counts = (c_uint32 * 5)()
        library().llamuxu_counts(self.handle, counts)
        return Counts(*map(int, counts))

    def forget(self) -> None:
        """Evaluate the next prompt whole, whatever it shares with the latest."""
        library().llamuxu_forget(self.handle)

    def answer(self, prompt: bytes, options: Options) -> Iterator[bytes]:
        """The answer to a prompt, in pieces that are whole characters."""
        self._prompt(prompt, options)
        yield from self._steps()

    def score(
        self, prompt: bytes, candidates: Iterable[bytes], options: Options, end: bool = True
    ) -> Iterator[Score]:
        """How likely each text is as the answer to a prompt; ``end``: and nothing behind it."""
        self._prompt(prompt, options)
        lib, score, diag = library(), NativeScore(), Diag()
        err = lib.llamuxu_score_init(self.handle, ctypes.byref(score))
        for text in candidates:
            err = err or lib.llamuxu_score_begin(
                self.handle, ctypes.byref(score), text, len(text), end, ctypes.byref(diag)
            )
            while not err and not score.done:
                err = lib.llamuxu_score_step(self.handle, ctypes.byref(score), None)
            if err:
                raise CoreError(-err, str(diag))
            yield Score(score.n, score.log_prob)

    def say(self, text: bytes, options: Options) -> Iterator[bytes]:
        """The answer to a turn of a dialogue, which begins anew after :meth:`answer`."""
        native, diag = options.native(), Diag()
        texts = self._texts + text
        err = library().llamuxu_turn(
            self.handle,
            ctypes.byref(native),
            texts,
            len(texts),
            len(self._texts),
            ctypes.byref(diag),
        )
        if err:
            raise CoreError(-err, str(diag))
        self._texts = texts
        yield from self._steps()

    def tokens(self) -> NDArray[np.uint32]:
        """Prompt or dialogue, and its latest answer so far."""
        ids = np.empty(self._n_ctx, np.uint32)
        return ids[: library().llamuxu_tokens(self.handle, ids.ctypes.data)]

    def confidence(self) -> Confidence:
        """Of the latest answer so far."""
        sums = (ctypes.c_int64 * 3)()
        library().llamuxu_confidence(self.handle, sums)
        return Confidence(*map(int, sums))

    def _prompt(self, text: bytes, options: Options) -> None:
        native, diag = options.native(), Diag()
        self._texts = b""
        err = library().llamuxu_prompt(
            self.handle, ctypes.byref(native), text, len(text), ctypes.byref(diag)
        )
        if err:
            raise CoreError(-err, str(diag))

    def _steps(self) -> Iterator[bytes]:
        done = c_int()
        while not done.value:
            n = library().llamuxu_step(self.handle, self._out, ctypes.byref(done))
            if n < 0:
                raise CoreError(-n, "")
            if n:
                yield self._out.raw[:n]
