# SPDX-License-Identifier: GPL-2.0
"""A guest: boot it once, run many commands, and learn at once when its kernel breaks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from harness.guests import busybox, kernel_log
from harness.guests.command import Command, CommandResult, Listener
from harness.guests.errors import (
    BootError,
    GuestCommandError,
    GuestError,
    GuestHang,
    GuestLost,
    ModuleLoadError,
)
from harness.guests.initramfs import guest_initramfs
from harness.guests.kernel_log import KernelLog
from harness.guests.machine import Acceleration, Machine
from harness.guests.ports import PortClosed, Ports
from harness.guests.process import MachineProcess
from harness.guests.qemu import Qemu
from harness.guests.spec import MODULE_PATH, GuestSpec, ResolvedSpec, resolve
from harness.guests.uml import Uml
from harness.host import patience
from harness.host.architectures import UML
from harness.host.paths import ROOT

_SCRIPTS = ROOT / "images"
_TRACE_QUIET = 1.0  # seconds without output after which a kernel's trace is taken as complete
_TRACE_LIMIT = 5.0  # seconds that a trace may take to arrive
_CHUNK = 16 * 1024  # bytes of input in one request; the tty buffers 64 KiB
_LONGEST = 3 * _CHUNK  # bytes of a command and its input


def new_guest(spec: GuestSpec) -> "Guest":
    """Return a guest of this specification, not yet booted; its kernel and module are at hand."""
    return Guest(resolve(spec))


class Guest:
    """A kernel in QEMU or of User-mode Linux. A context manager that boots it and ends it.

    Each method that waits raises GuestPanic, GuestOops, GuestWarning, GuestBug, GuestHang or
    GuestLost, with the kernel log, if the guest breaks. The guest is `broken` then, and only
    :meth:`log` and :meth:`close` may be called.
    """

    def __init__(self, resolved: ResolvedSpec) -> None:
        self.kernel = resolved.kernel
        self.spec = resolved.spec
        self.broken = False
        self._module = resolved.module
        self._files = resolved.files
        machine = Uml if self.kernel.architecture.name == UML.name else Qemu
        assert self.spec.memory is not None  # a resolved specification has one
        self._machine: Machine = machine(
            self.kernel,
            accel=self.spec.accel,
            smp=self.spec.smp,
            memory=self.spec.memory,
            append=self.spec.append,
        )
        self._ports = Ports()
        self._log = KernelLog()
        self._process: MachineProcess | None = None
        self._control = b""
        self._command: Command | None = None
        self._ready = False

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
                self.serve(lambda: self._ready, self.spec.boot_timeout, "boot")
            except (GuestHang, GuestLost) as error:
                raise BootError(
                    f"the guest did not come up: {self.kernel.release}", self.log()
                ) from error
            if self._module and self.spec.load_module:
                self.load_module(self.spec.module_args)
        except BaseException:
            self.close()
            raise

    def load_module(self, arguments: str = "", timeout: float = 300) -> None:
        """insmod the module. Raises ModuleLoadError if the kernel refuses it."""
        loaded = self.run(f"insmod {MODULE_PATH} {arguments}", timeout=timeout)
        if loaded.exit_code:
            self.broken = True
            raise ModuleLoadError(f"{loaded.error_text} (exit code {loaded.exit_code})", self.log())

    def start(
        self,
        command: str,
        stdin: bytes = b"",
        on_output: Listener | None = None,
        on_errors: Listener | None = None,
    ) -> Command:
        """Start a shell command; one runs at a time.

        `on_output` and `on_errors` are called with bytes as they arrive.
        """
        if self.broken or self._command is not None:
            raise GuestLost("the guest is broken or busy", self.log())
        if len(command) + len(stdin) > _LONGEST:
            raise ValueError("too long for one request: use put_file")
        self._command = Command(self, command, stdin, on_output, on_errors)
        return self._command

    def run(
        self,
        command: str,
        *,
        timeout: float = 60,
        stdin: bytes = b"",
        on_output: Listener | None = None,
        on_errors: Listener | None = None,
    ) -> CommandResult:
        """Run a shell command to its end. `timeout` is in seconds."""
        return self.start(command, stdin, on_output, on_errors).wait(timeout)

    def check(self, command: str, *, timeout: float = 60, stdin: bytes = b"") -> str:
        """Run a command; return its output as text. Raises GuestCommandError if it fails."""
        result = self.run(command, timeout=timeout, stdin=stdin)
        if result.exit_code:
            raise GuestCommandError(command, result.exit_code, result.output, result.errors)
        return result.text

    def put_file(self, path: str, data: bytes) -> None:
        """Write a file in the guest. A large one is better given in the specification."""
        self.check(f": > {path}")
        for start in range(0, len(data), _CHUNK):
            self.check(f"cat >> {path}", stdin=data[start : start + _CHUNK])

    def log(self) -> str:
        """Return the kernel log: all that console and emulator have printed."""
        return self._log.text()

    def assert_clean_log(self) -> None:
        """Raise the error of the first line of trouble in the kernel log, if there is any."""
        if not self.broken:
            self.run("true")
        kernel_log.assert_clean(self.log())

    def typing(self, descriptor: int, port: str) -> AbstractContextManager[None]:
        """Send what can be read from a descriptor to a port, while a command is waited for."""
        return self._ports.forwarded(descriptor, port)

    @property
    def acceleration(self) -> Acceleration:
        """How the guest's code is executed."""
        return self._machine.acceleration

    @property
    def pid(self) -> int | None:
        """Process that runs the kernel and leads a process group; None if there is none."""
        return self._process.pid if self._process else None

    @property
    def busy(self) -> bool:
        """Whether a command has been started whose end nobody has waited for."""
        return self._command is not None

    def close(self) -> None:
        """End the guest at once."""
        if self._process is not None:
            self._process.kill()
            self._process = None
            self._machine.close()
        self._ports.close()
        self.broken = True

    def send(self, port: str, data: bytes) -> None:
        """Write bytes to a port, for a Command. Raises GuestLost if it is closed."""
        try:
            self._ports.send(port, data)
        except PortClosed as error:
            raise self._broken(GuestLost, str(error)) from None

    def finished(self, command: Command) -> None:
        """Make room for the next command."""
        if self._command is command:
            self._command = None

    def serve(self, until: Callable[[], bool], timeout: float, what: str) -> None:
        """Take what arrives until the condition holds, for a Command.

        Raises GuestHang after `timeout` seconds, multiplied by the kernel's slowness.
        """
        timeout *= self.kernel.slowness
        clock = patience.Clock()
        while not until():
            left = timeout - clock.seconds()
            if left <= 0:
                raise self._broken(GuestHang, f"`{what}` still runs after {timeout:.0f} s")
            self._take(min(left, 1.0))

    def _start(self) -> None:
        image = guest_initramfs(
            busybox.busybox(self.kernel.architecture),
            _SCRIPTS,
            self._module,
            self._machine.files(self._files),
        )
        try:
            with self._ports.opened() as ends:
                self._process = MachineProcess(
                    self._machine.command_line(image.fd, ends),
                    self._machine.environment(),
                    ends["console"],
                    [image.fd, *ends.values()],
                )
        finally:
            image.close()

    def _take(self, timeout: float) -> None:
        """Wait for bytes and hand them on."""
        try:
            for port, data in self._ports.receive(timeout):
                if not data:
                    raise self._lost()
                if port == "console":
                    if self._log.feed(data):
                        self._log.feed(self._ports.drain("console", _TRACE_QUIET, _TRACE_LIMIT))
                        raise self._trouble() or self._lost()
                elif port == "control":
                    self._read_control(data)
                elif self._command:
                    self._command.feed(port, data)
        except PortClosed as error:
            raise self._broken(GuestLost, str(error)) from None

    def _read_control(self, data: bytes) -> None:
        *lines, self._control = (self._control + data).split(b"\n")
        for line in lines:
            if line.strip() == b"ready":
                self._ready = True
            elif self._command:
                self._command.take_exit_code(line)

    def _lost(self) -> GuestError:
        """Return the error of a machine that has ended."""
        self._log.feed(self._ports.drain("console", _TRACE_QUIET, _TRACE_LIMIT))
        assert self._process is not None
        code = self._process.wait(_TRACE_LIMIT)
        return self._trouble() or self._broken(GuestLost, f"the machine ended with code {code}")

    def _trouble(self) -> GuestError | None:
        """Return the error of the log's gravest line, if it has any trouble."""
        found = self._log.gravest()
        return self._broken(found[1], f"kernel trouble: {found[0].strip()}") if found else None

    def _broken(self, kind: type[GuestError], what: str) -> GuestError:
        self.broken = True
        return kind(what, self.log())
