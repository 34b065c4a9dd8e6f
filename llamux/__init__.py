# SPDX-License-Identifier: GPL-2.0
"""Client of /proc/llamux: ask the model in the kernel. Needs only the standard library."""

from llamux.client import (
    Conversation,
    Figures,
    LoadedModel,
    aquery,
    astream,
    models,
    parse_stats,
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
    "parse_stats",
    "query",
    "set_model",
    "stats",
]
