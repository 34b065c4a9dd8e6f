# SPDX-License-Identifier: GPL-2.0
"""Static analysis of the C sources, and the findings that are explained."""
