# SPDX-License-Identifier: GPL-2.0
"""Process of the host that runs a guest's kernel. It ends with this process at the latest."""

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class MachineProcess:
    """An emulator, or the kernel itself as a program of the host. Leads a process group."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stderr: int,
        inherited: Collection[int],
    ) -> None:
        """Start `command`; it inherits the descriptors `stderr` and `inherited`."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=tuple(inherited),
            env=environment,
            start_new_session=True,  # a kernel that panics signals its process group
            preexec_fn=_prepare_child,  # noqa: PLW1509  # the child only calls the kernel
        )

    @property
    def pid(self) -> int:
        """Number of the process, and of its group."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; return the exit code, or None if it still runs."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End all processes of the group, and wait for the first one."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _prepare_child() -> None:
    """Make the child end with its parent, and leave no dump of its memory."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
