# SPDX-License-Identifier: GPL-2.0
"""The KUnit suites of kmod/tests, run in a guest whose kernel has KUnit.

Results come as KTAP: https://docs.kernel.org/dev-tools/ktap.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.guests.guest import MODULE_PATH, Guest
from harness.host.architectures import UML, architecture
from harness.host.errors import SetupError
from harness.host.progress import step
from harness.kernels import find
from harness.kernels import module as kbuild_module
from harness.vectors import files

MAKE_ARGS = ("CONFIG_LLAMUX_KUNIT_TEST=m",)
"""Argument of make that builds the suites instead of the module."""

_LOG_BYTES = 1 << 22
"""Room for suites that fail at everything, or the beginning of the report is lost."""

_HUNG = "/proc/sys/kernel/hung_task_timeout_secs"
_TIME = re.compile(r"^\[ *\d+\.\d+\] ", re.MULTILINE)
_RESULT = re.compile(r"^(?P<indent> *)(?P<verdict>ok|not ok) \d+ -? ?(?P<name>\S+)(?P<rest>.*)$")
_PLAN = re.compile(r"^1\.\.(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Report:
    """Results of the suites."""

    ktap: str
    suites: tuple[str, ...]
    """Names of the suites that have ended."""
    failures: tuple[str, ...]
    """Results that failed, were skipped, or are missing."""
    passed: int
    """Results that are neither, each case of a test counted by itself."""


def parse(log: str) -> Report:
    """The report in a kernel log, which has a line's time in front of it."""
    text = _TIME.sub("", log.replace("\r", ""))
    text = text[max(text.find("KTAP version 1\n"), 0) :]
    plans = [int(n) for n in _PLAN.findall(text)]
    suites, failures, passed = [], [], 0
    for line in text.splitlines():
        result = _RESULT.match(line)
        if result is None:
            continue
        if not result["indent"]:
            suites.append(result["name"])
        if result["verdict"] == "not ok" or "# SKIP" in result["rest"]:
            failures.append(line.strip())
        else:
            passed += 1
    if not plans or sum(plans) != len(suites):
        failures.append(f"{sum(plans)} suites were announced, {len(suites)} came to an end")
    return Report(text, tuple(suites), tuple(failures), passed)


def run(
    arch: str = UML.name,
    series: str | None = None,
    *,
    module: Path | None = None,
    guest_files: Mapping[str, bytes | Path] | None = None,
) -> Report:
    """Boot a guest and load the suites.

    ``module`` is built if not given; ``guest_files`` are those of the vectors. SetupError
    where the kernel has no KUnit; GuestError where it breaks.
    """
    kernel = find.kernel(architecture(arch), series)
    if "CONFIG_KUNIT=y" not in kernel.config.read_text().splitlines():
        raise SetupError(f"the kernel {kernel.release} has no KUnit: it runs in {UML.name}")
    module = module or kbuild_module.build(kernel, make_args=MAKE_ARGS).module
    with (
        Guest(
            arch,
            series,
            module=module,
            load_module=False,
            files=files.in_guest() if guest_files is None else guest_files,
            append=f"kunit.enable=1 log_buf_len={_LOG_BYTES}",
        ) as guest,
        step("KUnit suites"),
    ):
        guest.check("dmesg -c >/dev/null")
        # insmod waits for each test; a hung one KUnit itself gives up.
        guest.check(f"[ ! -e {_HUNG} ] || echo 0 >{_HUNG}")
        guest.check(f"insmod {MODULE_PATH}", timeout=600)
        report = parse(guest.check("dmesg"))
        guest.check("rmmod llamux_kunit")
        guest.assert_clean_log()
    return report
