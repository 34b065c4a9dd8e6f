# SPDX-License-Identifier: GPL-2.0
"""The ctypes declarations of the core and its wrappers: structures, and every function's types.

``tests/core/test_declarations.py`` holds them against the library's debugging information.
"""

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_int,
    c_int16,
    c_int32,
    c_int64,
    c_long,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

MAX_STOPS = 4
STOP_BYTES = 64

Round = CFUNCTYPE(None, c_void_p, c_uint32, c_uint32)
"""Function that does one round of a loop: argument, round, worker."""

Hook = CFUNCTYPE(c_int, c_void_p)
"""Function that is called now and then; a result other than 0 stops the computation."""


class Diag(Structure):
    """struct llama_diag."""

    _fields_ = (("text", c_char * 200),)

    def __str__(self) -> str:
        return bytes(self.text).decode("ascii", "replace")


class Text(Structure):
    """struct gguf_str."""

    _fields_ = (("data", c_void_p), ("len", c_uint32))

    def bytes(self) -> bytes:
        """Return a copy."""
        return ctypes.string_at(self.data, self.len)


class NativeEntry(Structure):
    """struct gguf_kv."""

    _fields_ = (
        ("key", Text),
        ("type", c_uint32),
        ("elem_type", c_uint32),
        ("count", c_uint64),
        ("data", c_void_p),
        ("size", c_uint64),
    )


class NativeTensor(Structure):
    """struct gguf_tensor."""

    _fields_ = (
        ("name", Text),
        ("type", c_uint32),
        ("n_dims", c_uint32),
        ("ne", c_uint64 * 4),
        ("offset", c_uint64),
        ("size", c_uint64),
    )


class TypeTraits(Structure):
    """struct ggml_type_traits."""

    _fields_ = (("name", c_char_p), ("block", c_uint16), ("bytes", c_uint16))


class LoadReport(Structure):
    """struct llamuxu_load_report."""

    _fields_ = (
        ("index_bytes", c_uint64),
        ("arena_bytes", c_uint64),
        ("kv_chunk_bytes", c_uint64),
        ("scratch_bytes", c_uint64),
        ("n_params", c_uint64),
        ("n_ctx_train", c_uint32),
        ("n_vocab", c_uint32),
        ("diag", Diag),
        ("chat", c_char * 16),
        ("file_type", c_char * 16),
    )


class SamplerParams(Structure):
    """struct llama_sampler_params; ratios in Q16."""

    _fields_ = (
        ("temperature", c_uint32),
        ("top_k", c_uint32),
        ("top_p", c_uint32),
        ("min_p", c_uint32),
        ("repeat_penalty", c_uint32),
        ("seed", c_uint64),
    )


class Stops(Structure):
    """struct llama_stops."""

    _fields_ = (
        ("n", c_uint32),
        ("len", c_uint8 * MAX_STOPS),
        ("text", (c_char * STOP_BYTES) * MAX_STOPS),
    )


class StopFilter(Structure):
    """struct llama_stop_filter."""

    _fields_ = (("stops", Stops), ("n", c_uint32), ("held", c_char * STOP_BYTES))


class NativeOptions(Structure):
    """struct llamuxu_options."""

    _fields_ = (
        ("sampler", SamplerParams),
        ("max_tokens", c_uint32),
        ("chat", c_int32),
        ("speculate", c_uint32),
        ("n_system", c_uint32),
        ("system", c_char_p),
        ("stops", Stops),
    )


class NativeScore(Structure):
    """struct llama_score."""

    _fields_ = (
        ("g", c_void_p),
        ("known", c_bool),
        ("done", c_bool),
        ("n_tokens", c_uint32),
        ("n_scored", c_uint32),
        ("n", c_uint32),
        ("log_prob", c_int64),
    )


class NativeConfidence(Structure):
    """struct llama_confidence."""

    _fields_ = (("n", c_uint32), ("log_prob", c_int64), ("margin", c_int64))


class Loop(Structure):
    """struct llama_loop."""

    _fields_ = (("fn", Round), ("arg", c_void_p), ("n", c_uint32))


class Yield(Structure):
    """struct llama_yield."""

    _fields_ = (("fn", Hook), ("arg", c_void_p))


def _addresses(*names: str) -> tuple[tuple[str, Any], ...]:
    return tuple((name, c_void_p) for name in names)


class NativeBfp(Structure):
    """struct bfp."""

    _fields_ = (
        ("n", c_uint32),
        ("n_blocks", c_uint32),
        *_addresses("q", "pair", "hi", "lo", "sum", "total", "h", "shift", "e"),
    )


class VectorTmp(Structure):
    """struct vector_tmp."""

    _fields_ = _addresses("wide", "a", "b")


class VectorSums(Structure):
    """struct vector_sums."""

    _fields_ = (
        *_addresses("a", "z", "e_a", "e_z"),
        ("r", c_int),
        ("t", c_int),
        ("minus", c_bool),
    )


class VectorTop(Structure):
    """struct vector_top."""

    _fields_ = (("score", c_int32), ("e_v", c_int16))


class AttentionScores(Structure):
    """struct attention_scores."""

    _fields_ = (
        *_addresses("k", "next"),
        ("dim", c_uint32),
        *_addresses("hi", "lo"),
        ("n_rows", c_uint32),
        ("n", c_uint32),
        *_addresses("dot"),
    )


class AttentionValues(Structure):
    """struct attention_values."""

    _fields_ = (
        *_addresses("v", "next"),
        ("dim", c_uint32),
        *_addresses("hi", "lo", "h"),
        ("n_rows", c_uint32),
        ("n_blocks", c_uint32),
        ("stride", c_uint32),
        *_addresses("sum"),
    )


STRUCTURES: dict[str, type[Structure]] = {
    "llama_diag": Diag,
    "gguf_str": Text,
    "gguf_kv": NativeEntry,
    "gguf_tensor": NativeTensor,
    "ggml_type_traits": TypeTraits,
    "llamuxu_load_report": LoadReport,
    "llama_sampler_params": SamplerParams,
    "llama_stops": Stops,
    "llama_stop_filter": StopFilter,
    "llamuxu_options": NativeOptions,
    "llama_score": NativeScore,
    "llama_confidence": NativeConfidence,
    "llama_loop": Loop,
    "llama_yield": Yield,
    "bfp": NativeBfp,
    "vector_tmp": VectorTmp,
    "vector_sums": VectorSums,
    "vector_top": VectorTop,
    "attention_scores": AttentionScores,
    "attention_values": AttentionValues,
}
"""Structures by their names in C."""

_SIZED_TEXT = (c_char_p, c_size_t)
_DIAG = POINTER(Diag)
_QUANTIZER = (c_void_p, c_uint32, c_int, c_void_p)

FUNCTIONS: dict[str, tuple[Any, ...]] = {
    # Paths: the functions that multiply weights.
    "llama_path_select": (c_int, c_char_p),
    "llama_path_name": (c_char_p,),
    "llama_path_at": (c_void_p, c_uint32),
    "llama_path_usable": (c_bool, c_uint32),
    "llama_path_disable": (None, c_uint32),
    "llamuxu_selftest": (c_char_p, c_uint32),
    "llamuxu_functions": (c_uint32,),
    "llamuxu_wrong_name": (c_char_p, c_uint32, c_uint32),
    "llamuxu_selftest_wrong": (c_char_p, c_uint32, c_uint32),
    # Files.
    "llama_type_traits": (POINTER(TypeTraits), c_uint32),
    "llama_type_name": (c_char_p, c_uint32),
    "llamuxu_gguf_open": (c_int, c_void_p, c_uint64, c_int64, POINTER(c_void_p), _DIAG),
    "llamuxu_gguf_close": (None, c_void_p),
    "llamuxu_gguf_head": (c_void_p, c_void_p),
    "llamuxu_gguf_kv": (POINTER(NativeEntry), c_void_p, c_uint32),
    "llamuxu_gguf_tensor": (POINTER(NativeTensor), c_void_p, c_uint32),
    "llamuxu_gguf_strings": (c_uint64, POINTER(NativeEntry), c_void_p, c_void_p, c_uint64),
    "llama_gguf_find": (POINTER(NativeEntry), c_void_p, c_char_p),
    "llama_gguf_find_tensor": (POINTER(NativeTensor), c_void_p, c_char_p),
    "llama_gguf_get_u32": (c_int, c_void_p, c_char_p, POINTER(c_uint32), _DIAG),
    "llama_gguf_get_f32": (c_int, c_void_p, c_char_p, POINTER(c_uint32), _DIAG),
    "llama_gguf_get_bool": (c_int, c_void_p, c_char_p, POINTER(c_bool), _DIAG),
    "llama_gguf_get_str": (c_int, c_void_p, c_char_p, POINTER(Text), _DIAG),
    "llama_gguf_get_array": (
        *(c_int, c_void_p, c_char_p, c_uint32),
        *(POINTER(POINTER(NativeEntry)), _DIAG),
    ),
    "llamuxu_load_check": (c_int, c_void_p, c_uint64, POINTER(LoadReport)),
    # Text.
    "llama_unicode_class": (c_int, c_uint32),
    "llamuxu_utf8_decode": (c_int, *_SIZED_TEXT, POINTER(c_uint32)),
    "llamuxu_utf8_encode": (c_int, c_uint32, c_char_p),
    "llamuxu_utf8_check": (c_int, *_SIZED_TEXT, POINTER(c_size_t)),
    "llamuxu_utf8_stream_new": (c_void_p,),
    "llamuxu_utf8_stream_free": (None, c_void_p),
    "llamuxu_utf8_stream_push": (c_size_t, c_void_p, *_SIZED_TEXT, c_char_p),
    "llamuxu_utf8_stream_end": (c_size_t, c_void_p, c_char_p),
    "llama_stop_begin": (c_int, POINTER(StopFilter), POINTER(Stops)),
    "llama_stop_push": (c_size_t, POINTER(StopFilter), *_SIZED_TEXT, c_char_p, POINTER(c_bool)),
    "llama_stop_end": (c_size_t, POINTER(StopFilter), c_char_p),
    "llamuxu_chat_open": (c_void_p, c_void_p, c_uint64, POINTER(c_int), _DIAG),
    "llamuxu_chat_close": (None, c_void_p),
    "llamuxu_chat_detect": (c_int, c_void_p, POINTER(c_void_p), POINTER(c_uint32)),
    "llamuxu_chat_name": (c_char_p, c_int),
    "llamuxu_chat_by_name": (c_int, c_char_p),
    "llamuxu_chat_tokenize": (
        *(c_long, c_void_p, c_int, c_char_p, c_uint32, c_char_p, c_uint32, c_int),
        *(c_void_p, c_size_t),
    ),
    "llamuxu_chat_plain": (c_long, c_void_p, *_SIZED_TEXT, c_uint32, c_void_p, c_size_t),
    "llamuxu_chat_yields": (c_long, c_void_p, *_SIZED_TEXT, c_uint32, POINTER(c_uint32)),
    "llamuxu_chat_piece": (c_int, c_void_p, c_uint32, *_SIZED_TEXT),
    "llamuxu_chat_is_control": (c_int, c_void_p, c_uint32),
    "llamuxu_chat_strips_space": (c_int, c_void_p),
    "llamuxu_chat_n_vocab": (c_uint32, c_void_p),
    # The sampler.
    "llamuxu_sampler_new": (c_void_p, *[c_uint32] * 5, c_uint64, _DIAG),
    "llamuxu_sampler_free": (None, c_void_p),
    "llamuxu_sampler_accept": (None, c_void_p, c_uint32),
    "llamuxu_sampler_state": (c_uint64, c_void_p),
    "llamuxu_sampler_sample": (c_long, c_void_p, c_void_p, c_uint32, c_void_p),
    "llamuxu_parse_q16": (c_int, *_SIZED_TEXT, POINTER(c_uint32)),
    "llama_confidence_add": (None, POINTER(NativeConfidence), c_void_p, c_uint32, c_uint32),
    # Models and sessions.
    "llamuxu_model_open": (c_void_p, c_void_p, c_uint64, POINTER(c_int), _DIAG),
    "llamuxu_model_close": (None, c_void_p),
    "llamuxu_model_facts": (None, c_void_p, c_void_p),
    "llamuxu_session_open": (c_void_p, c_void_p, c_uint32, c_uint32, c_uint32),
    "llamuxu_session_close": (None, c_void_p),
    "llamuxu_forward": (c_int, c_void_p, c_void_p, c_uint32, c_uint32, c_void_p, c_uint32),
    "llamuxu_prompt": (c_int, c_void_p, POINTER(NativeOptions), c_char_p, c_uint32, _DIAG),
    "llamuxu_turn": (*(c_int, c_void_p, POINTER(NativeOptions), *_SIZED_TEXT, c_size_t, _DIAG),),
    "llamuxu_tokens": (c_uint32, c_void_p, c_void_p),
    "llamuxu_confidence": (None, c_void_p, c_void_p),
    "llamuxu_forget": (None, c_void_p),
    "llamuxu_counts": (None, c_void_p, c_void_p),
    "llamuxu_out_size": (c_size_t, c_void_p),
    "llamuxu_step": (c_long, c_void_p, c_char_p, POINTER(c_int)),
    "llamuxu_score_init": (c_int, c_void_p, POINTER(NativeScore)),
    "llamuxu_score_begin": (
        *(c_int, c_void_p, POINTER(NativeScore), c_char_p, c_uint32, c_int, _DIAG),
    ),
    "llamuxu_score_step": (c_int, c_void_p, POINTER(NativeScore), POINTER(Yield)),
    "llamuxu_bench_decode": (
        *(c_int64, c_void_p, c_uint32, c_uint32, c_uint32, c_void_p, c_uint32),
    ),
    "llamuxu_bench_read": (c_int64, c_uint64, c_uint32, c_uint32),
    # Threads.
    "llamuxu_team_open": (c_void_p, c_uint32),
    "llamuxu_team_close": (None, c_void_p),
    "llama_team_run": (c_int, c_void_p, POINTER(Loop), POINTER(Yield)),
    # Operations on arrays.
    "llamuxu_shift_round": (None, c_void_p, c_void_p, c_size_t, c_void_p),
    "llamuxu_scale_to_q32": (None, c_void_p, c_void_p, c_size_t, c_void_p),
    "llamuxu_exp2_neg": (None, c_void_p, c_size_t, c_void_p),
    "llamuxu_sigmoid_from_exp": (None, c_void_p, c_size_t, c_void_p),
    "llamuxu_isqrt": (None, c_void_p, c_size_t, c_void_p),
    "llamuxu_sincos_turn": (None, c_void_p, c_size_t, c_void_p, c_void_p),
    "llamuxu_f32_parts": (c_int, c_void_p, c_size_t, c_void_p, c_void_p),
    "llamuxu_f16_parts": (c_int, c_void_p, c_size_t, c_void_p, c_void_p),
    "llamuxu_bf16_parts": (c_int, c_void_p, c_size_t, c_void_p, c_void_p),
    "llama_rope_frequency": (c_uint64, c_uint32, c_uint32, c_uint32),
    "llama_angle_div_f32": (c_uint64, c_uint64, c_uint32),
    "llama_float_align": (c_int, c_uint32, c_void_p, c_uint32, c_int, c_void_p, POINTER(c_int)),
    "llama_bfp_quantize_into": (c_int, *_QUANTIZER, c_void_p),
    "llama_bfp_quantize1": (c_int, *_QUANTIZER),
    "llama_bfp_normalize": (c_int, c_void_p, c_uint32, c_void_p),
    "llamuxu_bfp_quantize": (
        *(c_int, c_void_p, c_uint32, c_int32, c_uint32, c_uint32),
        *(c_void_p, c_void_p, POINTER(c_int32)),
    ),
    "llamuxu_weights_open": (
        *(c_int, c_uint32, c_uint32, c_uint32, c_void_p, c_size_t),
        *(POINTER(c_void_p), _DIAG),
    ),
    "llamuxu_weights_close": (None, c_void_p),
    "llamuxu_weights_embed": (c_int, c_void_p, c_uint32, c_void_p),
    "llamuxu_weights_mul": (
        *(c_int, c_void_p, c_uint32, c_uint32, c_void_p, c_void_p, c_uint32, c_void_p),
    ),
    # Steps of the path in use.
    "llamuxu_quantize": (None, POINTER(NativeBfp), c_void_p, c_int),
    "llamuxu_quantize_into": (c_int, *_QUANTIZER, c_void_p),
    "llamuxu_quantize1": (c_int, *_QUANTIZER),
    "llamuxu_normalize": (c_int, c_void_p, c_uint32, c_void_p),
    "llamuxu_rmsnorm": (
        *(None, POINTER(NativeBfp), c_void_p, c_void_p, c_int, c_int32, c_int32),
        POINTER(VectorTmp),
    ),
    "llamuxu_swiglu": (None, POINTER(NativeBfp), c_void_p, c_void_p, POINTER(VectorTmp)),
    "llamuxu_rotate": (
        *(c_int, c_void_p, c_uint32, c_uint32, c_void_p, c_void_p, POINTER(VectorTmp)),
    ),
    "llamuxu_finish": (None, POINTER(VectorSums), c_uint32, c_void_p, c_void_p, c_size_t),
    "llamuxu_add": (None, c_void_p, c_void_p, c_uint32),
    "llamuxu_to_q16": (None, c_void_p, c_uint32, c_void_p),
    "llamuxu_score": (
        *(None, c_void_p, c_void_p, c_void_p, c_int, c_uint32, c_void_p, POINTER(VectorTop)),
    ),
    "llamuxu_weigh": (*(c_uint64, c_void_p, c_void_p, c_uint32, POINTER(VectorTop), c_void_p),),
    "llamuxu_output": (None, c_void_p, c_uint32, c_int32, c_int, c_void_p),
    "llamuxu_split": (None, c_void_p, c_uint32, c_void_p, c_void_p),
    "llamuxu_scores": (None, POINTER(AttentionScores)),
    "llamuxu_values": (None, POINTER(AttentionValues)),
}
"""Type of the result, then those of the arguments; an array is a ``c_void_p``."""


def declare(library: ctypes.CDLL) -> None:
    """Give the functions of the library their types. AttributeError if one is missing."""
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
