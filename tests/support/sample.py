# SPDX-License-Identifier: GPL-2.0
"""Use the sample module of kmod/samples in a guest: copy it, load it and read its answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.core.figures import Score
from harness.guests.guest import Guest
from harness.host.architectures import architecture
from harness.host.paths import ROOT
from harness.kernels import module
from harness.kernels.find import kernel as kernel_of

SAMPLES = ROOT / "kmod" / "samples"


@dataclass(frozen=True)
class Asked:
    """Result of the sample's request, as /proc/llamux_sample shows it."""

    result: int
    scores: tuple[Score, ...] = ()
    pieces: int = 0
    answer: bytes = b""


def parse(shown: bytes) -> Asked:
    """Return the result in the text of /proc/llamux_sample."""
    result, rest = shown.split(b"\n", 1)
    assert result.startswith(b"result ")
    code = int(result.split()[1])
    scores = re.findall(rb"^score (-?\d+) tokens (\d+) ", rest, re.MULTILINE)
    if scores:
        return Asked(code, tuple(Score(int(n), int(p)) for p, n in scores))
    pieces, answer = rest.split(b"\n", 1)
    return Asked(code, pieces=int(pieces.split()[1]), answer=answer)


def bring_sample(guest: Guest, arch: str, kernel: str | None) -> Guest:
    """Copy the sample module to /sample.ko in the guest; return the guest."""
    target = kernel_of(architecture(arch), kernel)
    sample = module.build(target, SAMPLES, against=module.build(target))
    guest.put_file("/sample.ko", sample.module.read_bytes())
    return guest


@contextmanager
def sample(guest: Guest, arguments: str) -> Iterator[Asked]:
    """Load the sample, yield the result of its request, and unload it."""
    guest.check(f"insmod /sample.ko {arguments}", timeout=120)
    yield parse(guest.run("cat /proc/llamux_sample").output)
    guest.check("rmmod llamux_sample")


def asked(guest: Guest, arguments: str) -> Asked:
    """Return the result of a request that the sample makes."""
    with sample(guest, arguments) as found:
        return found
