# SPDX-License-Identifier: GPL-2.0
"""Fixtures: guests that are booted once for each worker and shared by its tests.

A test that takes `guest` runs once on each architecture, in a guest with the
module and SmolLM2 loaded. Others ask `guest_pool` for the guest they need. A
guest is booted anew after a test on it has failed.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from harness.guests.errors import GuestError
from harness.guests.guest import Guest
from harness.guests.pool import GuestPool
from harness.host.architectures import ARCHITECTURES, DEBUG_KERNELS, GUESTS, KERNELS
from harness.models import packaged
from tests.support import lab as guest_lab

_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make verify` have the guests of `lab` and `smp` run a kernel that looks for faults."""
    parser.addoption(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="run only the tests that boot a guest with this kernel",
    )
    parser.addoption("--arch", choices=GUESTS, default="x86_64", help="of that kernel")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let `arch` be each guest architecture in turn, or the one whose kernel was asked for."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "arch" in metafunc.fixturenames and not any(mark.args[0] == "arch" for mark in marks):
        asked = metafunc.config.getoption("--kernel") and metafunc.config.getoption("--arch")
        metafunc.parametrize("arch", [asked] if asked else sorted(ARCHITECTURES), indirect=True)


@pytest.fixture(scope="session")
def kernel(request: pytest.FixtureRequest) -> str | None:
    """The kernel that was asked for."""
    name: str | None = request.config.getoption("--kernel")
    return name


@pytest.fixture(scope="session")
def guest_pool() -> Iterator[GuestPool]:
    """All guests of this worker."""
    pool = GuestPool()
    yield pool
    pool.close()


@pytest.fixture
def arch(request: pytest.FixtureRequest) -> str:
    """Where a test runs. Those that take it run in one worker for each."""
    return str(request.param)


@pytest.fixture
def guest(request: pytest.FixtureRequest, guest_pool: GuestPool, arch: str) -> Iterator[Guest]:
    """A guest with the module and SmolLM2 loaded, and a kernel log that stays clean."""
    guest = guest_pool.get(arch, model=packaged.smollm2())
    yield guest
    _settle(request, guest_pool, guest)


@pytest.fixture
def bare_guest(request: pytest.FixtureRequest, guest_pool: GuestPool, arch: str) -> Iterator[Guest]:
    """A guest without the module."""
    guest = guest_pool.get(arch, load_module=False)
    yield guest
    _settle(request, guest_pool, guest)


@pytest.fixture
def lab(
    request: pytest.FixtureRequest, guest_pool: GuestPool, arch: str, kernel: str | None
) -> Iterator[Guest]:
    """A guest with the models of guest_lab.py, and the module in reach but not loaded."""
    guest = guest_pool.get(arch, kernel, **guest_lab.options(arch, kernel))
    yield guest
    _settle(request, guest_pool, guest)


def _settle(request: pytest.FixtureRequest, pool: GuestPool, guest: Guest) -> None:
    """After a test: a failed one's guest goes, another's has to be clean."""
    if request.node.stash.get(_failed, False) or guest.broken or guest.busy:
        pool.discard(guest)
        return
    try:
        guest.assert_clean_log()
    except GuestError:
        pool.discard(guest)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Remember for the fixtures' ends whether the test has failed."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that share a guest in one worker, and mark them as boots."""
    if config.getoption("--kernel"):
        others = set(GUESTS) - {config.getoption("--arch")}
        foreign = [
            item
            for item in items
            if "kernel" not in getattr(item, "fixturenames", ())
            or any(other in item.nodeid.partition("[")[2] for other in others)
        ]
        config.hook.pytest_deselected(items=foreign)
        items[:] = [item for item in items if item not in foreign]
    for item in items:
        callspec = getattr(item, "callspec", None)
        arch = callspec.params.get("arch") if callspec else None
        names = getattr(item, "fixturenames", ())
        if "guest_pool" in names or arch is not None:
            item.add_marker(pytest.mark.boot)
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(f"guests-{arch or 'any'}"))
