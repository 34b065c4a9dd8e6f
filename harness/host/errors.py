# SPDX-License-Identifier: GPL-2.0
"""Failures that a person can act on."""


class HarnessError(Exception):
    """Base of all expected failures: one line that says what is wrong and what to do.

    Subclasses set ``exit_code``; docs/testing.md lists every code.
    """

    exit_code = 1


class UsageError(HarnessError):
    """The arguments do not fit together, or name something that does not exist."""

    exit_code = 2


class ProgramError(HarnessError):
    """A program of the host failed. See :mod:`harness.host.run`."""

    exit_code = 68


class SetupError(HarnessError):
    """A package, kernel, module or model could not be fetched, built or started."""

    exit_code = 69
