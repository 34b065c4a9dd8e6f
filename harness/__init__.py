# SPDX-License-Identifier: GPL-2.0
"""Builds, boots, checks and measures Llamux."""
