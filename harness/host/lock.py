# SPDX-License-Identifier: GPL-2.0
"""Lock files, for processes that may prepare the same thing at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`. It is made if missing, and never removed."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
