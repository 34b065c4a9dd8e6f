# SPDX-License-Identifier: GPL-2.0
"""Speed, memory and latency, measured beside other engines."""
