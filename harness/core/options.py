# SPDX-License-Identifier: GPL-2.0
"""Options of an answer."""

import ctypes
from dataclasses import dataclass

from harness.core.declarations import MAX_STOPS, STOP_BYTES, NativeOptions, SamplerParams
from harness.host.errors import UsageError

TEMPLATE_AUTO = -1
"""The chat template that the file names."""

CHAT_NONE = 0
"""No chat template: the answer continues the text."""

DEFAULT_N_CTX = 2048
"""Positions of a session unless the model has fewer."""

MAX_DRAFT = 7
"""Tokens that are guessed ahead at most."""


@dataclass(frozen=True)
class Options:
    """Options of an answer. Ratios in Q16."""

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
    """Texts that end the answer and are no part of it, at most :data:`MAX_STOPS`."""

    def native(self) -> NativeOptions:
        """Return the options as the library takes them, which checks their ranges.

        UsageError if there are more stop texts than the structure has room for.
        """
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
