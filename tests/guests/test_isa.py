# SPDX-License-Identifier: GPL-2.0
"""Check each path in the kernel, on processor models that have it and that lack it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from harness.guests.guest import Guest
from harness.guests.pool import GuestPool
from harness.host.architectures import ARCHITECTURES
from harness.host.lock import exclusive
from harness.host.paths import ROOT, cache_dir
from harness.kernels import module as kbuild_module
from harness.vectors import goldens
from tests.support import lab as guest_lab
from tests.support.lab import insmod, loaded, logits_sha256

pytestmark = pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan")

KINDS = ("F16", "Q4_0", "Q4_1", "Q5_1", "Q8_0", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
GOLDENS = [g for g in goldens.load() if g.recipe.shape == "tiny-256" and g.recipe.kind in KINDS]


@dataclass(frozen=True)
class Processor:
    """Processor model of QEMU, and its usable paths, the best one first."""

    arch: str
    cpu: str
    paths: tuple[str, ...]
    lacks: str


MAX = ARCHITECTURES["aarch64"].tcg_cpu
PROCESSORS = (
    Processor("aarch64", "cortex-a53", ("neon", "swar", "generic"), "dotprod"),
    Processor("aarch64", "neoverse-n1", ("dotprod", "neon", "swar", "generic"), "i8mm"),
    Processor("aarch64", MAX, ("i8mm", "dotprod", "neon", "swar", "generic"), "avx2"),
    Processor("x86_64", "Nehalem", ("swar", "generic"), "avx2"),
    Processor("x86_64", "Haswell", ("avx2", "swar", "generic"), "avx512"),
)


@dataclass(frozen=True)
class Fault:
    """Change to the core that makes it compute wrong on x86_64."""

    file: str
    old: str
    new: str


OF_AVX2 = Fault("simd/tile_avx2.c", "v_add(acc, mul_pairs", "v_sub(acc, mul_pairs")
OF_GENERIC = Fault("arithmetic/attention.c", "dot += (256 *", "dot += (255 *")


def faulty_module(fault: Fault, kernel: str | None) -> Path:
    """Return a module with a fault; all faults share one folder, so that little is compiled."""
    source = cache_dir("faulty")
    with exclusive(source.with_suffix(".lock")):
        shutil.rmtree(source / "kmod", ignore_errors=True)
        shutil.copytree(ROOT / "kmod", source / "kmod")
        shutil.copy(ROOT / "Kbuild", source)
        file = source / "kmod" / "ggml_kernel" / fault.file
        text = file.read_text()
        assert text.count(fault.old) == 1
        file.write_text(text.replace(fault.old, fault.new))
        return kbuild_module.build_module("x86_64", kernel, source)


@cache
def files() -> dict[str, bytes | Path]:
    """Return the golden models' files."""
    return {guest_lab.golden_path(golden): golden.model_path() for golden in GOLDENS}


@pytest.fixture(params=PROCESSORS, ids=lambda p: f"{p.arch}-{p.cpu.split(',')[0]}")
def machine(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[tuple[Processor, Guest]]:
    """Yield a guest with this processor, without the module."""
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
    """Return the path that /proc/llamux/stats names."""
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


@pytest.fixture
def faulty(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[Guest]:
    """Yield a guest that has AVX2, and the module with a fault."""
    module = faulty_module(request.param, kernel)
    options = {"cpu": "Haswell", "load_module": False, "module": module, "files": files()}
    guest = guest_pool.get("x86_64", kernel, **options)
    yield guest
    guest.assert_clean_log()
    guest.close()


@pytest.mark.parametrize("faulty", [OF_AVX2], indirect=True)
def test_a_path_that_computes_wrong_is_not_used(faulty: Guest) -> None:
    golden = GOLDENS[0]
    path = guest_lab.golden_path(golden)
    with guest_lab.new_lines(faulty) as lines, loaded(faulty, path):
        assert path_in_use(faulty) == "swar"
        assert logits_sha256(faulty, golden.tokens, 17) == golden.sha256
    assert lines[0] == "avx2 computes Q4_0 wrong on this machine: it is not used"
    assert insmod(faulty, path, "isa=avx2").exit_code != 0
    # Without the self-test, the wrong path is used.
    with loaded(faulty, path, "selftest=0"):
        assert path_in_use(faulty) == "avx2"
        assert logits_sha256(faulty, golden.tokens, 17) != golden.sha256


@pytest.mark.parametrize("faulty", [OF_GENERIC], indirect=True)
def test_a_core_that_computes_wrong_is_refused(faulty: Guest) -> None:
    with guest_lab.new_lines(faulty) as lines:
        done = insmod(faulty, guest_lab.golden_path(GOLDENS[0]))
    assert done.exit_code != 0
    assert b"Input/output error" in done.errors
    assert lines[:2] == [
        "swar computes scores wrong on this machine: it is not used",
        "the generic path computes scores wrong on this machine: nothing can be relied on",
    ]
