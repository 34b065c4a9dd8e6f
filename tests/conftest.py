# SPDX-License-Identifier: GPL-2.0
"""Fixtures, and the choice of tests: guests are booted once for each worker and shared by tests.

A test that takes `guest` or `lab` runs once in each guest that its mark `guests` names. Others
ask `guest_pool` for the guest they need. A guest is booted anew after a test on it has failed,
and ends with the last test of its group.
"""

import platform
import re
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_timeout

from harness.guests.errors import GuestError
from harness.guests.guest import Guest
from harness.guests.pool import GuestPool
from harness.host import patience
from harness.host.architectures import ARCHITECTURES, DEBUG_KERNELS, GUESTS, KERNELS, UML
from harness.models import packaged
from tests.support import lab as guest_lab

_failed = pytest.StashKey[bool]()
_pool = pytest.StashKey[GuestPool]()

EMULATED = tuple(sorted(ARCHITECTURES))
SECONDS = {"aarch64": 6.0, "x86_64": 5.0, UML.name: 1.0}
"""Rough seconds of a test in each guest, by which the longest groups start first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `make verify`: a kernel, and the tests that are to run on it."""
    parser.addoption(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="run only the tests that boot a guest with this kernel",
    )
    parser.addoption("--arch", choices=GUESTS, default="x86_64", help="of that kernel")
    parser.addoption(
        "--judged", action="store_true", help="of these, run those marked `judged_by` that kernel"
    )
    parser.addoption("--passed", type=Path, help="skip the tests that this file lists")
    parser.addoption("--record", type=Path, help="append the tests that pass to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Record what passes, in the process that reports."""
    path: Path | None = config.getoption("--record")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(path))


class Recorder:
    """Appends the name of each test that has passed to a file, at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._called: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has passed if its call has passed, or was skipped, and its end has not failed."""
        if report.when != "teardown":
            if report.failed:
                self._called.discard(report.nodeid)
            elif report.when == "call" or report.skipped:
                self._called.add(report.nodeid)
        elif report.passed and report.nodeid in self._called:
            with self._path.open("a") as file:
                file.write(f"{_name(report.nodeid)}\n")


def _name(nodeid: str) -> str:
    """Return a test's name without the group that xdist appends."""
    return re.sub(r"@[\w.-]+$", "", nodeid)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let `arch` be every guest, of which `guests` chooses, or the one of --kernel."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "arch" in metafunc.fixturenames and not any(mark.args[0] == "arch" for mark in marks):
        asked = metafunc.config.getoption("--kernel") and metafunc.config.getoption("--arch")
        metafunc.parametrize("arch", [asked] if asked else sorted(GUESTS), indirect=True)


@pytest.fixture(scope="session")
def kernel(request: pytest.FixtureRequest) -> str | None:
    """The kernel that was asked for."""
    name: str | None = request.config.getoption("--kernel")
    return name


@pytest.fixture(scope="session")
def guest_pool(request: pytest.FixtureRequest) -> Iterator[GuestPool]:
    """All guests of this worker. On kernels with kmemleak no memory has leaked at the end."""
    pool = GuestPool()
    request.config.stash[_pool] = pool
    yield pool
    try:
        # Not by the fixture `kernel`, which tells the tests that run on any kernel.
        if str(request.config.getoption("--kernel")).endswith("-kasan"):
            for guest in pool.running():
                assert guest.busy or guest_lab.leaks(guest) == []
    finally:
        pool.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    """End guests that the worker's next group does not use; they take memory and processors."""
    result = yield
    pool = item.config.stash.get(_pool, None)
    asked = item.config.getoption("--kernel")
    if pool and nextitem and hasattr(item.config, "workerinput") and not asked:
        marks = (item.get_closest_marker("xdist_group"), nextitem.get_closest_marker("xdist_group"))
        if marks[0] and marks[0] != marks[1]:
            pool.close()
    return result


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


def _parameters(item: pytest.Item) -> Mapping[str, object]:
    """Return what a test is parametrized with."""
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def _fixtures(item: pytest.Item) -> Sequence[str]:
    """Return the names of the fixtures that a test uses."""
    return getattr(item, "fixturenames", ())


def _guest_of(item: pytest.Item) -> str | None:
    """Return the name of the guest in a test's parameters, if there is one."""
    arch = _parameters(item).get("arch")
    if arch is not None:
        return str(arch)
    shown = item.nodeid.partition("[")[2]
    return next((name for name in GUESTS if name in shown), None)


def _is_of_the_gate(item: pytest.Item) -> bool:
    """Return whether a test runs in this guest when no kernel was asked for.

    Without a mark `guests` a test runs on each emulated architecture. User-mode Linux needs an
    x86_64 host; elsewhere the emulated machine of the host's architecture stands in for it.
    """
    explicit = any(m.args[0] == "arch" for m in item.iter_markers("parametrize"))
    mark = item.get_closest_marker("guests")
    if "arch" not in _parameters(item) or (explicit and mark is None):
        return True
    wanted = set(mark.args if mark else EMULATED)
    if platform.machine() != "x86_64" and UML.name in wanted:
        wanted = wanted - {UML.name} | {platform.machine()}
    return _parameters(item)["arch"] in wanted


def _runs_on(item: pytest.Item, arch: str, kernel: str, judged: bool) -> bool:
    """Return whether a test can run on the kernel that was asked for, and is meant to.

    `kernel` has to be a fixture of the test, not a parameter. A kernel that looks for faults
    runs only the tests that a mark `debug_kernel`, or `judged_by` if `judged`, names it for.
    """
    shown = item.nodeid.partition("[")[2]
    if "kernel" not in _fixtures(item) or "kernel" in _parameters(item):
        return False
    if any(other in shown for other in set(GUESTS) - {arch}):
        return False
    if kernel not in DEBUG_KERNELS:
        return True
    kind = kernel.rpartition("-")[2]
    named = {
        name
        for mark in item.iter_markers("judged_by" if judged else "debug_kernel")
        for name in mark.args
    }
    return bool(named & {kind, f"{arch}/{kind}"})


def _group(item: pytest.Item, asked: bool) -> str | None:
    """Return the name of the tests that share guests with this one; they run in one worker.

    User-mode Linux boots so quickly that each file's tests have a guest of their own.
    """
    mark = item.get_closest_marker("xdist_group")
    if mark is not None:
        return str(mark.args[0])
    arch = _guest_of(item)
    if "guest_pool" not in _fixtures(item) and "arch" not in _parameters(item):
        return None
    if arch in EMULATED and not asked and {"lab", "guest"} & {*_fixtures(item)}:
        return f"guests-{arch}"
    return f"{item.path.stem.removeprefix('test_')}-{arch or 'any'}"


def _seconds(item: pytest.Item) -> float:
    """Return roughly how long a test takes: its mark `seconds`, or what its guest takes."""
    mark = item.get_closest_marker("seconds")
    if mark is not None:
        return float(mark.args[0])
    return SECONDS[_guest_of(item) or UML.name] if item.get_closest_marker("boot") else 0.1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests, mark boots, and keep the tests that share a guest in one worker."""
    kernel: str | None = config.getoption("--kernel")
    if kernel:
        arch, judged = config.getoption("--arch"), config.getoption("--judged")
        chosen = [item for item in items if _runs_on(item, arch, kernel, judged)]
    else:
        chosen = [item for item in items if _is_of_the_gate(item)]
    passed: Path | None = config.getoption("--passed")
    if passed and passed.exists():
        names = set(passed.read_text().splitlines())
        again = [item for item in chosen if item.get_closest_marker("every_time")]
        left = [item for item in chosen if item in again or item.nodeid not in names]
        chosen = left if len(left) > len(again) else []
    if kernel:
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
    for item in items:
        if "guest_pool" in _fixtures(item) or "arch" in _parameters(item):
            item.add_marker(pytest.mark.boot)
        group = _group(item, kernel is not None)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> None:
    """Sort by group, the longest first; the order within a group stays."""

    def group(item: pytest.Item) -> str:
        mark = item.get_closest_marker("xdist_group")
        return mark.args[0] if mark else item.nodeid

    seconds: dict[str, float] = {}
    for item in items:
        seconds[group(item)] = seconds.get(group(item), 0.0) + _seconds(item)
    items.sort(key=lambda item: (-seconds[group(item)], group(item) if item else ""))


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool | None:
    """Have pytest-timeout count the seconds of an idle machine of the reference speed."""
    if settings.method != "signal" or threading.current_thread() is not threading.main_thread():
        return None
    clock = patience.Clock()

    def look(*_: object) -> None:
        __tracebackhide__ = True
        left = settings.timeout - clock.seconds()
        if left <= 0:
            pytest_timeout.timeout_sigalrm(item, settings)
        signal.setitimer(signal.ITIMER_REAL, min(max(left, 1.0), 20.0))

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    item.cancel_timeout = cancel  # type: ignore[attr-defined]
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, min(settings.timeout, 20.0))
    return True
