# SPDX-License-Identifier: GPL-2.0
"""Guests: kernels that boot in QEMU or as User-mode Linux, and what talks to them."""
