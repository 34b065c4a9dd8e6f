# SPDX-License-Identifier: GPL-2.0
"""Initial file systems for guests, made in memory.

An initial file system is one cpio archive in an anonymous file, which is freed when the
emulator ends. The host's kernel copies files into it from the page cache. Format: the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import os
from pathlib import Path, PurePosixPath

from harness.guests.machine import GuestFiles

_FILE = 0o100000
_FOLDER = 0o040000
_LINK = 0o120000


def _header(name: str, mode: int, size: int) -> bytes:
    """Return a "newc" header with its name, padded to four bytes."""
    path = name.encode() + b"\0"
    inode = nlink = 1
    fields = (inode, mode, 0, 0, nlink, 0, size, 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4)


class Initramfs:
    """Archive in an anonymous file, to which paths are added. Its owner closes it."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("initramfs", 0)
        self._made: set[str] = set()

    def add(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Add a file and the folders above it. `content` is its bytes, or a file of the host."""
        name = self._parents(path)
        if isinstance(content, bytes):
            self._write(_header(name, _FILE | mode, len(content)) + content)
            self._write(bytes(-len(content) % 4))
            return
        with content.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            self._write(_header(name, _FILE | mode, size))
            left = size
            while left:
                sent = os.sendfile(self.fd, source.fileno(), None, left)
                if not sent:
                    raise OSError(f"{content} became shorter")
                left -= sent
            self._write(bytes(-size % 4))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        data = target.encode()
        self._write(_header(self._parents(path), _LINK | 0o777, len(data)) + data)
        self._write(bytes(-len(data) % 4))

    def folder(self, path: str) -> None:
        """Add an empty folder."""
        self._parents(f"{path}/x")

    def finish(self) -> None:
        """End the archive."""
        self._write(_header("TRAILER!!!", 0, 0))

    def close(self) -> None:
        """Free the memory."""
        os.close(self.fd)

    def _parents(self, path: str) -> str:
        name = PurePosixPath(path.lstrip("/"))
        for parent in reversed(name.parents):
            if parent.name and str(parent) not in self._made:
                self._made.add(str(parent))
                self._write(_header(str(parent), _FOLDER | 0o755, 0))
        return str(name)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]


def guest_initramfs(
    busybox: Path, scripts: Path, module: Path | None, files: GuestFiles
) -> Initramfs:
    """Return the file system of a guest: busybox, init and agent of `scripts`, module, files."""
    image = Initramfs()
    try:
        for name in ("dev", "proc", "sys", "run", "tmp", "root", "etc"):
            image.folder(name)
        image.add("bin/busybox", busybox, mode=0o755)
        image.link("bin/sh", "busybox")
        image.add("init", scripts / "init", mode=0o755)
        image.add("bin/agent", scripts / "agent", mode=0o755)
        image.add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n")
        image.add("etc/group", b"root:x:0:\nuser:x:1000:\n")
        if module:
            image.add("lib/modules/llamux.ko", module)
        for path, content in files.copied.items():
            image.add(path, content)
        for path, target in files.links.items():
            image.link(path, target)
        image.finish()
    except BaseException:
        image.close()
        raise
    return image
