# SPDX-License-Identifier: GPL-2.0
"""Kernels and modules: found, fetched or built."""
