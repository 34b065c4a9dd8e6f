# SPDX-License-Identifier: GPL-2.0
"""Errors of the client: what the kernel refused, and what to do about it."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from llamux import uapi


class LlamuxError(Exception):
    """Error of the client: says what the kernel refused and what to do."""


class NotLoadedError(LlamuxError):
    """The module is not loaded."""


class AccessError(LlamuxError):
    """The caller has no right to use the module."""


class NoModelError(LlamuxError):
    """No loaded model has that name; :func:`models` lists the loaded ones."""


class BusyError(LlamuxError):
    """Another reader reads the answer, or a quota is used up."""


class TooLongError(LlamuxError):
    """The prompt is too long."""


class BadValueError(LlamuxError, ValueError):
    """An option or a text has an invalid value."""


Errors = Mapping[int, tuple[type[LlamuxError], str]]

_NOT_LOADED = "the module is not loaded: insmod llamux.ko model=FILE.gguf, as root"
NO_PROMPT = "there is no prompt: an empty text has no answer"
_NO_MODEL = (NoModelError, "there is no such model: `llamux models` lists what there is")
_ROOT_ALONE = (AccessError, "this needs root (CAP_SYS_ADMIN)")
COMMON_ERRORS: Errors = {
    errno.ENOENT: _NO_MODEL,
    errno.ENODEV: (NotLoadedError, _NOT_LOADED),
    errno.EACCES: (AccessError, "be root, or in the group that the module's `group` names"),
    errno.EPERM: _ROOT_ALONE,
    errno.EBUSY: (BusyError, "an answer is being read: read it to its end, or close its reader"),
    errno.EUSERS: (BusyError, "too many conversations are open: close one, or raise the limit"),
    errno.ENOBUFS: (BusyError, "your answers fill the memory you may have: end a conversation"),
    errno.EMSGSIZE: (TooLongError, "shorten the text, or load with a larger n_ctx or max_prompt"),
    errno.EILSEQ: (BadValueError, "the text is not UTF-8"),
    errno.ENODATA: (BadValueError, NO_PROMPT),
    errno.ENOMEM: (LlamuxError, "too little memory: unload a model, or close a conversation"),
    errno.ENOTTY: (LlamuxError, "the module is of another version: use a client of the same"),
    errno.E2BIG: (LlamuxError, "the module lacks an option of this client: load a newer module"),
    errno.EINVAL: (BadValueError, "the kernel's log (`dmesg`) says which value is wrong"),
}
READ_ERRORS: Errors = {
    **COMMON_ERRORS,
    errno.EBUSY: (
        BusyError,
        "as many of your prompts are being answered as may be (max_user_prompts): read one "
        "answer to its end, or close its reader",
    ),
}
MODEL_ERRORS: Errors = {**COMMON_ERRORS, errno.EINVAL: _NO_MODEL, errno.EACCES: _ROOT_ALONE}


@contextmanager
def explained(what: str, errors: Errors = COMMON_ERRORS) -> Iterator[None]:
    """Turn an OSError into one of the exceptions above."""
    try:
        yield
    except OSError as error:
        if not uapi.ROOT.is_dir():
            raise NotLoadedError(_NOT_LOADED) from error
        kind, advice = errors.get(error.errno or 0, (LlamuxError, ""))
        text = f"{what}: {os.strerror(error.errno or 0)}"
        raise kind(f"{text}; {advice}" if advice else text) from error
