# SPDX-License-Identifier: GPL-2.0
"""Failures that a person can act on."""


class HarnessError(Exception):
    """Says what is wrong and what to do about it, in one line.

    Subclasses set ``exit_code``; every code is listed in docs/testing.md.
    """

    exit_code = 1


class UsageError(HarnessError):
    """The arguments do not make sense."""

    exit_code = 2


class SetupError(HarnessError):
    """Something that guests need could not be fetched, built or started."""

    exit_code = 69
