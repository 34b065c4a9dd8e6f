# SPDX-License-Identifier: GPL-2.0
"""Time limits grow with a machine's slowness and load, and end all the same."""

import pytest

from harness.host import patience


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A machine whose slowness, load and time the test sets."""
    values = {"slowness": 1.0, "load": 1.0, "time": 0.0}
    monkeypatch.setattr(patience, "slowness", lambda: values["slowness"])
    monkeypatch.setattr(patience, "load", lambda: values["load"])
    monkeypatch.setattr("time.monotonic", lambda: values["time"])
    return values


def test_an_idle_machine_of_the_reference_speed_has_its_own_seconds(
    machine: dict[str, float],
) -> None:
    clock = patience.Clock()
    machine["time"] = 7.0
    assert clock.seconds() == 7
    assert patience.scaled(60) == 60


def test_a_second_lasts_longer_on_a_slow_and_busy_machine(machine: dict[str, float]) -> None:
    clock = patience.Clock()
    machine.update(slowness=2.0, load=5.0, time=10.0)
    assert clock.seconds() == 1
    machine.update(load=1.0, time=20.0)  # it was busy until a moment ago
    assert clock.seconds() == 2
    machine["time"] = 30.0
    assert clock.seconds() == 7
    assert patience.scaled(60) == 120


def test_patience_ends_on_a_machine_that_is_swamped(machine: dict[str, float]) -> None:
    machine["load"] = 1e6
    assert patience.scaled(1) < 100


def test_this_machine_has_a_load_and_a_speed() -> None:
    assert patience.slowness() >= 1
    assert patience.load() >= 1
