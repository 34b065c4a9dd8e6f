# SPDX-License-Identifier: GPL-2.0
"""Long checks of a running module: KUnit, stress and fuzzing."""
