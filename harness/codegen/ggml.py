# SPDX-License-Identifier: GPL-2.0
"""The core's tables of weight types and tensor names, with the numbers of the ``gguf`` package."""

from gguf.constants import GGML_QUANT_SIZES, MODEL_ARCH, MODEL_TENSOR, MODEL_TENSORS, TENSOR_NAMES
from gguf.constants import GGMLQuantizationType as Type

from harness.codegen import template
from harness.models.weight_types import BLOCK_TYPES, COMPUTED

WEIGHTS = (
    MODEL_TENSOR.TOKEN_EMBD,
    MODEL_TENSOR.OUTPUT_NORM,
    MODEL_TENSOR.OUTPUT,
    MODEL_TENSOR.ROPE_FREQS,
    MODEL_TENSOR.ATTN_NORM,
    MODEL_TENSOR.ATTN_Q,
    MODEL_TENSOR.ATTN_K,
    MODEL_TENSOR.ATTN_V,
    MODEL_TENSOR.ATTN_OUT,
    MODEL_TENSOR.FFN_NORM,
    MODEL_TENSOR.FFN_GATE,
    MODEL_TENSOR.FFN_UP,
    MODEL_TENSOR.FFN_DOWN,
)
"""Tensors of the architecture ``llama`` without experts."""


def _names() -> list[tuple[str, str]]:
    """Return macro and name of each tensor; the name of a layer's tensor holds one ``%u``."""
    known = MODEL_TENSORS[MODEL_ARCH.LLAMA]
    names = []
    for tensor in WEIGHTS:
        if tensor not in known:
            raise ValueError(f"gguf no longer lists {tensor.name} for llama")
        text = TENSOR_NAMES[tensor].format(bid="%u") + ".weight"
        names.append((f"LLAMA_TENSOR_{tensor.name}", text))
    return names


def render() -> dict[str, str]:
    """Return the four headers."""
    computed = [(t.name, int(t), *GGML_QUANT_SIZES[t]) for t in COMPUTED]
    other = [(t.name, int(t)) for t in Type if t not in COMPUTED]
    core = "kmod/ggml_kernel"
    count = max(int(t) for t in Type) + 1
    return {
        f"{core}/file/generated/ggml_types.h": template("ggml_types.h.j2").render(
            computed=computed, count=count
        ),
        f"{core}/file/generated/ggml_traits.h": template("ggml_traits.h.j2").render(
            computed=computed, other=other
        ),
        f"{core}/arithmetic/generated/block_types.h": template("block_types.h.j2").render(
            types=BLOCK_TYPES
        ),
        f"{core}/model/generated/tensor_names.h": template("tensor_names.h.j2").render(
            names=_names()
        ),
    }
