# SPDX-License-Identifier: GPL-2.0
"""Serial ports that join a guest to this process: a pair of sockets each.

The kernel's console has one; the agent in the guest takes requests and gives exit codes on the
control port; a command's output and errors have one each. So an exit code is never console
text, and kernel messages never mix with a command's output.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

PORTS = ("console", "control", "output", "errors")
"""Names of a guest's serial ports, in the order of its devices ttyS."""

_SEPARATOR = b"\x1e"  # precedes the mark that ends a command's bytes
_BYTES = 65536  # read at once


class PortClosed(Exception):
    """A port cannot be written any more."""


class MarkedStream:
    """Bytes of a port up to the mark that ends a command's share of them."""

    def __init__(self, mark: bytes, forward: Callable[[bytes], None] | None) -> None:
        """`forward` is called with bytes as soon as they cannot be part of the mark."""
        self.data = bytearray()
        self.complete = False
        self._mark = _SEPARATOR + mark
        self._held = b""
        self._forward = forward

    def feed(self, data: bytes) -> None:
        """Take bytes that have arrived."""
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


class Ports:
    """This process's ends of a guest's ports."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    @contextmanager
    def opened(self) -> Iterator[Mapping[str, int]]:
        """Open all ports; yield the guest's ends by name, which are closed afterwards.

        Each end is a descriptor for the program that runs the guest to inherit.
        """
        guest_ends: dict[str, socket.socket] = {}
        try:
            for name in PORTS:
                self._sockets[name], guest_ends[name] = socket.socketpair()
                self._selector.register(self._sockets[name], selectors.EVENT_READ, name)
            yield {name: end.fileno() for name, end in guest_ends.items()}
        finally:
            for end in guest_ends.values():
                end.close()

    def send(self, name: str, data: bytes) -> None:
        """Write bytes to a port. Raises PortClosed if the guest has closed it."""
        try:
            self._sockets[name].sendall(data)
        except OSError as error:
            raise PortClosed(f"the guest's {name} port is closed: {error}") from None

    def receive(self, timeout: float) -> Iterator[tuple[str, bytes]]:
        """Wait up to `timeout` seconds; yield (port, bytes), without bytes if it was closed."""
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, _Forwarded):
                self.send(key.data.port, os.read(key.fd, 4096))
                continue
            name = str(key.data)
            data = self._sockets[name].recv(_BYTES)
            if not data:
                self._selector.unregister(self._sockets[name])
            yield name, data

    def drain(self, name: str, quiet: float, limit: float) -> bytes:
        """Read a port until nothing arrives for `quiet` seconds, or `limit` seconds are over."""
        port = self._sockets[name]
        found = bytearray()
        deadline = time.monotonic() + limit
        port.settimeout(quiet)
        try:
            while time.monotonic() < deadline and (data := port.recv(_BYTES)):
                found += data
        except OSError:
            pass
        port.settimeout(None)
        return bytes(found)

    @contextmanager
    def forwarded(self, descriptor: int, name: str) -> Iterator[None]:
        """Send to a port whatever can be read from a descriptor while others wait for bytes."""
        self._selector.register(descriptor, selectors.EVENT_READ, _Forwarded(name))
        try:
            yield
        finally:
            self._selector.unregister(descriptor)

    def close(self) -> None:
        """Close all ports."""
        for port in self._sockets.values():
            port.close()
        self._sockets.clear()
        self._selector.close()


class _Forwarded:
    """Port to which a descriptor's bytes are sent."""

    def __init__(self, port: str) -> None:
        self.port = port
