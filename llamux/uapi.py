# SPDX-License-Identifier: GPL-2.0
"""Structures and numbers of kmod/include/uapi/llamux.h for ctypes; a test compares them."""

import ctypes
from pathlib import Path

ROOT = Path("/proc/llamux")
"""Folder of the module's files."""

MODEL_BYTES = 64
SYSTEM_BYTES = 4096
STOPS = 4
STOP_BYTES = 64
TEMPLATES = ("auto", "none", "chatml", "zephyr", "llama-2", "llama-3")
"""Chat templates by number, from -1."""
OWN_SYSTEM = 0xFFFFFFFF
RATIO = 1 << 16


class IocOptions(ctypes.Structure):
    """struct llamux_ioc_options."""

    _fields_ = (
        ("temperature", ctypes.c_uint32),
        ("top_k", ctypes.c_uint32),
        ("top_p", ctypes.c_uint32),
        ("min_p", ctypes.c_uint32),
        ("repeat_penalty", ctypes.c_uint32),
        ("max_tokens", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("speculate", ctypes.c_uint32),
        ("chat_template", ctypes.c_int32),
        ("n_stops", ctypes.c_uint32),
        ("n_system", ctypes.c_uint32),
        ("stop_bytes", ctypes.c_uint8 * STOPS),
        ("reserved", ctypes.c_uint32),
        ("stops", (ctypes.c_char * STOP_BYTES) * STOPS),
        ("model", ctypes.c_char * MODEL_BYTES),
        ("system", ctypes.c_char * SYSTEM_BYTES),
        ("room", ctypes.c_uint64 * 16),
    )


class IocFigures(ctypes.Structure):
    """struct llamux_ioc_figures."""

    _fields_ = (
        ("prompt_tokens", ctypes.c_uint64),
        ("reused_tokens", ctypes.c_uint64),
        ("tokens", ctypes.c_uint64),
        ("drafted", ctypes.c_uint64),
        ("accepted", ctypes.c_uint64),
        ("ttft_us", ctypes.c_uint64),
        ("prefill_us", ctypes.c_uint64),
        ("decode_us", ctypes.c_uint64),
        ("sampled", ctypes.c_uint64),
        ("log_prob", ctypes.c_int64),
        ("margin", ctypes.c_int64),
    )


def _number(direction: int, number: int, size: int) -> int:
    """Return the number of a command: _IOC() of asm-generic/ioctl.h."""
    return direction << 30 | size << 16 | 0xBE << 8 | number


GET_OPTIONS = _number(2, 1, ctypes.sizeof(IocOptions))
SET_OPTIONS = _number(1, 2, ctypes.sizeof(IocOptions))
FIGURES = _number(2, 3, ctypes.sizeof(IocFigures))
RESET = _number(0, 4, 0)
