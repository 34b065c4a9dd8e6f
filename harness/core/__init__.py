# SPDX-License-Identifier: GPL-2.0
"""The integer core in userspace, as Python objects."""
