# SPDX-License-Identifier: GPL-2.0
"""Conversations with the model in the kernel, and the module's figures, options and models."""

import codecs
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from llamux import uapi
from llamux.errors import (
    COMMON_ERRORS,
    MODEL_ERRORS,
    NO_PROMPT,
    READ_ERRORS,
    BadValueError,
    explained,
)
from llamux.options import Options, text_bytes

_PIECE = 4096
"""Number of bytes of an answer that are read at a time."""
_TEXTS = ("stop", "system")
"""Options whose values may have newlines."""


@dataclass(frozen=True)
class Figures:
    """Measurements of the latest answer, as far as it is made. Times are in seconds."""

    prompt_tokens: int
    """Number of tokens of the prompt, with all earlier turns of a dialogue."""
    reused_tokens: int
    """Number of prompt tokens that were in the cache already."""
    tokens: int
    """Number of tokens of the answer."""
    drafted: int
    """Number of draft tokens."""
    accepted: int
    """Number of draft tokens that were accepted."""
    first_token: float
    """Time from the first read to the first byte."""
    prefill: float
    """Time of computing for the prompt."""
    decode: float
    """Time of computing for the answer."""
    log_prob: float
    """Mean natural log-probability of the answer's tokens; near 0 if the model was sure."""
    margin: float
    """Mean difference between the logit of the chosen token and that of the best other one."""


@dataclass(frozen=True)
class LoadedModel:
    """Description of a loaded model: a line of /proc/llamux/models."""

    name: str
    default: bool
    """Requests that name no model use this one."""
    users: int
    """Number of conversations and evaluations that use it."""
    bytes: int
    """Bytes of memory that it takes."""
    n_ctx: int
    """Maximum number of tokens of a conversation."""
    kind: str
    """Type of most of its weights."""
    title: str
    """Title in the model's file."""


class Conversation:
    """Private conversation. It is a context manager; :meth:`close` ends it.

    With ``chat`` the conversation is a dialogue: earlier prompts and answers belong to the next
    prompt. Without ``options`` it has those of the terminal session.

    Methods raise :class:`llamux.LlamuxError` if the module refuses something.
    """

    def __init__(self, options: Options | None = None, *, chat: bool = False) -> None:
        path = uapi.ROOT / ("chat" if chat else "prompt")
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
        """End the conversation and drop its text."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def options(self) -> Options:
        """Return the options of the next answer."""
        packed = uapi.IocOptions()
        with explained("cannot read the options"):
            fcntl.ioctl(self._fd, uapi.GET_OPTIONS, packed)
        return Options.unpacked(packed)

    def set_options(self, options: Options) -> None:
        """Set the options of the next answer. Raises BadValueError for a value out of range."""
        packed = options.packed()
        # packed() has checked all values but the model's name.
        with explained("cannot set the options", MODEL_ERRORS if options.model else COMMON_ERRORS):
            fcntl.ioctl(self._fd, uapi.SET_OPTIONS, packed)

    def _write(self, text: str) -> None:
        data = text_bytes("the prompt", text)
        if not data:
            raise BadValueError(NO_PROMPT)
        with explained("cannot write the prompt"):
            while data:
                data = data[os.write(self._fd, data) :]

    async def _readable(self) -> None:
        """Wait until bytes are ready. The module computes the answer because of this poll."""
        # The import takes longer than all others together; only asynchronous programs need it.
        import asyncio  # noqa: PLC0415

        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)

    def stream(self, text: str) -> Iterator[str]:
        """Ask a prompt and yield pieces of the answer as they are made."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        while True:
            with explained("cannot read the answer", READ_ERRORS):
                piece = os.read(self._fd, _PIECE)
            if not piece:
                return
            text = decode(piece)
            if text:
                yield text

    async def astream(self, text: str) -> AsyncIterator[str]:
        """Do the same as :meth:`stream` without blocking the event loop."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        os.set_blocking(self._fd, False)
        try:
            while True:
                await self._readable()
                with explained("cannot read the answer", READ_ERRORS):
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
        """Ask a prompt and return the whole answer."""
        return "".join(self.stream(text))

    def reset(self) -> None:
        """Drop the prompt, the answer and all turns of a dialogue."""
        with explained("cannot reset the conversation"):
            fcntl.ioctl(self._fd, uapi.RESET)

    def figures(self) -> Figures:
        """Return the measurements of the latest answer, as far as it is made."""
        f = uapi.IocFigures()
        with explained("cannot read the figures"):
            fcntl.ioctl(self._fd, uapi.FIGURES, f)
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
            f.log_prob / tokens / uapi.RATIO,
            f.margin / tokens / uapi.RATIO,
        )


def query(text: str, options: Options | None = None) -> str:
    """Ask a single prompt and return the whole answer."""
    with Conversation(options) as conversation:
        return conversation.ask(text)


async def aquery(text: str, options: Options | None = None) -> str:
    """Do the same as :func:`query` without blocking the event loop."""
    with Conversation(options) as conversation:
        return "".join([piece async for piece in conversation.astream(text)])


async def astream(text: str, options: Options | None = None) -> AsyncIterator[str]:
    """Ask a single prompt and yield pieces of the answer, without blocking the event loop."""
    with Conversation(options) as conversation:
        async for piece in conversation.astream(text):
            yield piece


def parse_stats(text: str) -> dict[str, str]:
    """Return the figures in the text of /proc/llamux/stats, by key and in the same order.

    docs/procfs-abi.md lists the keys. Raises ValueError for a line that has no key and value.
    """
    found = {}
    for line in text.splitlines():
        key, blank, value = line.partition(" ")
        if not key or not blank:
            raise ValueError(f'/proc/llamux/stats: a line is not "KEY VALUE": {line!r}')
        found[key] = value
    return found


def stats() -> dict[str, str]:
    """Return the figures of the module, by key: see docs/procfs-abi.md."""
    with explained("cannot read the figures of the module"):
        text = (uapi.ROOT / "stats").read_text()
    return parse_stats(text)


def session_options() -> str:
    """Return the options of the terminal session: a line "KEY VALUE" each."""
    with explained("cannot read the options"):
        return (uapi.ROOT / "options").read_text()


def set_session_options(changes: Sequence[tuple[str, str]]) -> None:
    """Change options of the terminal session: all of ``changes`` or none.

    docs/procfs-abi.md lists keys and values; the key "reset" has the value "".
    """
    lines = []
    for key, value in changes:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n") if key in _TEXTS else value
        lines.append(f"{key} {escaped}\n" if escaped else f"{key}\n")
    with explained("cannot set the options"):
        (uapi.ROOT / "options").write_text("".join(lines))


def models() -> list[LoadedModel]:
    """Return the loaded models."""
    with explained("cannot list the models"):
        lines = (uapi.ROOT / "models").read_text().splitlines()
    found = []
    for line in lines:
        name, state, users, size, n_ctx, kind, title = line.split("\t", 6)
        found.append(
            LoadedModel(name, state == "default", int(users), int(size), int(n_ctx), kind, title)
        )
    return found


def set_model(name: str) -> None:
    """Make a loaded model the default. Needs root."""
    with explained(f"cannot make {name} the default model", MODEL_ERRORS):
        (uapi.ROOT / "control").write_text(f"default {name}\n")
