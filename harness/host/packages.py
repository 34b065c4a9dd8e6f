# SPDX-License-Identifier: GPL-2.0
"""Debian packages that the host needs; only missing ones are installed."""

import os
import shutil
from collections.abc import Sequence

from harness.host.errors import SetupError
from harness.host.progress import say, step
from harness.host.run import run

GUESTS = (
    "make",
    "gcc",
    "gcc-12",  # the compiler that Debian's kernels were built with
    "libc6-dev",
    "gcc-aarch64-linux-gnu",
    "dwarves",  # type information of the module
    "qemu-system-x86",
    "qemu-system-arm",
)
"""Packages to build the module and boot it."""

KERNELS = (
    "make",
    "gcc-12",
    "libc6-dev",
    "libelf-dev",  # objtool
    "libssl-dev",  # the list of trusted certificates
    "bc",
    "bison",
    "flex",
    "patch",
    "xz-utils",  # the kernel source
)
"""Packages to build kernels from source, and the module for them."""

CROSS_KERNELS = ("gcc-aarch64-linux-gnu",)
"""Packages to build kernels for another architecture than the host's."""

ANALYSIS = (
    "make",
    "gcc",
    "gcc-12",
    "libc6-dev",
    "gcc-aarch64-linux-gnu",
    "dwarves",
    "clang",
    "sparse",
    "coccinelle",
    "perl",  # checkpatch
    "xz-utils",
)
"""Packages to analyze the sources."""

TESTS = (
    *GUESTS,
    *KERNELS,
    *ANALYSIS,
    "libc6-dev-arm64-cross",
    "libclang-rt-14-dev",  # sanitizers and libFuzzer
    "qemu-user-static",
    "git",
    "openssl",
    "shellcheck",
)
"""Packages to run the tests."""


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed."""
    query = ["dpkg-query", "-Wf", "${Package} ${db:Status-Status}\n", *packages]
    shown = run(query, check=False).text
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def ensure(packages: Sequence[str]) -> None:
    """Install missing packages, by sudo if this process is not root.

    Raises SetupError if that fails.
    """
    if shutil.which("dpkg-query") is None:
        raise SetupError("packages can be installed on Debian only: docs/testing.md lists them")
    wanted = missing(packages)
    if not wanted:
        return
    say(f"installing {' '.join(wanted)}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *wanted]
    with step("system packages"):
        for command in (["apt-get", "-qq", "update"], install):
            run(
                [*root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", *command],
                what=" ".join([*root, *command]),
                advice="run it by hand",
                error=SetupError,
                merge=True,
                check=command is install,
            )
