# SPDX-License-Identifier: GPL-2.0
"""Ask the model in the kernel: a client of /proc/llamux, with nothing but the standard library."""

from llamux.client import (
    AccessError,
    BadValueError,
    BusyError,
    Conversation,
    Figures,
    LlamuxError,
    LoadedModel,
    NoModelError,
    NotLoadedError,
    Options,
    TooLongError,
    aquery,
    astream,
    models,
    query,
    set_model,
    stats,
)

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "BadValueError",
    "BusyError",
    "Conversation",
    "Figures",
    "LlamuxError",
    "LoadedModel",
    "NoModelError",
    "NotLoadedError",
    "Options",
    "TooLongError",
    "aquery",
    "astream",
    "models",
    "query",
    "set_model",
    "stats",
]
