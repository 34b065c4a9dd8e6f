# SPDX-License-Identifier: GPL-2.0
"""Each path in the kernel, on models of processors that have it and that lack it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import guest_lab
import pytest
from guest_lab import insmod, loaded, logits_sha256

from harness import goldens, kbuild_module
from harness.guest import Guest
from harness.guest_pool import GuestPool

KINDS = ("F16", "Q4_0", "Q4_1", "Q5_1", "Q8_0", "Q3_K", "Q4_K", "Q6_K")
GOLDENS = [g for g in goldens.load() if g.recipe.shape == "tiny-256" and g.recipe.kind in KINDS]


@dataclass(frozen=True)
class Processor:
    """A model of QEMU's, and the paths it has, the best one first."""

    arch: str
    cpu: str
    paths: tuple[str, ...]
    lacks: str


PROCESSORS = (
    Processor("aarch64", "cortex-a53", ("neon", "swar", "generic"), "dotprod"),
    Processor("aarch64", "neoverse-n1", ("dotprod", "neon", "swar", "generic"), "i8mm"),
    Processor("aarch64", "max", ("i8mm", "dotprod", "neon", "swar", "generic"), "avx2"),
    Processor("x86_64", "Nehalem", ("swar", "generic"), "avx2"),
    Processor("x86_64", "Haswell", ("avx2", "swar", "generic"), "avx512"),
)


@cache
def files() -> dict[str, bytes | Path]:
    """The golden models' files."""
    return {guest_lab.golden_path(golden): golden.model_path() for golden in GOLDENS}


@pytest.fixture(params=PROCESSORS, ids=lambda p: f"{p.arch}-{p.cpu}")
def machine(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[tuple[Processor, Guest]]:
    """A guest that is such a processor, without the module."""
    processor: Processor = request.param
    guest = guest_pool.get(
        processor.arch,
        kernel,
        cpu=processor.cpu,
        load_module=False,
        module=kbuild_module.build_module(processor.arch, kernel),
        files=files(),
    )
    yield processor, guest
    guest.assert_clean_log()
    guest.close()


def path_in_use(guest: Guest) -> str:
    """What /proc/llamux/stats calls it."""
    return guest.check("grep ^isa /proc/llamux/stats").split()[1]


def test_every_path_gives_the_golden_integers(machine: tuple[Processor, Guest]) -> None:
    processor, guest = machine
    assert len(GOLDENS) == len(KINDS)
    with loaded(guest, guest_lab.golden_path(GOLDENS[0])):
        assert path_in_use(guest) == processor.paths[0]
    for golden in GOLDENS:
        for isa in processor.paths:
            with loaded(guest, guest_lab.golden_path(golden), f"selftest=0 isa={isa}"):
                assert path_in_use(guest) == isa
                for batch in (1, 17):
                    found = logits_sha256(guest, golden.tokens, batch)
                    assert found == golden.sha256, (golden.name, isa, batch)
    refused = insmod(guest, guest_lab.golden_path(GOLDENS[0]), f"isa={processor.lacks}")
    assert refused.exit_code != 0
