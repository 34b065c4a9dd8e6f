# SPDX-License-Identifier: GPL-2.0
"""Debian packages that the host itself needs: what is missing is installed, nothing else."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from harness.host.errors import SetupError
from harness.host.progress import say, step

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
"""To build the module and boot it."""

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
"""To build the kernels that are built from source, and the module for them."""

CROSS_KERNELS = ("gcc-aarch64-linux-gnu",)
"""To build those of another architecture than the host's."""

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
"""To analyze the sources."""

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
"""To run the tests as well."""


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed."""
    shown = subprocess.run(
        ["dpkg-query", "-Wf", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def ensure(packages: Sequence[str]) -> None:
    """Install what is missing, through sudo where not root.

    Raises SetupError where that does not succeed, with the command to run by hand.
    """
    if shutil.which("dpkg-query") is None:
        raise SetupError("this set-up knows Debian only: docs/testing.md lists what it installs")
    wanted = missing(packages)
    if not wanted:
        return
    say(f"installing {' '.join(wanted)}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *wanted]
    with step("system packages"):
        for command in (["apt-get", "-qq", "update"], install):
            done = subprocess.run(
                [*root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode and command is install:
                raise SetupError(f"`{' '.join([*root, *command])}` failed:\n{done.stdout}")
