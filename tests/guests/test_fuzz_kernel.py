# SPDX-License-Identifier: GPL-2.0
"""Run the fuzzer's seed programs again, and check how seeds are stored."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checks import fuzz_kernel
from harness.checks.fuzz_kernel import SEEDS, FuzzError

REACHED = {
    "ask": {"0", "EMSGSIZE", "ENODATA"},
    "write": {"0", "EBUSY", "EILSEQ"},
    "set options": {"0", "EINVAL", "EFAULT"},
    "ioctl": {"0", "ENOTTY", "EFAULT"},
    "command": {"0", "EEXIST", "ENOENT"},
    "tokens": {"0", "EINVAL"},
    "remove module": {"EAGAIN"},
}
"""Results of the calls that the seed programs depend on."""


@pytest.mark.parametrize("arch", ["x86_64"])
def test_the_seeds_break_nothing(arch: str) -> None:
    report = fuzz_kernel.run(0, arch=arch, kernel=None, corpus=SEEDS, mode="replay")
    assert report.executions == len(fuzz_kernel.load(SEEDS)) > 10
    assert report.killed == 0
    for kind, results in REACHED.items():
        assert results <= set(report.results[kind]), kind


@given(st.lists(st.binary(max_size=fuzz_kernel.INPUT_BYTES)))
def test_inputs_lie_behind_their_lengths(inputs: list[bytes]) -> None:
    packed = fuzz_kernel.packed(inputs)
    found = []
    while packed:
        n = int.from_bytes(packed[:2], "little")
        found.append(packed[2 : 2 + n])
        packed = packed[2 + n :]
    assert found == inputs


def test_a_folder_keeps_each_input_once(tmp_path: Path) -> None:
    fuzz_kernel.save(tmp_path / "new", [b"a", b"b", b"a"])
    assert sorted(fuzz_kernel.load(tmp_path / "new")) == [b"a", b"b"]


def test_what_is_no_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(bytes(fuzz_kernel.INPUT_BYTES + 1))
    with pytest.raises(FuzzError):
        fuzz_kernel.load(tmp_path)


def test_missed_blocks_are_counted_by_function() -> None:
    where = {4: "open", 12: "read", 20: "read", 28: "read"}
    assert fuzz_kernel.missed(where, [12, 999]) == {"read": 2, "open": 1}
