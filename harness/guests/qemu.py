# SPDX-License-Identifier: GPL-2.0
"""How QEMU is started: its command line, and whether KVM is fit for use."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.guests import busybox, initramfs
from harness.guests.machine import PORTS, Acceleration, Files
from harness.host import patience
from harness.host.errors import UsageError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.kernels.kernel import Kernel

DEFAULT_SMP = 2

_PROBE_SECONDS = 15.0
_PROBE_WORD = b"probe-reached-init"
_PROBE_INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
echo probe-reached-init >/dev/console
/bin/busybox poweroff -f
"""


class Qemu:
    """Runs a guest's kernel in an emulator; `memory` is in MiB."""

    def __init__(
        self, kernel: Kernel, *, accel: str | None, smp: int | None, memory: int, append: str
    ) -> None:
        self.kernel = kernel
        self.acceleration = choose(kernel, accel)
        self._smp = DEFAULT_SMP if smp is None else smp
        self._memory = memory
        self._append = append

    def files(self, files: Mapping[str, bytes | Path]) -> Files:
        """All are copied."""
        return Files(files)

    def command_line(self, initrd_fd: int, ports: Mapping[str, int]) -> list[str]:
        """The emulator and its arguments."""
        return command_line(
            self.kernel,
            initrd_fd,
            {name: f"socket,fd={fd}" for name, fd in ports.items()},
            self.acceleration.name,
            smp=self._smp,
            memory=self._memory,
            append=self._append,
        )

    def environment(self) -> dict[str, str]:
        """This process's own."""
        return dict(os.environ)

    def close(self) -> None:
        """There is nothing to undo."""


def command_line(
    kernel: Kernel,
    initrd_fd: int,
    backends: Mapping[str, str],
    accel: str,
    *,
    smp: int,
    memory: int,
    append: str = "",
) -> list[str]:
    """QEMU's arguments for a guest; `memory` is in MiB.

    `backends` maps some of the PORTS to QEMU character devices ("socket,fd=5");
    the others lead nowhere.
    """
    arch = kernel.architecture
    command = [arch.emulator, "-machine", arch.machine, "-nodefaults", "-no-user-config"]
    command += ["-display", "none", "-no-reboot", "-smp", str(smp), "-m", str(memory)]
    if accel == "kvm":
        command += ["-accel", "kvm", "-cpu", "host"]
    else:
        command += ["-accel", "tcg,thread=multi", "-cpu", arch.tcg_cpu]
    for name in PORTS:
        kind, *options = backends.get(name, "null").split(",")
        command += ["-chardev", ",".join([kind, f"id={name}", *options])]
    command += ["-serial", "chardev:console", "-chardev", "null,id=unused"]
    command += [
        "-device",
        "pci-serial-4x,chardev1=control,chardev2=output,chardev3=errors,chardev4=unused",
    ]
    command += ["-kernel", str(kernel.image), "-initrd", f"/proc/self/fd/{initrd_fd}"]
    arguments = [
        f"console={arch.console}",
        "panic=-1",
        f"llamux_ports={','.join(arch.ports)}",
        append,
    ]
    return [*command, "-append", " ".join(arguments).strip()]


def choose(kernel: Kernel, wanted: str | None = None) -> Acceleration:
    """The acceleration that `wanted` names, or the best that works here.

    /dev/kvm may be there and yet hang or abort every guest, so KVM is chosen
    only after it has booted this kernel once within a time limit.
    """
    if wanted not in (None, "kvm", "tcg"):
        raise UsageError(f"no acceleration {wanted!r}: choose kvm or tcg")
    if wanted is not None:
        return Acceleration(wanted, "as asked")
    host = platform.machine()
    if kernel.architecture.name != host:
        return Acceleration("tcg", f"the host is {host}")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Acceleration("tcg", "no access to /dev/kvm")
    verdicts = cache_dir("kvm")
    verdict = verdicts / f"{_machine_key(kernel)}.json"
    with exclusive(verdicts / "lock"):
        if not verdict.exists():
            with step("probing KVM"):
                verdict.write_text(json.dumps({"works": probe_kvm(kernel)}))
        works = json.loads(verdict.read_text())["works"]
    if works:
        return Acceleration("kvm", "a probe boot succeeded")
    return Acceleration("tcg", "KVM failed its probe boot")


def probe_kvm(kernel: Kernel, seconds: float = _PROBE_SECONDS) -> bool:
    """Whether KVM boots this kernel to its first process and off again in time."""
    image = initramfs.Initramfs()
    try:
        image.folder("dev")
        image.add("bin/busybox", busybox.busybox(kernel.architecture), mode=0o755)
        image.add("init", _PROBE_INIT, mode=0o755)
        image.finish()
        done = subprocess.run(
            command_line(kernel, image.fd, {"console": "stdio"}, "kvm", smp=1, memory=256),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=patience.scaled(seconds),
            pass_fds=[image.fd],
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        image.close()
    return done.returncode == 0 and _PROBE_WORD in done.stdout


def _machine_key(kernel: Kernel) -> str:
    """Names this processor, host kernel, emulator and guest kernel."""
    processor = [
        line
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "flags", "CPU part", "Features", "microcode"))
    ]
    emulator = subprocess.run(
        [kernel.architecture.emulator, "--version"], capture_output=True, check=True
    ).stdout
    facts = (sorted(set(processor)), platform.release(), platform.version(), emulator)
    return f"{kernel.release}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"
