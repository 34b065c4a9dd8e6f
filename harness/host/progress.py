# SPDX-License-Identifier: GPL-2.0
"""Progress for people, on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

_SLOW = 2.0  # seconds from which a finished step is worth a line

console = Console(stderr=True, highlight=False)
"""stdout belongs to results; all progress goes here."""


def say(text: str) -> None:
    """One line for a person."""
    console.print(f"🦙 {text}", markup=False, soft_wrap=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show that `what` is under way; leave a line with its time if it was slow."""
    started = time.monotonic()
    if console.is_terminal:
        with console.status(f"🦙 {what}"):
            yield
    else:
        yield
    seconds = time.monotonic() - started
    if seconds >= _SLOW:
        say(f"{what}: {seconds:.1f} s")
    sys.stderr.flush()


def write_now(data: bytes) -> None:
    """Write to stdout and flush."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_error(data: bytes) -> None:
    """Write to stderr and flush."""
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()
