# SPDX-License-Identifier: GPL-2.0
"""Model files: fetched, made, broken on purpose, signed."""
