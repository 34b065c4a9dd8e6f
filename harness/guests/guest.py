# SPDX-License-Identifier: GPL-2.0
"""A guest: boot once, run many commands, and know at once when the kernel breaks.

Four serial ports join the guest to the host: the kernel's console; a control
port, on which images/agent takes requests and gives verdicts; and a port each
for the output and the errors of commands. So a verdict is never console text,
and kernel messages never mix with a command's output.
"""

import ctypes
import os
import re
import resource
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.guests import busybox
from harness.guests import errors as guest_errors
from harness.guests.errors import BootError, GuestError, GuestHang, GuestLost, ModuleLoadError
from harness.guests.initramfs import guest_initramfs
from harness.guests.machine import PORTS, Acceleration, Machine
from harness.guests.qemu import Qemu
from harness.guests.uml import Uml
from harness.host import patience
from harness.host.architectures import UML, architecture
from harness.host.paths import ROOT
from harness.kernels import find
from harness.kernels import module as kbuild_module

MODEL_PATH = "/lib/firmware/llamux/model.gguf"
"""Where the module looks for its model."""

MODULE_PATH = "/lib/modules/llamux.ko"

_SCRIPTS = ROOT / "images"
_TRACE_SECONDS = 1.0  # time for the rest of a trace to arrive after its first line
_CHUNK = 16 * 1024  # bytes of input in one request; the tty buffers 64 KiB
_SEPARATOR = b"\x1e"
_TERMINAL = "terminal"  # names the person's terminal among the ports
_DAY = 24 * 3600.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    output: bytes
    errors: bytes
    exit_code: int

    @property
    def text(self) -> str:
        """The output as text."""
        return self.output.decode(errors="replace")


class _Stream:
    """A port's bytes, up to the mark that ends a command's share of them."""

    def __init__(self, mark: bytes, forward: Callable[[bytes], None] | None) -> None:
        self.data = bytearray()
        self.complete = False
        self._mark = _SEPARATOR + mark
        self._held = b""
        self._forward = forward

    def feed(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(self._mark)
        if end >= 0:
            self._emit(end)
            self.complete = True
            return
        # The tail may be the beginning of the mark.
        tail = self._held.rfind(_SEPARATOR, -len(self._mark) + 1)
        while tail >= 0 and not self._mark.startswith(self._held[tail:]):
            tail = self._held.find(_SEPARATOR, tail + 1)
        self._emit(tail if tail >= 0 else len(self._held))

    def _emit(self, count: int) -> None:
        data, self._held = self._held[:count], self._held[count:]
        self.data += data
        if data and self._forward:
            self._forward(data)


class Command:
    """A command that runs in a guest."""

    def __init__(
        self,
        guest: "Guest",
        command: str,
        stdin: bytes,
        forward: Callable[[bytes], None] | None,
        forward_errors: Callable[[bytes], None] | None,
    ) -> None:
        self._guest = guest
        self._mark = secrets.token_hex(8).encode()
        self._command = command
        self._output = _Stream(self._mark, forward)
        self._errors = _Stream(self._mark, forward_errors)
        self._verdict: int | None = None
        payload = command.encode()
        request = b"%s %d %d\n" % (self._mark, len(payload), len(stdin))
        guest.send("control", request + payload + stdin)

    @property
    def output(self) -> bytes:
        """What it has printed so far."""
        return bytes(self._output.data)

    @property
    def finished(self) -> bool:
        """Whether verdict, output and errors are complete."""
        return self._verdict is not None and self._output.complete and self._errors.complete

    def feed(self, port: str, data: bytes) -> None:
        """Take what has arrived on a port."""
        if port == "output":
            self._output.feed(data)
        elif port == "errors":
            self._errors.feed(data)

    def verdict(self, line: bytes) -> None:
        """Take a line of the control port."""
        mark, _, status = line.partition(b" ")
        if mark == self._mark:
            self._verdict = int(status)

    def interrupt(self) -> None:
        """Press Ctrl-C on the command's terminal."""
        self._guest.send("output", b"\x03")

    def read_until(self, condition: Callable[[bytes], bool], timeout: float = 60) -> bytes:
        """Wait until the output so far satisfies `condition`; returns it.

        Raises GuestHang when time runs out or the command ends before.
        """
        self._guest.serve(lambda: self.finished or condition(self.output), timeout, self._command)
        if not condition(self.output):
            raise GuestHang(f"`{self._command}` ended before it printed what was waited for")
        return self.output

    def wait(self, timeout: float = 60) -> Result:
        """Wait for the end. Raises GuestHang after `timeout` seconds; the guest is lost then."""
        self._guest.serve(lambda: self.finished, timeout, self._command)
        self._guest.done(self)
        assert self._verdict is not None
        return Result(self.output, bytes(self._errors.data), self._verdict)


def memory_for(model: Path | None) -> int:
    """MiB for a guest with this model: it lies in the root file system and in the module."""
    size = model.stat().st_size if model else 0
    return max(1024, 512 + 4 * size // (1 << 20))


class Guest:
    """A kernel in QEMU or of User-mode Linux, as a context manager.

    Raises, from every method that waits: GuestPanic, GuestOops, GuestWarning,
    GuestBug, GuestHang and GuestLost, each with the kernel log. After one of
    these the guest is `broken` and only good for :meth:`log` and :meth:`close`.
    """

    def __init__(
        self,
        arch: str,
        kernel: str | None = None,
        *,
        model: Path | None = None,
        accel: str | None = None,
        cpu: str = "",
        smp: int | None = None,
        memory: int | None = None,
        module: Path | None = None,
        load_module: bool = True,
        module_args: str = "",
        files: Mapping[str, bytes | Path] | None = None,
        append: str = "",
        boot_timeout: float = 120,
    ) -> None:
        """`arch` is one of architectures.GUESTS, `kernel` a series of it.

        `module` is built from this repository if not given; `memory` is in MiB,
        by default what the model needs. `cpu` is a model of a processor that TCG
        is to be, where it is given.

        `files` maps paths in the guest to contents. `append` is added to the
        kernel's command line.
        """
        self.kernel = find.kernel(architecture(arch), kernel)
        if cpu:
            machine_with_it = replace(self.kernel.architecture, tcg_cpu=cpu)
            self.kernel = replace(self.kernel, architecture=machine_with_it)
            accel = "tcg"
        if module is None and load_module:
            module = kbuild_module.build(self.kernel).module
        self._module = module
        self._load_module = load_module
        self._module_args = module_args
        self._files = dict(files or {})
        if model is not None:
            self._files[MODEL_PATH] = model
        machine = Uml if self.kernel.architecture == UML else Qemu
        memory = memory or self.kernel.memory * memory_for(model)
        self._machine: Machine = machine(
            self.kernel, accel=accel, smp=smp, memory=memory, append=append
        )
        self._boot_timeout = boot_timeout
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._process: subprocess.Popen[bytes] | None = None
        self._console = bytearray()
        self._scanned = 0
        self._control = bytearray()
        self._command: Command | None = None
        self._ready = False
        self.broken = False

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def boot(self) -> None:
        """Start the guest and load the module. Raises BootError, ModuleLoadError."""
        try:
            self._start()
            try:
                self.serve(lambda: self._ready, self._boot_timeout, "boot")
            except (GuestHang, GuestLost) as error:
                raise BootError(
                    f"the guest did not come up: {self.kernel.release}", self.log()
                ) from error
            if self._load_module:
                self.load_module(self._module_args)
        except BaseException:
            self.close()
            raise

    def load_module(self, arguments: str = "", timeout: float = 300) -> None:
        """insmod the module. Raises ModuleLoadError when the kernel refuses it."""
        loaded = self.run(f"insmod {MODULE_PATH} {arguments}", timeout=timeout)
        if loaded.exit_code:
            self.broken = True
            reason = loaded.errors.decode(errors="replace").strip()
            raise ModuleLoadError(f"{reason} (exit code {loaded.exit_code})", self.log())

    def start(
        self,
        command: str,
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        on_errors: Callable[[bytes], None] | None = None,
    ) -> Command:
        """Start a shell command; one at a time.

        `on_output` and `on_errors` are called with bytes as they arrive.
        """
        if self.broken or self._command is not None:
            raise GuestLost("the guest is broken or busy", self.log())
        if len(command) + len(stdin) > 3 * _CHUNK:
            raise ValueError("too long for one request: use put_file")
        self._command = Command(self, command, stdin, on_output, on_errors)
        return self._command

    def run(
        self,
        command: str,
        *,
        timeout: float = 60,
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        on_errors: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run a shell command to its end."""
        return self.start(command, stdin, on_output, on_errors).wait(timeout)

    def check(self, command: str, *, timeout: float = 60, stdin: bytes = b"") -> str:
        """Run a command that must succeed; returns its output as text."""
        result = self.run(command, timeout=timeout, stdin=stdin)
        if result.exit_code:
            raise AssertionError(
                f"`{command}` exited {result.exit_code}: {result.errors.decode(errors='replace')}"
            )
        return result.text

    def put_file(self, path: str, data: bytes) -> None:
        """Write a file in the guest. Large ones are better given at the start, as `files`."""
        self.check(f": > {path}")
        for start in range(0, len(data), _CHUNK):
            self.check(f"cat >> {path}", stdin=data[start : start + _CHUNK])

    def log(self) -> str:
        """The kernel log: everything the console has printed, errors of the machine included."""
        return re.sub(r"\r+\n", "\n", self._console.decode(errors="replace"))

    def assert_clean_log(self) -> None:
        """Raise what the first bad line of the log stands for."""
        if not self.broken:
            self.run("true")
        guest_errors.assert_clean(self.log())

    def interactive(self) -> int:
        """Join this process's terminal to a shell in the guest; returns its exit code."""
        port = self.kernel.architecture.ports[2]
        stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
        size = os.get_terminal_size(stdin)
        saved = termios.tcgetattr(stdin)
        command = self.start(
            f"stty sane 115200 rows {size.lines} cols {size.columns} </dev/{port}\n"
            f"setsid -c sh -l </dev/{port} >/dev/{port} 2>&1\n"
            f"status=$?; stty raw -echo </dev/{port}; exit $status",
            on_errors=lambda data: _write_all(stdout, data),
        )
        self._selector.register(stdin, selectors.EVENT_READ, _TERMINAL)
        try:
            tty.setraw(stdin)
            return command.wait(timeout=_DAY).exit_code
        finally:
            termios.tcsetattr(stdin, termios.TCSADRAIN, saved)
            self._selector.unregister(stdin)

    @property
    def acceleration(self) -> Acceleration:
        """How its code is executed."""
        return self._machine.acceleration

    @property
    def pid(self) -> int | None:
        """The process that runs its kernel, which leads a group; None where there is none."""
        return self._process.pid if self._process else None

    @property
    def busy(self) -> bool:
        """Whether a command has been started and not been waited for."""
        return self._command is not None

    def close(self) -> None:
        """End the guest at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._machine.close()
        for port in self._sockets.values():
            port.close()
        self._sockets.clear()
        self._selector.close()
        self.broken = True

    # What follows is between Guest and Command.

    def send(self, port: str, data: bytes) -> None:
        """Send bytes to a port."""
        try:
            self._sockets[port].sendall(data)
        except OSError as error:
            self._fail(GuestLost(f"the guest's {port} port is gone: {error}"))

    def done(self, command: Command) -> None:
        """Make room for the next command."""
        if self._command is command:
            self._command = None

    def serve(self, until: Callable[[], bool], timeout: float, what: str) -> None:
        """Handle what arrives until the condition holds."""
        timeout *= self.kernel.slowness
        clock = patience.Clock()
        while not until():
            left = timeout - clock.seconds()
            if left <= 0:
                self._fail(GuestHang(f"`{what}` still runs after {timeout:.0f} s"))
            self._take(min(left, 1.0))

    def _start(self) -> None:
        image = guest_initramfs(
            busybox.busybox(self.kernel.architecture),
            _SCRIPTS,
            self._module,
            self._machine.files(self._files),
        )
        inherited: dict[str, socket.socket] = {}
        try:
            for name in PORTS:
                self._sockets[name], inherited[name] = socket.socketpair()
                self._sockets[name].setblocking(True)
                self._selector.register(self._sockets[name], selectors.EVENT_READ, name)
            ports = {name: end.fileno() for name, end in inherited.items()}
            self._process = subprocess.Popen(
                self._machine.command_line(image.fd, ports),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=ports["console"],
                pass_fds=[image.fd, *ports.values()],
                env=self._machine.environment(),
                start_new_session=True,  # a kernel that panics signals its process group
                preexec_fn=_prepare_child,  # noqa: PLW1509  # the child only calls the kernel
            )
        finally:
            image.close()
            for end in inherited.values():
                end.close()

    def _take(self, timeout: float) -> None:
        """Wait for bytes and hand them on."""
        for key, _ in self._selector.select(timeout):
            port = str(key.data)
            if port == _TERMINAL:
                self.send("errors", os.read(sys.stdin.fileno(), 4096))
                continue
            data = self._sockets[port].recv(65536)
            if not data:
                self._selector.unregister(self._sockets[port])
                self._lost()
            if port == "console":
                self._console += data
                self._scan()
            elif port == "control":
                self._control += data
                self._read_control()
            elif self._command:
                self._command.feed(port, data)

    def _read_control(self) -> None:
        while b"\n" in self._control:
            line, _, rest = self._control.partition(b"\n")
            self._control = bytearray(rest)
            if line.strip() == b"ready":
                self._ready = True
            elif self._command:
                self._command.verdict(bytes(line))

    def _scan(self) -> None:
        """Look for trouble in the console's new whole lines."""
        end = self._console.rfind(b"\n") + 1
        new = self._console[self._scanned : end].decode(errors="replace")
        self._scanned = max(end, self._scanned)
        for line, error in guest_errors.trouble(new):
            self._drain_console()
            self._fail(_gravest(self.log(), line, error))

    def _drain_console(self) -> None:
        """Let a trace arrive in full."""
        console = self._sockets["console"]
        deadline = time.monotonic() + 5
        console.settimeout(_TRACE_SECONDS)
        try:
            while time.monotonic() < deadline and (data := console.recv(65536)):
                self._console += data
        except OSError:
            pass

    def _lost(self) -> None:
        self._drain_console()
        assert self._process is not None
        try:
            code: int | None = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        for line, error in guest_errors.trouble(self.log()):
            self._fail(_gravest(self.log(), line, error))
        self._fail(GuestLost(f"the machine ended with code {code}"))

    def _fail(self, error: GuestError) -> None:
        self.broken = True
        raise type(error)(str(error), self.log())


def _gravest(log: str, line: str, error: type[GuestError]) -> GuestError:
    """The error for a log: a panic or oops outweighs the warning that came before it."""
    order = [kind for _, kind in guest_errors.LogPattern.ALL]
    for other, kind in guest_errors.trouble(log):
        if order.index(kind) < order.index(error):
            line, error = other, kind
    return error(f"kernel trouble: {line.strip()}")


def _prepare_child() -> None:
    """End with the parent, and without a dump of memory."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
