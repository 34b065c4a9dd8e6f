# SPDX-License-Identifier: GPL-2.0
"""The core compiled for userspace: library, sanitized and cross-compiled programs."""
