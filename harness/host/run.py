# SPDX-License-Identifier: GPL-2.0
"""Programs of the host: run to their end, with one line that says why one failed.

The error names the command, the line of its output that gives the reason, and a log file that
has all of its output.
"""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.host.errors import HarnessError, ProgramError
from harness.host.paths import cache_dir

KEPT_LOGS = 50
"""Number of log files that the cache keeps."""

_SHOWN = 80  # characters of a command in an error
_REASON = re.compile(r"\b(?:fatal )?error\b.*?: \S", re.IGNORECASE)
_MAKE = re.compile(r"g?make(\[\d+\])?: ")  # its last lines say only that something failed


@dataclass(frozen=True)
class ProgramResult:
    """Exit code and output of a program that has ended."""

    exit_code: int
    output: bytes
    errors: bytes
    """Bytes of standard error; empty if they were merged into `output`."""

    @property
    def text(self) -> str:
        """Output as text; bytes that are not UTF-8 are replaced."""
        return self.output.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error as text; bytes that are not UTF-8 are replaced."""
        return self.errors.decode(errors="replace")


def run(
    command: Sequence[str | Path],
    *,
    what: str = "",
    advice: str = "",
    error: type[HarnessError] = ProgramError,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | Path = b"",
    merge: bool = False,
    check: bool = True,
    accept: Collection[int] = (0,),
    timeout: float | None = None,
    pass_fds: Collection[int] = (),
) -> ProgramResult:
    """Run a program to its end and return its exit code and output.

    `what` says for people what the program was to do, `advice` what to do if it fails.
    `stdin` is the input or a file that has it. `merge` puts standard error into the output,
    in order. `env` replaces this process's environment. A program that is killed by a signal
    has that signal's negative number as its exit code, as in :mod:`subprocess`.

    Raises `error`, of one line, if the program is missing, if it still runs after `timeout`
    seconds (it is killed), or, with `check`, if its exit code is not one of `accept`.
    """
    words = [str(word) for word in command]
    try:
        if isinstance(stdin, Path):
            with stdin.open("rb") as file:
                done = _finish(words, cwd, env, merge, timeout, pass_fds, file=file.fileno())
        else:
            done = _finish(words, cwd, env, merge, timeout, pass_fds, data=stdin)
    except FileNotFoundError as missing:
        if missing.filename != words[0]:
            raise
        hint = advice or f"install it: apt-get install {Path(words[0]).name}"
        raise error(f"{what or shown(words)}: the program {words[0]} is missing; {hint}") from None
    except subprocess.TimeoutExpired as late:
        found = ProgramResult(-1, late.stdout or b"", late.stderr or b"")
        reason = f"still ran after {timeout:g} s"
        raise error(_message(words, what, reason, _log(words, found), advice)) from None
    result = ProgramResult(done.returncode, done.stdout, done.stderr or b"")
    if check and result.exit_code not in accept:
        reason = _reason(result)
        raise error(_message(words, what, reason, _log(words, result), advice))
    return result


def shown(command: Sequence[str | Path]) -> str:
    """Return a command as one types it, cut to a readable length, in backticks."""
    text = shlex.join(str(word) for word in command)
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 3] + '...'}`"


def _finish(
    words: list[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    merge: bool,
    timeout: float | None,
    pass_fds: Collection[int],
    *,
    data: bytes | None = None,
    file: int | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        words,
        cwd=cwd,
        env=env,
        input=data,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        check=False,
        timeout=timeout,
        pass_fds=tuple(pass_fds),
    )


def _reason(result: ProgramResult) -> str:
    """Return the first line that states an error, else the last line, else the exit code."""
    lines = [
        line.strip()
        for text in (result.error_text, result.text)
        for line in text.splitlines()
        if line.strip()
    ]
    stated = [line for line in lines if _REASON.search(line) and not _MAKE.match(line)]
    own = [line for line in lines if not _MAKE.match(line)] or lines
    code = f"exit code {result.exit_code}"
    if result.exit_code < 0:
        code = f"signal {-result.exit_code}"
    return (stated[:1] or own[-1:] or [f"{code} and no output"])[0]


def _message(words: list[str], what: str, reason: str, log: Path, advice: str) -> str:
    name = f"{what}: {shown(words)}" if what else shown(words)
    return f"{name} failed: {reason} (all output: {log})" + (f"; {advice}" if advice else "")


def _log(words: list[str], result: ProgramResult) -> Path:
    """Write command and output to a new log file; old log files are removed."""
    folder = cache_dir("logs")
    program = Path(words[0]).name
    descriptor, name = tempfile.mkstemp(prefix=f"{program}-", suffix=".log", dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"$ {shlex.join(words)}\n".encode())
        file.write(result.output + result.errors)
        file.write(f"exit code {result.exit_code}\n".encode())
    logs = sorted(folder.glob("*.log"), key=_modified, reverse=True)
    for old in logs[KEPT_LOGS:]:
        old.unlink(missing_ok=True)
    return Path(name)


def _modified(path: Path) -> float:
    """Return a file's time, or 0 if another process has removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
