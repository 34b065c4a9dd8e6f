# SPDX-License-Identifier: GPL-2.0
"""A hundred clients at once, on a kernel that looks for faults."""

from harness import kernels, stress
from harness.architectures import architecture

SECONDS = 60
"""Of a kernel that looks for nothing."""


def test_a_hundred_clients(arch: str, kernel: str) -> None:
    """Nothing is reported, lost, mixed or left; all kinds of clients have come."""
    slowness = kernels.kernel(architecture(arch), kernel).slowness
    loads = [load for load in stress.LOADS if load.model == "tiny"]
    (report,) = stress.run(round(SECONDS * slowness), arch=arch, kernel=kernel, loads=loads)
    print(report)
    assert report.failures == []
    assert all(report.operations.values()), report
    assert report.counts["compared"] > 100
