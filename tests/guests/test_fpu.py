# SPDX-License-Identifier: GPL-2.0
"""Check that userspace's vector registers keep their values while the kernel computes with them."""

import re
from collections.abc import Iterator

import pytest

from harness.guests.guest import Guest
from harness.guests.pool import GuestPool
from harness.host.paths import GUEST_PROGRAMS
from harness.kernels import module
from harness.native import cross
from harness.vectors import goldens
from tests.support import lab as guest_lab
from tests.support.lab import OPTIONS, PROMPT, helpers, loaded, stats, used_ns

pytestmark = pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan")

PROGRAM = GUEST_PROGRAMS / "probes" / "register_check.c"
GOLDEN = next(golden for golden in goldens.load() if golden.name == "tiny-256-Q4_K")
ROUNDS = 120
WAITS = ("answer yield stats spin", "answer", "yield spin", "spin", "spin")
"""Ways in which the processes wait with full registers."""


@pytest.fixture(params=["x86_64-6.12", "aarch64-6.12"])
def smp(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[Guest]:
    """Yield a guest with four processors, the program and a model."""
    arch, series = request.param.split("-")
    kernel = kernel or series
    guest = guest_pool.get(
        arch,
        kernel,
        smp=4,
        load_module=False,
        module=module.build_module(arch, kernel),
        files={
            "/register_check": cross.executable(PROGRAM, arch, with_core=False),
            guest_lab.golden_path(GOLDEN): GOLDEN.model_path(),
        },
    )
    yield guest
    try:
        guest.assert_clean_log()
    finally:
        guest.close()


def test_registers_stay_as_they_are(smp: Guest) -> None:
    vector = {"x86_64": ("avx2",), "aarch64": ("i8mm", "dotprod", "neon")}
    for isa in vector[smp.kernel.architecture.name]:
        with loaded(smp, guest_lab.golden_path(GOLDEN), f"isa={isa}"):
            assert stats(smp)["isa"] == isa
            outputs = check_registers(smp)
        for waits, output in zip(WAITS, outputs, strict=True):
            found = re.fullmatch(r"rounds (\d+) answers (\d+)\n", output)
            assert found, (isa, waits, output)
            assert int(found[1]) == ROUNDS
            # The final read at an answer's end returns no bytes and is not counted.
            assert int(found[2]) >= ROUNDS * waits.split().count("answer") / len(waits.split()) / 2


def check_registers(guest: Guest) -> list[str]:
    """Check the processes' output, one for each of WAITS, while others generate beside them."""
    pids = helpers(guest)
    before = used_ns(guest, pids)
    started = "".join(
        f'/register_check {ROUNDS} {waits} >/tmp/o{i} 2>&1 & checks="$checks $!"\n'
        for i, waits in enumerate(WAITS)
    )
    guest.check(
        f"chmod +x /register_check; printf 'template none\\nmax_tokens 32\\n' >{OPTIONS}\n"
        ": >/tmp/go; rm -f /tmp/answered\n"
        f"while [ -e /tmp/go ]; do echo A kernel is >{PROMPT} && cat {PROMPT} >/dev/null &&"
        " : >/tmp/answered; done & generation=$!\n"
        f"{started}"
        "wait $checks; rm /tmp/go; wait $generation; [ -e /tmp/answered ]",
        timeout=120,
    )
    assert len(pids) == 3
    assert used_ns(guest, pids) > before
    return [guest.check(f"cat /tmp/o{i}") for i in range(len(WAITS))]
