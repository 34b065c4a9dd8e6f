# SPDX-License-Identifier: GPL-2.0
"""Conversations with the model in the kernel."""

import asyncio
import codecs
import ctypes
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from llamux import abi

ROOT = Path("/proc/llamux")
_PIECE = 4096
_TEXTS = ("stop", "system")  # options whose values may have newlines


class LlamuxError(Exception):
    """The kernel refused something; says what and what to do about it."""


class NotLoadedError(LlamuxError):
    """There is no module."""


class AccessError(LlamuxError):
    """The caller may not use it."""


class BusyError(LlamuxError):
    """Somebody reads the answer that would be dropped, or too many conversations are open."""


class TooLongError(LlamuxError):
    """The prompt does not fit."""


_ERRORS: dict[int, tuple[type[LlamuxError], str]] = {
    errno.ENOENT: (NotLoadedError, "there is no such model: `llamux models` lists what there is"),
    errno.EACCES: (AccessError, "be root, or in the group that the module's `group` names"),
    errno.EPERM: (AccessError, "this needs root (CAP_SYS_ADMIN)"),
    errno.EBUSY: (BusyError, "an answer is being read: read it to its end, or close its reader"),
    errno.EUSERS: (BusyError, "too many conversations are open: close one, or raise the limit"),
    errno.ENOBUFS: (BusyError, "your answers fill the memory you may have: end a conversation"),
    errno.EMSGSIZE: (TooLongError, "the text is too long: shorten it, or load with a larger n_ctx"),
    errno.EEXIST: (LlamuxError, "a model has that name: give another one"),
    errno.EILSEQ: (LlamuxError, "the text is not UTF-8"),
    errno.ENODATA: (LlamuxError, "there is no prompt: an empty text has no answer"),
    errno.ENOMEM: (LlamuxError, "too little memory: unload a model, or close a conversation"),
    errno.EINVAL: (LlamuxError, "the kernel's log (`dmesg`) says which value is wrong"),
}


@contextmanager
def explained(what: str) -> Iterator[None]:
    """OSError as the exceptions above."""
    try:
        yield
    except OSError as error:
        if not ROOT.is_dir():
            raise NotLoadedError(
                "the module is not loaded: insmod llamux.ko model=FILE.gguf, as root"
            ) from error
        kind, advice = _ERRORS.get(error.errno or 0, (LlamuxError, ""))
        text = f"{what}: {os.strerror(error.errno or 0)}"
        raise kind(f"{text}; {advice}" if advice else text) from error


@dataclass(frozen=True)
class Options:
    """How an answer shall be made; docs/procfs-abi.md has the ranges."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    seed: int = 0
    max_tokens: int = 256
    speculate: int = 7
    template: str = "auto"
    stop: tuple[str, ...] = ()
    system: str | None = None
    model: str = ""

    def packed(self) -> abi.IocOptions:
        """For the kernel. ValueError where it does not fit the structure."""
        stops = [text.encode() for text in self.stop]
        system = None if self.system is None else self.system.encode()
        if len(stops) > abi.STOPS or any(not 0 < len(s) <= abi.STOP_BYTES for s in stops):
            raise ValueError(f"up to {abi.STOPS} stop texts of 1 to {abi.STOP_BYTES} bytes each")
        if len(system or b"") > abi.SYSTEM_BYTES:
            raise ValueError(f"the system prompt has more than {abi.SYSTEM_BYTES} bytes")
        if len(self.model.encode()) >= abi.MODEL_BYTES:
            raise ValueError(f"a model's name has less than {abi.MODEL_BYTES} bytes")
        if self.template not in abi.TEMPLATES:
            raise ValueError(f"template must be one of {', '.join(abi.TEMPLATES)}")
        packed = abi.IocOptions(
            temperature=round(self.temperature * abi.RATIO),
            top_k=self.top_k,
            top_p=round(self.top_p * abi.RATIO),
            min_p=round(self.min_p * abi.RATIO),
            repeat_penalty=round(self.repeat_penalty * abi.RATIO),
            max_tokens=self.max_tokens,
            seed=self.seed,
            speculate=self.speculate,
            chat_template=abi.TEMPLATES.index(self.template) - 1,
            n_stops=len(stops),
            n_system=abi.OWN_SYSTEM if system is None else len(system),
            model=self.model.encode(),
        )
        for i, text in enumerate(stops):
            packed.stop_bytes[i] = len(text)
            ctypes.memmove(packed.stops[i], text, len(text))
        if system:
            ctypes.memmove(ctypes.byref(packed, abi.IocOptions.system.offset), system, len(system))
        return packed

    @classmethod
    def unpacked(cls, packed: abi.IocOptions) -> Self:
        """As the kernel has them."""
        data = bytes(packed)
        stops = [
            data[at : at + n].decode()
            for at, n in zip(
                range(abi.IocOptions.stops.offset, len(data), abi.STOP_BYTES),
                packed.stop_bytes[: packed.n_stops],
                strict=False,
            )
        ]
        at = abi.IocOptions.system.offset
        own = packed.n_system == abi.OWN_SYSTEM
        return cls(
            temperature=packed.temperature / abi.RATIO,
            top_k=packed.top_k,
            top_p=packed.top_p / abi.RATIO,
            min_p=packed.min_p / abi.RATIO,
            repeat_penalty=packed.repeat_penalty / abi.RATIO,
            seed=packed.seed,
            max_tokens=packed.max_tokens,
            speculate=packed.speculate,
            template=abi.TEMPLATES[packed.chat_template + 1],
            stop=tuple(stops),
            system=None if own else data[at : at + packed.n_system].decode(),
            model=packed.model.decode(),
        )


@dataclass(frozen=True)
class Figures:
    """Of a conversation's latest answer; times in seconds."""

    prompt_tokens: int
    reused_tokens: int
    tokens: int
    drafted: int
    accepted: int
    first_token: float
    prefill: float
    decode: float
    log_prob: float
    """Mean log-probability of the answer's tokens: near 0 where the model was sure."""
    margin: float
    """Mean distance of their logits from the best other token's."""


@dataclass(frozen=True)
class LoadedModel:
    """A line of /proc/llamux/models."""

    name: str
    default: bool
    users: int
    bytes: int
    n_ctx: int
    kind: str
    title: str


class Conversation:
    """A private conversation, ended by :meth:`close`; a context manager.

    With ``chat`` it remembers its turns; otherwise each prompt stands for itself.
    """

    def __init__(self, options: Options | None = None, *, chat: bool = False) -> None:
        path = ROOT / ("chat" if chat else "prompt")
        with explained(f"cannot open {path}"):
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if options is not None:
            try:
                self.set_options(options)
            except BaseException:
                self.close()
                raise

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
        """End it; its text is gone."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def options(self) -> Options:
        """What the next answer is made with; at first, those of the terminal session."""
        packed = abi.IocOptions()
        with explained("no options"):
            fcntl.ioctl(self._fd, abi.GET_OPTIONS, packed)
        return Options.unpacked(packed)

    def set_options(self, options: Options) -> None:
        """For the next answer."""
        with explained("bad options"):
            fcntl.ioctl(self._fd, abi.SET_OPTIONS, options.packed())

    def _write(self, text: str) -> None:
        with explained("the prompt was refused"):
            data = text.encode()
            while data:
                data = data[os.write(self._fd, data) :]

    async def _readable(self) -> None:
        """Wait until there is something to read; it is this that makes the answer."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)

    def stream(self, text: str) -> Iterator[str]:
        """The answer to a text, in pieces, as they are made."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        while True:
            with explained("no answer"):
                piece = os.read(self._fd, _PIECE)
            if not piece:
                return
            text = decode(piece)
            if text:
                yield text

    async def astream(self, text: str) -> AsyncIterator[str]:
        """The same without blocking the event loop."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        os.set_blocking(self._fd, False)
        try:
            while True:
                await self._readable()
                with explained("no answer"):
                    try:
                        piece = os.read(self._fd, _PIECE)
                    except BlockingIOError:
                        continue
                if not piece:
                    return
                text = decode(piece)
                if text:
                    yield text
        finally:
            if self._fd >= 0:
                os.set_blocking(self._fd, True)

    def ask(self, text: str) -> str:
        """The whole answer."""
        return "".join(self.stream(text))

    def reset(self) -> None:
        """Forget everything that was said."""
        with explained("cannot reset"):
            fcntl.ioctl(self._fd, abi.RESET)

    def figures(self) -> Figures:
        """Of the latest answer, so far."""
        f = abi.IocFigures()
        with explained("no figures"):
            fcntl.ioctl(self._fd, abi.FIGURES, f)
        tokens = max(f.sampled, 1)
        return Figures(
            f.prompt_tokens,
            f.reused_tokens,
            f.tokens,
            f.drafted,
            f.accepted,
            f.ttft_us / 1e6,
            f.prefill_us / 1e6,
            f.decode_us / 1e6,
            f.log_prob / tokens / abi.RATIO,
            f.margin / tokens / abi.RATIO,
        )


def query(text: str, options: Options | None = None) -> str:
    """The answer to a single prompt."""
    with Conversation(options) as conversation:
        return conversation.ask(text)


async def aquery(text: str, options: Options | None = None) -> str:
    """The same without blocking the event loop."""
    with Conversation(options) as conversation:
        return "".join([piece async for piece in conversation.astream(text)])


async def astream(text: str, options: Options | None = None) -> AsyncIterator[str]:
    """The answer in pieces, without blocking the event loop."""
    with Conversation(options) as conversation:
        async for piece in conversation.astream(text):
            yield piece


def stats() -> dict[str, str]:
    """What /proc/llamux/stats says."""
    with explained("no stats"):
        lines = (ROOT / "stats").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def session_options() -> str:
    """Those of the terminal session, a ``key value`` a line."""
    with explained("no options"):
        return (ROOT / "options").read_text()


def set_session_options(changes: Sequence[tuple[str, str]]) -> None:
    """Change some of them, all or none; keys and values are those of docs/procfs-abi.md."""
    lines = []
    for key, value in changes:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n") if key in _TEXTS else value
        lines.append(f"{key} {escaped}\n" if escaped else f"{key}\n")
    with explained("bad options"):
        (ROOT / "options").write_text("".join(lines))


def models() -> list[LoadedModel]:
    """The models being served."""
    with explained("no list of models"):
        lines = (ROOT / "models").read_text().splitlines()
    found = []
    for line in lines:
        name, state, users, size, n_ctx, kind, title = line.split("\t", 6)
        found.append(
            LoadedModel(name, state == "default", int(users), int(size), int(n_ctx), kind, title)
        )
    return found


def set_model(name: str) -> None:
    """Make a model the default; needs root."""
    with explained(f"cannot choose {name}"):
        (ROOT / "control").write_text(f"default {name}\n")
