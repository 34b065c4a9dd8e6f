# SPDX-License-Identifier: GPL-2.0
"""Conversations with the model in the kernel."""

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
_TEXTS = ("stop", "system")  # options whose values may have newlines


@dataclass(frozen=True)
class Figures:
    """Figures of a conversation's latest answer; times in seconds."""

    prompt_tokens: int
    reused_tokens: int
    tokens: int
    drafted: int
    accepted: int
    first_token: float
    prefill: float
    decode: float
    log_prob: float
    """Mean log-probability of the answer's tokens; near 0 if the model was sure."""
    margin: float
    """Mean difference between their logits and the best other token's."""


@dataclass(frozen=True)
class LoadedModel:
    """Loaded model: a line of /proc/llamux/models."""

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
        """End the conversation; its text is deleted."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def options(self) -> Options:
        """Return the options of the next answer; at first, those of the terminal session."""
        packed = uapi.IocOptions()
        with explained("no options"):
            fcntl.ioctl(self._fd, uapi.GET_OPTIONS, packed)
        return Options.unpacked(packed)

    def set_options(self, options: Options) -> None:
        """Set the options of the next answer."""
        packed = options.packed()
        # packed() has checked all values; only the name of a model may still be wrong.
        with explained("bad options", MODEL_ERRORS if options.model else COMMON_ERRORS):
            fcntl.ioctl(self._fd, uapi.SET_OPTIONS, packed)

    def _write(self, text: str) -> None:
        data = text_bytes("a prompt", text)
        if not data:
            raise BadValueError(NO_PROMPT)
        with explained("the prompt was refused"):
            while data:
                data = data[os.write(self._fd, data) :]

    async def _readable(self) -> None:
        """Wait until there is something to read. The module computes the answer meanwhile."""
        import asyncio  # noqa: PLC0415 # slow, and loaded already if there is a loop

        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)

    def stream(self, text: str) -> Iterator[str]:
        """Yield the answer to a text in pieces, as they are computed."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        while True:
            with explained("no answer", READ_ERRORS):
                piece = os.read(self._fd, _PIECE)
            if not piece:
                return
            text = decode(piece)
            if text:
                yield text

    async def astream(self, text: str) -> AsyncIterator[str]:
        """Like the function of that name without "a", but leaves the event loop free."""
        self._write(text)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        os.set_blocking(self._fd, False)
        try:
            while True:
                await self._readable()
                with explained("no answer", READ_ERRORS):
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
        """Return the whole answer."""
        return "".join(self.stream(text))

    def reset(self) -> None:
        """Delete the prompt, the answer and all turns of a dialogue."""
        with explained("cannot reset"):
            fcntl.ioctl(self._fd, uapi.RESET)

    def figures(self) -> Figures:
        """Return the figures of the latest answer, as far as it is computed."""
        f = uapi.IocFigures()
        with explained("no figures"):
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
    """Return the answer to a single prompt."""
    with Conversation(options) as conversation:
        return conversation.ask(text)


async def aquery(text: str, options: Options | None = None) -> str:
    """Like the function of that name without "a", but leaves the event loop free."""
    with Conversation(options) as conversation:
        return "".join([piece async for piece in conversation.astream(text)])


async def astream(text: str, options: Options | None = None) -> AsyncIterator[str]:
    """Yield the answer in pieces; leaves the event loop free."""
    with Conversation(options) as conversation:
        async for piece in conversation.astream(text):
            yield piece


def stats() -> dict[str, str]:
    """Return the keys and values of /proc/llamux/stats."""
    with explained("no stats"):
        lines = (uapi.ROOT / "stats").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def session_options() -> str:
    """Return the options of the terminal session, a ``key value`` in each line."""
    with explained("no options"):
        return (uapi.ROOT / "options").read_text()


def set_session_options(changes: Sequence[tuple[str, str]]) -> None:
    """Change options of the terminal session, all or none; docs/procfs-abi.md lists them."""
    lines = []
    for key, value in changes:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n") if key in _TEXTS else value
        lines.append(f"{key} {escaped}\n" if escaped else f"{key}\n")
    with explained("bad options"):
        (uapi.ROOT / "options").write_text("".join(lines))


def models() -> list[LoadedModel]:
    """Return the loaded models."""
    with explained("no list of models"):
        lines = (uapi.ROOT / "models").read_text().splitlines()
    found = []
    for line in lines:
        name, state, users, size, n_ctx, kind, title = line.split("\t", 6)
        found.append(
            LoadedModel(name, state == "default", int(users), int(size), int(n_ctx), kind, title)
        )
    return found


def set_model(name: str) -> None:
    """Make a model the default; needs root."""
    with explained(f"cannot choose {name}", MODEL_ERRORS):
        (uapi.ROOT / "control").write_text(f"default {name}\n")
