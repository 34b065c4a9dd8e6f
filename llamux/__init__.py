# SPDX-License-Identifier: GPL-2.0
"""Ask the model in the kernel: a client of /proc/llamux, with nothing but the standard library."""

from llamux.client import (
    Conversation,
    Figures,
    LoadedModel,
    aquery,
    astream,
    models,
    query,
    set_model,
    stats,
)
from llamux.errors import (
    AccessError,
    BadValueError,
    BusyError,
    LlamuxError,
    NoModelError,
    NotLoadedError,
    TooLongError,
)
from llamux.options import Options

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
    "__version__",
    "aquery",
    "astream",
    "models",
    "query",
    "set_model",
    "stats",
]
