# SPDX-License-Identifier: GPL-2.0
"""Conversations with the model in the kernel."""

import asyncio
import codecs
import ctypes
import errno
import fcntl
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
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


class NoModelError(LlamuxError):
    """No model that is loaded has that name; :func:`models` has those that do."""


class BusyError(LlamuxError):
    """An answer is being read, or the caller has as many as it may."""


class TooLongError(LlamuxError):
    """The prompt does not fit."""


class BadValueError(LlamuxError, ValueError):
    """An option or a text that the kernel does not take."""


_Errors = Mapping[int, tuple[type[LlamuxError], str]]

_NOT_LOADED = "the module is not loaded: insmod llamux.ko model=FILE.gguf, as root"
_NO_PROMPT = "there is no prompt: an empty text has no answer"
_NO_MODEL = (NoModelError, "there is no such model: `llamux models` lists what there is")
_ROOT_ALONE = (AccessError, "this needs root (CAP_SYS_ADMIN)")
_ERRORS: _Errors = {
    errno.ENOENT: _NO_MODEL,
    errno.ENODEV: (NotLoadedError, _NOT_LOADED),
    errno.EACCES: (AccessError, "be root, or in the group that the module's `group` names"),
    errno.EPERM: _ROOT_ALONE,
    errno.EBUSY: (BusyError, "an answer is being read: read it to its end, or close its reader"),
    errno.EUSERS: (BusyError, "too many conversations are open: close one, or raise the limit"),
    errno.ENOBUFS: (BusyError, "your answers fill the memory you may have: end a conversation"),
    errno.EMSGSIZE: (TooLongError, "shorten the text, or load with a larger n_ctx or max_prompt"),
    errno.EILSEQ: (BadValueError, "the text is not UTF-8"),
    errno.ENODATA: (BadValueError, _NO_PROMPT),
    errno.ENOMEM: (LlamuxError, "too little memory: unload a model, or close a conversation"),
    errno.ENOTTY: (LlamuxError, "the module is of another version: use a client of the same"),
    errno.EINVAL: (BadValueError, "the kernel's log (`dmesg`) says which value is wrong"),
}
_OF_READ: _Errors = {
    **_ERRORS,
    errno.EBUSY: (
        BusyError,
        "as many of your prompts are being answered as may be (max_user_prompts): read one "
        "answer to its end, or close its reader",
    ),
}
_OF_MODEL: _Errors = {**_ERRORS, errno.EINVAL: _NO_MODEL, errno.EACCES: _ROOT_ALONE}


@contextmanager
def explained(what: str, errors: _Errors = _ERRORS) -> Iterator[None]:
    """OSError as the exceptions above."""
    try:
        yield
    except OSError as error:
        if not ROOT.is_dir():
            raise NotLoadedError(_NOT_LOADED) from error
        kind, advice = errors.get(error.errno or 0, (LlamuxError, ""))
        text = f"{what}: {os.strerror(error.errno or 0)}"
        raise kind(f"{text}; {advice}" if advice else text) from error


_RATIOS = {
    "temperature": (range(16 * abi.RATIO + 1), "from 0 to 16"),
    "top_p": (range(1, abi.RATIO + 1), "above 0 and at most 1"),
    "min_p": (range(abi.RATIO + 1), "from 0 to 1"),
    "repeat_penalty": (range(abi.RATIO // 2, 16 * abi.RATIO + 1), "from 0.5 to 16"),
}
"""In 65536ths."""
_NUMBERS = {
    "top_k": range(1 << 32),
    "max_tokens": range(1, 1 << 32),
    "seed": range(1 << 64),
    "speculate": range(8),
}


def _ratio(name: str, value: float) -> int:
    """In 65536ths."""
    taken, text = _RATIOS[name]
    # Infinity and NaN have no whole number.
    finite = isinstance(value, int | float) and 0 <= value <= taken.stop
    ratio = round(value * abi.RATIO) if finite else -1
    if ratio not in taken:
        raise BadValueError(f"{name} must be {text}, not {value!r}")
    return ratio


def _number(name: str, value: int) -> int:
    taken = _NUMBERS[name]
    if not isinstance(value, int) or value not in taken:
        text = f"a whole number from {taken[0]} to {taken[-1]}"
        raise BadValueError(f"{name} must be {text}, not {value!r}")
    return value


def _text(name: str, value: str, least: int = 0, most: int = sys.maxsize) -> bytes:
    """In UTF-8, of so many bytes."""
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise BadValueError(f"{name} cannot be written in UTF-8: {error.reason}") from error
    if b"\0" in data:
        raise BadValueError(f"{name} must not have a NUL")
    if not least <= len(data) <= most:
        raise BadValueError(f"{name} must have {least} to {most} bytes, not {len(data)}")
    return data


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
        """For the kernel. BadValueError where it does not take them."""
        if len(self.stop) > abi.STOPS:
            raise BadValueError(f"stop must have up to {abi.STOPS} texts, not {len(self.stop)}")
        if self.template not in abi.TEMPLATES:
            names = ", ".join(abi.TEMPLATES)
            raise BadValueError(f"template must be one of {names}, not {self.template!r}")
        stops = [_text("stop", text, 1, abi.STOP_BYTES) for text in self.stop]
        system = None if self.system is None else _text("system", self.system, 0, abi.SYSTEM_BYTES)
        packed = abi.IocOptions(
            **{name: _ratio(name, getattr(self, name)) for name in _RATIOS},
            **{name: _number(name, getattr(self, name)) for name in _NUMBERS},
            chat_template=abi.TEMPLATES.index(self.template) - 1,
            n_stops=len(stops),
            n_system=abi.OWN_SYSTEM if system is None else len(system),
            model=_text("model", self.model, 0, abi.MODEL_BYTES - 1),
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
        packed = options.packed()
        # Of values that fit, a model's name alone may be wrong.
        with explained("bad options", _OF_MODEL if options.model else _ERRORS):
            fcntl.ioctl(self._fd, abi.SET_OPTIONS, packed)

    def _write(self, text: str) -> None:
        data = _text("a prompt", text)
        if not data:
            raise BadValueError(_NO_PROMPT)
        with explained("the prompt was refused"):
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
            with explained("no answer", _OF_READ):
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
                with explained("no answer", _OF_READ):
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
    with explained(f"cannot choose {name}", _OF_MODEL):
        (ROOT / "control").write_text(f"default {name}\n")
