# SPDX-License-Identifier: GPL-2.0
"""References for the core: integers and double precision in numpy."""
