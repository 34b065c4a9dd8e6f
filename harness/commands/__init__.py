# SPDX-License-Identifier: GPL-2.0
"""The verbs of ``python -m harness``, a module each."""
