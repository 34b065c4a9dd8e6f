# SPDX-License-Identifier: GPL-2.0
"""The machine that the harness runs on: paths, packages, processes, messages."""
