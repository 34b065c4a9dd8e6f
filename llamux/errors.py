# SPDX-License-Identifier: GPL-2.0
"""Errors of the client. Each message is one line: what failed, and what to do."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from llamux import uapi


class LlamuxError(Exception):
    """Failure of a request to the module."""


class NotLoadedError(LlamuxError):
    """The module is not loaded."""


class AccessError(LlamuxError):
    """The caller has no permission."""


class NoModelError(LlamuxError):
    """No loaded model has that name; :func:`llamux.models` lists the models."""


class BusyError(LlamuxError):
    """An answer is being read, or a quota is used up."""


class TooLongError(LlamuxError):
    """The prompt is too long."""


class BadValueError(LlamuxError, ValueError):
    """An option or a text is not valid."""


Errors = Mapping[int, tuple[type[LlamuxError], str]]
"""Exception and advice for each errno."""

_NOT_LOADED = "the module is not loaded: run insmod llamux.ko model=FILE.gguf as root"
NO_PROMPT = "the prompt is empty: write a text"
_NO_MODEL = (NoModelError, "no loaded model has that name: see `llamux models`")
_NEEDS_ROOT = (AccessError, "this needs root (CAP_SYS_ADMIN)")
COMMON_ERRORS: Errors = {
    errno.ENOENT: _NO_MODEL,
    errno.ENODEV: (NotLoadedError, _NOT_LOADED),
    errno.EACCES: (AccessError, "become root, or join the group of the module's parameter `group`"),
    errno.EPERM: _NEEDS_ROOT,
    errno.EBUSY: (BusyError, "an answer is being read: read it to its end, or close its reader"),
    errno.EUSERS: (BusyError, "too many conversations are open: close one, or raise the limit"),
    errno.ENOBUFS: (BusyError, "your answers use all memory of your quota: close a conversation"),
    errno.EMSGSIZE: (TooLongError, "shorten the text, or raise n_ctx or max_prompt"),
    errno.EILSEQ: (BadValueError, "the text is not UTF-8: convert it"),
    errno.ENODATA: (BadValueError, NO_PROMPT),
    errno.ENOMEM: (LlamuxError, "unload a model, or close a conversation"),
    errno.ENOTTY: (LlamuxError, "the module has another version: use the client of that version"),
    errno.EINVAL: (BadValueError, "the kernel's log (dmesg) names the value that is wrong"),
}
"""Errors of most calls."""
READ_ERRORS: Errors = {
    **COMMON_ERRORS,
    errno.EBUSY: (
        BusyError,
        "too many of your prompts are being answered (max_user_prompts): read one answer to its "
        "end, or close its reader",
    ),
}
"""Errors of reading an answer."""
MODEL_ERRORS: Errors = {**COMMON_ERRORS, errno.EINVAL: _NO_MODEL, errno.EACCES: _NEEDS_ROOT}
"""Errors of choosing a model."""


@contextmanager
def explained(what: str, errors: Errors = COMMON_ERRORS) -> Iterator[None]:
    """Raise each OSError of the block as one of the exceptions above.

    ``what`` says what failed: "cannot read the options".
    """
    try:
        yield
    except OSError as error:
        if not uapi.ROOT.is_dir():
            raise NotLoadedError(f"{what}: {_NOT_LOADED}") from error
        kind, advice = errors.get(error.errno or 0, (LlamuxError, ""))
        text = f"{what}: {os.strerror(error.errno or 0)}"
        raise kind(f"{text}; {advice}" if advice else text) from error
