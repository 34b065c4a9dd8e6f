# SPDX-License-Identifier: GPL-2.0
"""Malformed model files: recipes that break a small valid one.

Each recipe has a name, a function from the valid file to the broken one and a
piece of the message with which the core must refuse it.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import quantize

from harness.models.image import CODES, Entry, Image, Tensor, Value, array, string, u32, u64

N_EMBD, N_HEAD, N_HEAD_KV, N_FF, N_LAYER, N_CTX = 32, 4, 2, 48, 2, 128

TOP64 = (1 << 64) - 1


@dataclass(frozen=True)
class Recipe:
    """One way to break a file.

    ``expect`` occurs in the diagnosis; ``make`` gets a fresh :func:`base`.
    """

    name: str
    make: Callable[[Image], bytes]
    expect: str


def _bpe_vocabulary() -> tuple[list[bytes], list[int], list[bytes]]:
    """Tokens, their types and the merges of a small byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    letters = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    control = [b"<|endoftext|>", b"<|im_start|>", b"<|im_end|>"]
    merged = [b"th", b"the", b"in", b"ing"]
    tokens = [*control, *(letters[b].encode() for b in range(256)), *merged]
    types = [3] * len(control) + [1] * (len(tokens) - len(control))
    return tokens, types, [b"t h", b"th e", b"i n", b"in g"]


def base() -> Image:
    """A small valid model: two layers, BPE, most quantisations' layouts."""
    rng = np.random.default_rng(7)
    image = Image()
    tokens, types, merges = _bpe_vocabulary()
    head_dim = N_EMBD // N_HEAD

    image.set("general.architecture", Value.STRING, b"llama")
    image.set("general.name", Value.STRING, b"malformed base")
    image.set("general.alignment", Value.U32, 32)
    for key, number in (
        ("block_count", N_LAYER),
        ("context_length", N_CTX),
        ("embedding_length", N_EMBD),
        ("feed_forward_length", N_FF),
        ("attention.head_count", N_HEAD),
        ("attention.head_count_kv", N_HEAD_KV),
        ("rope.dimension_count", head_dim),
        ("vocab_size", len(tokens)),
    ):
        image.set(f"llama.{key}", Value.U32, number)
    image.set("llama.attention.layer_norm_rms_epsilon", Value.F32, 1e-5)
    image.set("llama.rope.freq_base", Value.F32, 10000.0)
    image.set("tokenizer.ggml.model", Value.STRING, b"gpt2")
    image.set("tokenizer.ggml.pre", Value.STRING, b"smollm")
    image.set_array("tokenizer.ggml.tokens", Value.STRING, tokens)
    image.set_array("tokenizer.ggml.token_type", Value.I32, types)
    image.set_array("tokenizer.ggml.merges", Value.STRING, merges)
    image.set("tokenizer.ggml.bos_token_id", Value.U32, 1)
    image.set("tokenizer.ggml.eos_token_id", Value.U32, 2)
    image.set("tokenizer.ggml.unknown_token_id", Value.U32, 0)
    image.set("tokenizer.ggml.add_bos_token", Value.BOOL, 0)

    def matrix(name: str, n_in: int, n_out: int, kind: Type) -> None:
        values = rng.normal(0, 0.1, (n_out, n_in)).astype(np.float32)
        image.add_tensor(name, [n_in, n_out], kind, quantize(values, kind).tobytes())

    def norm(name: str) -> None:
        values = rng.normal(1, 0.1, N_EMBD).astype(np.float32)
        image.add_tensor(name, [N_EMBD], Type.F32, values.tobytes())

    matrix("token_embd.weight", N_EMBD, len(tokens), Type.Q8_0)
    norm("output_norm.weight")
    kv = N_HEAD_KV * head_dim
    for i in range(N_LAYER):
        norm(f"blk.{i}.attn_norm.weight")
        matrix(f"blk.{i}.attn_q.weight", N_EMBD, N_EMBD, Type.Q4_1)
        matrix(f"blk.{i}.attn_k.weight", N_EMBD, kv, Type.Q4_0)
        matrix(f"blk.{i}.attn_v.weight", N_EMBD, kv, Type.Q5_0)
        matrix(f"blk.{i}.attn_output.weight", N_EMBD, N_EMBD, Type.Q5_1)
        norm(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.ffn_gate.weight", N_EMBD, N_FF, Type.F16)
        matrix(f"blk.{i}.ffn_up.weight", N_EMBD, N_FF, Type.BF16)
        matrix(f"blk.{i}.ffn_down.weight", N_FF, N_EMBD, Type.F32)
    return image


def spm(image: Image) -> None:
    """Give :func:`base` a SentencePiece vocabulary of the same size."""
    prefix = "tokenizer.ggml."
    pieces = ["\u2581", "h", "t", "th"]
    tokens = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % b for b in range(256))]
    types = [2, 3, 3, *[6] * 256, *[1] * len(pieces)]
    scores = [0.0] * 259 + [-float(i) for i in range(len(pieces))]
    image.entries = [e for e in image.entries if e.key not in (b"tokenizer.ggml.merges", PRE)]
    image.set(f"{prefix}model", Value.STRING, b"llama")
    image.set_array(f"{prefix}tokens", Value.STRING, [*tokens, *(p.encode() for p in pieces)])
    image.set_array(f"{prefix}token_type", Value.I32, types)
    image.set_array(f"{prefix}scores", Value.F32, scores)


PRE = b"tokenizer.ggml.pre"


def small() -> Image:
    """A valid file of a few hundred bytes: an entry of each type and three tensors."""
    image = Image()
    for kind in CODES:
        image.set(f"a.{kind.name}", kind, 1)
        image.set_array(f"b.{kind.name}", kind, [1, 0, 1])
    image.set("general.architecture", Value.STRING, b"llama")
    image.set_array("c.strings", Value.STRING, [b"", b"one", b"three"])
    image.add_tensor("norm", [8], Type.F32, bytes(32))
    image.add_tensor("blocks", [32, 2, 1, 1], Type.Q4_0, bytes(36))
    image.add_tensor("more", [256, 1], Type.Q6_K, bytes(210))
    return image


# --- the fixed header ---------------------------------------------------------


def _patched(at: int, data: bytes) -> Callable[[Image], bytes]:
    def make(image: Image) -> bytes:
        file = bytearray(image.bytes())
        file[at : at + len(data)] = data
        return bytes(file)

    return make


def _cut(size: int) -> Callable[[Image], bytes]:
    return lambda image: image.bytes()[:size]


def _header_recipes() -> Iterator[Recipe]:
    yield Recipe("empty", _cut(0), "the file is empty")
    yield Recipe("truncated-magic", _cut(3), "not a GGUF file: 3 bytes")
    yield Recipe("bad-magic", _patched(0, b"GGML"), "begins with 0x4c4d4747")
    yield Recipe("magic-byte-swapped", _patched(0, b"FUGG"), "begins with 0x47475546")
    yield Recipe("truncated-version", _cut(7), "truncated at the version")
    for version in (0, 4, 0xFFFFFFFF):
        yield Recipe(
            f"version-{version}", _patched(4, u32(version)), f"GGUF version {version} is unknown"
        )
    yield Recipe("version-1", _patched(4, u32(1)), "GGUF version 1 is too old")
    yield Recipe("version-big-endian", _patched(4, b"\0\0\0\3"), "big-endian")
    yield Recipe("truncated-counts", _cut(23), "truncated at the counts")
    yield Recipe("tensor-count-huge", _patched(8, u64(1 << 63)), "9223372036854775808 tensors")
    yield Recipe("entry-count-huge", _patched(16, u64(TOP64)), f"{TOP64} metadata entries")
    yield Recipe(
        "nothing-but-a-header",
        lambda image: image.bytes()[:8] + bytes(16),
        "no metadata and no tensors",
    )
    yield Recipe(
        "counts-above-size",
        lambda image: image.bytes()[:24][:8] + u64(16384) + u64(4096) + bytes(1000),
        "do not fit a file of 1024 bytes",
    )


# --- metadata -----------------------------------------------------------------


def _edited(edit: Callable[[Image], None]) -> Callable[[Image], bytes]:
    def make(image: Image) -> bytes:
        edit(image)
        return image.bytes()

    return make


def _entry(key: bytes, kind: int, raw: bytes) -> Callable[[Image], bytes]:
    """Put this entry in front of all others."""
    return _edited(lambda image: image.entries.insert(0, Entry(key, kind, raw)))


def _cut_behind(marker: bytes, more: int) -> Callable[[Image], bytes]:
    """End the file ``more`` bytes behind the first ``marker``."""

    def make(image: Image) -> bytes:
        file = image.bytes()
        return file[: file.index(marker) + len(marker) + more]

    return make


def _cut_entry(which: int | str, size: int) -> Callable[[Image], bytes]:
    """End the file ``size`` bytes into an entry, the last that it announces.

    By a key's name ``size`` counts from behind the key.
    """

    def make(image: Image) -> bytes:
        keys = [e.key.decode() for e in image.entries]
        index = which if isinstance(which, int) else keys.index(which)
        image.n_tensors, image.n_entries = 0, index + 1
        head = b"".join(image.pieces())
        start = head.index(string(image.entries[index].key))
        if isinstance(which, str):
            start += 8 + len(which)
        return head[: start + size]

    return make


def _raw_name(length: int, name: bytes) -> Callable[[Image], bytes]:
    """Replace the first key's length and bytes."""

    def make(image: Image) -> bytes:
        file = image.bytes()
        first = len(string(image.entries[0].key))
        return file[:24] + u64(length) + name + file[24 + first :]

    return make


def _without(*keys: str) -> Callable[[Image], bytes]:
    names = [key.encode() for key in keys]

    def edit(image: Image) -> None:
        image.entries = [e for e in image.entries if e.key not in names]

    return _edited(edit)


def _set(key: str, kind: int, value: int | float | bytes) -> Callable[[Image], bytes]:
    return _edited(lambda image: image.set(key, kind, value))


def _set_numbers(values: dict[str, int]) -> Callable[[Image], bytes]:
    def edit(image: Image) -> None:
        for key, value in values.items():
            image.set(key, Value.U32, value)

    return _edited(edit)


def _metadata_recipes() -> Iterator[Recipe]:
    tokens = "tokenizer.ggml.tokens"
    yield Recipe("truncated-to-header", _cut(24), "do not fit a file of 24 bytes")
    yield Recipe("truncated-key-length", _cut_entry(1, 3), "truncated at the length of key 1")
    yield Recipe("truncated-key", _cut_entry(1, 8 + 10), "truncated inside key 1")
    yield Recipe(
        "truncated-value-type",
        _cut_entry("llama.context_length", 3),
        "llama.context_length: truncated at the type",
    )
    yield Recipe(
        "truncated-scalar",
        _cut_entry("llama.context_length", 7),
        "llama.context_length: truncated inside the value",
    )
    yield Recipe(
        "truncated-string-length",
        _cut_entry("tokenizer.ggml.pre", 11),
        "tokenizer.ggml.pre: truncated at the length of string 0",
    )
    yield Recipe(
        "truncated-string",
        _cut_entry("tokenizer.ggml.pre", 14),
        "tokenizer.ggml.pre: truncated inside string 0",
    )
    yield Recipe(
        "truncated-array-type",
        _cut_entry(tokens, 6),
        f"{tokens}: truncated at the element type",
    )
    yield Recipe(
        "truncated-array-count",
        _cut_entry(tokens, 12),
        f"{tokens}: truncated at the number of elements",
    )
    yield Recipe(
        "truncated-array-string",
        _cut_entry(tokens, 4 + 12 + 8 + 13 + 8 + 12 + 2),
        f"{tokens}: truncated at the length of string 2",
    )
    yield Recipe(
        "truncated-array-scalars",
        _cut_entry("tokenizer.ggml.token_type", 30),
        "tokenizer.ggml.token_type: truncated inside the value",
    )
    yield Recipe("key-empty", _raw_name(0, b""), "key 0 is empty")
    yield Recipe("key-too-long", _raw_name(65536, b"k" * 65536), "key 0: length 65536 is above")
    yield Recipe("key-length-huge", _raw_name(TOP64, b"k"), f"key 0: length {TOP64} is above")
    yield Recipe("key-with-nul", _entry(b"gen\0eral", Value.U8, b"\1"), "key 0 holds a NUL byte")
    yield Recipe("value-type-unknown", _entry(b"odd", 13, u64(0)), "odd: unknown value type 13")
    yield Recipe("value-type-huge", _entry(b"odd", 0xFFFFFFFF, u64(0)), "value type 4294967295")
    yield Recipe(
        "element-type-unknown",
        _entry(b"odd", Value.ARRAY, u32(77) + u64(0)),
        "odd: unknown element type 77",
    )
    yield Recipe(
        "nested-array",
        _entry(b"odd", Value.ARRAY, u32(Value.ARRAY) + u64(1) + array(Value.U8, [1])),
        "odd: an array of arrays",
    )
    yield Recipe(
        "array-count-huge",
        _entry(b"odd", Value.ARRAY, u32(Value.U64) + u64(1 << 61)),
        "odd: an array of 2305843009213693952 elements",
    )
    yield Recipe(
        "array-beyond-file",
        _entry(b"odd", Value.ARRAY, u32(Value.U64) + u64(1 << 24)),
        "odd: truncated inside the value",
    )
    yield Recipe(
        "string-length-huge",
        _entry(b"odd", Value.STRING, u64(TOP64)),
        f"odd: string 0 of {TOP64} bytes",
    )
    yield Recipe(
        "string-beyond-file",
        _entry(b"odd", Value.STRING, u64(1 << 23)),
        "odd: truncated inside string 0",
    )
    yield Recipe(
        "array-string-length-huge",
        _entry(b"odd", Value.ARRAY, u32(Value.STRING) + u64(2) + string(b"fine") + u64(1 << 32)),
        "odd: string 1 of 4294967296 bytes",
    )
    yield Recipe("bool-of-2", _entry(b"odd", Value.BOOL, b"\2"), "odd: 2 is not a bool")
    yield Recipe(
        "bool-of-255-in-array",
        _entry(b"odd", Value.ARRAY, array(Value.BOOL, [0, 1, 255])),
        "odd: 255 is not a bool",
    )
    yield Recipe(
        "key-twice",
        _edited(lambda image: image.entries.append(image.entries[5])),
        "llama.embedding_length: a duplicate key",
    )
    for value in (0, 4, 48, 131072, 1 << 31):
        yield Recipe(
            f"alignment-{value}",
            _set("general.alignment", Value.U32, value),
            f"general.alignment {value} is no power",
        )
    yield Recipe(
        "alignment-of-wrong-type",
        _set("general.alignment", Value.U64, 32),
        "general.alignment is of type u64",
    )


# --- tensors ------------------------------------------------------------------


def _tensor(name: str, edit: Callable[[Tensor], None]) -> Callable[[Image], bytes]:
    return _edited(lambda image: edit(image.tensor(name)))


def _with(**fields: object) -> Callable[[Tensor], None]:
    def edit(t: Tensor) -> None:
        for field, value in fields.items():
            setattr(t, field, value)

    return edit


def _tensor_recipes() -> Iterator[Recipe]:
    q, k = "blk.0.attn_q.weight", "blk.0.attn_k.weight"
    norm = "blk.0.attn_norm.weight"
    last = f"blk.{N_LAYER - 1}.ffn_down.weight"

    yield Recipe(
        "truncated-tensor-name-length",
        _cut_behind(b"output_norm.weight", 4 + 8 + 4 + 8 + 3),
        "truncated at the length of tensor name 2",
    )
    yield Recipe(
        "truncated-tensor-name",
        _cut_behind(b"output_norm.weight", 4 + 8 + 4 + 8 + 8 + 5),
        "truncated inside tensor name 2",
    )
    for more, what in (
        (2, "number of dimensions"),
        (9, "dimensions"),
        (15, "type"),
        (21, "offset"),
    ):
        yield Recipe(
            f"truncated-tensor-{what}".replace(" ", "-"),
            _cut_behind(b"output_norm.weight", more),
            f"tensor output_norm.weight: truncated at its {what}",
        )
    yield Recipe(
        "truncated-before-data",
        lambda image: image.header(),
        "tensor token_embd.weight: ends at byte",
    )
    yield Recipe(
        "truncated-by-one-byte", lambda image: image.bytes()[:-1], f"tensor {last}: ends at byte"
    )
    yield Recipe("tensor-name-empty", _tensor(q, _with(name=b"")), "tensor name 3 is empty")
    yield Recipe(
        "tensor-name-too-long",
        _tensor(q, _with(name=b"n" * 65)),
        "tensor name 3: length 65 is above 64",
    )
    yield Recipe(
        "tensor-name-with-nul", _tensor(q, _with(name=b"a\0b")), "tensor name 3 holds a NUL byte"
    )
    yield Recipe(
        "tensor-twice", _tensor(q, _with(name=k.encode())), f"tensor {k}: a duplicate name"
    )
    yield Recipe("no-dimensions", _tensor(q, _with(dims=[])), f"tensor {q}: 0 dimensions")
    yield Recipe("five-dimensions", _tensor(q, _with(dims=[32, 1, 1, 1, 1])), "5 dimensions")
    yield Recipe("dimension-zero", _tensor(q, _with(dims=[32, 0])), f"tensor {q}: dimension 1 is 0")
    for name, dims in (
        ("dimension-huge", [1 << 63]),
        ("dimensions-wrap-to-zero", [1 << 32, 1 << 32]),
        ("dimensions-wrap-to-small", [1, 3, 1, pow(3, -1, 1 << 62)]),
    ):
        yield Recipe(
            name,
            _tensor(norm, _with(dims=dims)),
            f"tensor {norm}: its size overflows at dimension {len(dims) - 1}",
        )
    yield Recipe(
        "dimension-absurd",
        _tensor(norm, _with(dims=[1 << 40])),
        f"tensor {norm}: ends at byte",
    )
    yield Recipe("type-removed", _tensor(q, _with(kind=4)), f"tensor {q}: unknown type 4")
    yield Recipe("type-unknown", _tensor(q, _with(kind=1 << 31)), "unknown type 2147483648")
    for kind in (Type.IQ4_NL, Type.I32, Type.Q8_K):
        yield Recipe(
            f"type-{kind.name}".lower(),
            _tensor(q, _with(kind=int(kind), dims=[256])),
            f"tensor {q}: type {kind.name} is not supported",
        )
    yield Recipe(
        "rows-no-multiple-of-block",
        _tensor(q, _with(dims=[48, 64])),
        "rows of 48 are no multiple of Q4_1's block of 32",
    )
    yield Recipe(
        "offset-misaligned",
        _edited(lambda i: _with(offset=i.tensor(q).offset + 1)(i.tensor(q))),
        "is no multiple of the alignment 32",
    )
    yield Recipe(
        "offset-misaligned-for-file",
        _set("general.alignment", Value.U32, 4096),
        "is no multiple of the alignment 4096",
    )
    yield Recipe(
        "offset-overflow",
        _tensor(q, _with(offset=(1 << 64) - 32)),
        f"tensor {q}: its offset overflows",
    )
    yield Recipe(
        "offset-beyond-file",
        _tensor(q, _with(offset=1 << 40)),
        f"tensor {q}: ends at byte 10995",
    )
    yield Recipe(
        "overlap-whole",
        _edited(lambda i: _with(offset=i.tensor(q).offset)(i.tensor(k))),
        "overlaps tensor",
    )
    yield Recipe(
        "overlap-by-a-block",
        _edited(lambda i: _with(offset=i.tensor(k).offset - 32)(i.tensor(k))),
        f"tensor {q} overlaps tensor {k}",
    )
    yield Recipe(
        "overlap-inside-another",
        _edited(lambda i: _with(offset=i.tensor("token_embd.weight").offset + 64)(i.tensor(norm))),
        f"tensor token_embd.weight overlaps tensor {norm}",
    )


# --- hyper-parameters ---------------------------------------------------------


def _model_recipes() -> Iterator[Recipe]:
    arch = "general.architecture"
    yield Recipe("architecture-missing", _without(arch), f"missing key {arch}")
    yield Recipe("architecture-number", _set(arch, Value.U32, 1), f"{arch} is of type u32")
    yield Recipe("architecture-other", _set(arch, Value.STRING, b"mamba"), '"mamba" is not llama')
    for key in ("block_count", "context_length", "embedding_length", "feed_forward_length"):
        name = f"llama.{key}"
        yield Recipe(f"{key}-missing", _without(name), f"missing key {name}")
        yield Recipe(f"{key}-zero", _set(name, Value.U32, 0), f"{name} is 0, must be from 1")
    for key in ("attention.head_count", "attention.layer_norm_rms_epsilon"):
        name = f"llama.{key}"
        yield Recipe(f"{key.split('.')[1]}-missing", _without(name), f"missing key {name}")
    for key, value in (
        ("block_count", 513),
        ("embedding_length", 1 << 20),
        ("feed_forward_length", 32769),
        ("attention.head_count", 0),
        ("attention.head_count", 40000),
        ("attention.head_count_kv", 8),
        ("attention.head_count_kv", 0),
        ("rope.dimension_count", 18),
        ("rope.dimension_count", 0),
        ("attention.key_length", 258),
    ):
        name = f"llama.{key}"
        yield Recipe(
            f"{key.split('.')[-1]}-{value}",
            _set(name, Value.U32, value),
            f"{name} is {value}, must be from",
        )
    yield Recipe(
        "block_count-negative",
        _set("llama.block_count", Value.I32, -1),
        "llama.block_count is out of range: -1",
    )
    yield Recipe(
        "block_count-of-64-bits",
        _set("llama.block_count", Value.U64, (1 << 32) + N_LAYER),
        "llama.block_count is out of range: 4294967298",
    )
    yield Recipe(
        "block_count-float",
        _set("llama.block_count", Value.F32, 2.0),
        "llama.block_count is of type f32, not an integer",
    )
    yield Recipe(
        "block_count-above-tensors",
        _set("llama.block_count", Value.U32, N_LAYER + 1),
        f"missing tensor blk.{N_LAYER}.attn_norm.weight",
    )
    yield Recipe(
        "block_count-below-tensors",
        _set("llama.block_count", Value.U32, N_LAYER - 1),
        f"tensor blk.{N_LAYER - 1}.attn_norm.weight is not one that",
    )
    yield Recipe(
        "heads-do-not-divide-embedding",
        _set_numbers({HEADS: 3, HEADS_KV: 3}),
        "attention.head_count 3 does not divide embedding_length 32",
    )
    yield Recipe(
        "kv-heads-do-not-divide-heads",
        _set(HEADS_KV, Value.U32, 3),
        "attention.head_count_kv 3 does not divide head_count 4",
    )
    yield Recipe(
        "head-count-per-layer",
        _edited(lambda i: i.set_array(HEADS, Value.U32, [4, 4])),
        f"{HEADS} is of type array, not an integer",
    )
    yield Recipe(
        "head-size-odd",
        _set("llama.attention.key_length", Value.U32, 15),
        "head size 15 must be even",
    )
    yield Recipe(
        "value-length-differs",
        _set("llama.attention.value_length", Value.U32, 16),
        "attention.value_length 16 differs from the key's 8",
    )
    yield Recipe(
        "heads-too-wide",
        _set_numbers({"llama.attention.key_length": 256, HEADS: 256}),
        "256 heads of 256 are wider than 32768",
    )
    yield Recipe(
        "rope-dimensions-odd",
        _set("llama.rope.dimension_count", Value.U32, 7),
        "rope.dimension_count 7 is odd",
    )
    nan, inf = float("nan"), float("inf")
    epsilon = "llama.attention.layer_norm_rms_epsilon"
    for what, number in (("nan", nan), ("inf", inf), ("zero", 0.0), ("negative", -1e-5)):
        yield Recipe(
            f"epsilon-{what}",
            _set(epsilon, Value.F32, number),
            f"{epsilon} is not a positive number",
        )
        yield Recipe(
            f"freq_base-{what}",
            _set("llama.rope.freq_base", Value.F32, number),
            "llama.rope.freq_base is not a positive number",
        )
    yield Recipe("epsilon-one", _set(epsilon, Value.F32, 1.0), "epsilon must be below 1")
    yield Recipe("epsilon-double", _set(epsilon, Value.F64, 1e-5), "is of type f64, not f32")
    for base_value in (1.0, 2.0**31):
        yield Recipe(
            f"freq_base-{base_value:g}",
            _set("llama.rope.freq_base", Value.F32, base_value),
            "rope.freq_base must be above 1",
        )
    yield Recipe(
        "rope-scaling-yarn",
        _set("llama.rope.scaling.type", Value.STRING, b"yarn"),
        'rope.scaling.type "yarn" is not supported',
    )
    yield Recipe(
        "rope-scaling-without-factor",
        _set("llama.rope.scaling.type", Value.STRING, b"linear"),
        "missing key llama.rope.scaling.factor",
    )
    yield Recipe(
        "rope-scale-linear-zero",
        _set("llama.rope.scale_linear", Value.F32, 0.0),
        "llama.rope.scale_linear is not a positive number",
    )
    yield Recipe(
        "experts", _set("llama.expert_count", Value.U32, 8), "a mixture of 8 experts is not"
    )
    yield Recipe(
        "vocab_size-differs",
        _set("llama.vocab_size", Value.U32, 7),
        "llama.vocab_size is 7, but tokenizer.ggml.tokens has",
    )


HEADS = "llama.attention.head_count"
HEADS_KV = "llama.attention.head_count_kv"


# --- shapes and weights -------------------------------------------------------


def _poked(name: str, at: int, data: bytes) -> Callable[[Image], bytes]:
    """Overwrite bytes of a tensor's data; ``at`` may count from its end."""

    def edit(t: Tensor) -> None:
        raw = bytearray(t.data)
        start = at if at >= 0 else len(raw) + at
        raw[start : start + len(data)] = data
        t.data = bytes(raw)

    return _tensor(name, edit)


def _added(name: str, dims: list[int], kind: Type, data: bytes) -> Callable[[Image], bytes]:
    return _edited(lambda image: image.add_tensor(name, dims, kind, data))


def _no_tensor(name: str) -> Callable[[Image], bytes]:
    def edit(image: Image) -> None:
        image.tensors = [t for t in image.tensors if t.name != name.encode()]

    return _edited(edit)


def _weight_recipes() -> Iterator[Recipe]:
    layer = "blk.1."
    for name in (
        "token_embd.weight",
        "output_norm.weight",
        *(
            f"{layer}{part}.weight"
            for part in ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
        ),
        *(f"{layer}{part}.weight" for part in ("ffn_norm", "ffn_gate", "ffn_up", "ffn_down")),
    ):
        short = name.removeprefix(layer).removesuffix(".weight")
        yield Recipe(f"no-{short}", _no_tensor(name), f"missing tensor {name}")
    for name, dims, must in (
        ("token_embd.weight", [32, 262], "32 x 263"),
        ("output_norm.weight", [16], "32 x 1"),
        ("blk.0.attn_q.weight", [32, 16], "32 x 32"),
        ("blk.0.attn_k.weight", [32, 8], "32 x 16"),
        ("blk.0.attn_output.weight", [64, 16], "32 x 32"),
        ("blk.0.ffn_down.weight", [32, 48], "48 x 32"),
        ("blk.0.ffn_up.weight", [32, 16, 3], "32 x 48"),
    ):
        short = name.removeprefix("blk.0.").removesuffix(".weight")
        yield Recipe(f"shape-of-{short}", _tensor(name, _with(dims=dims)), f"must be {must}")
    yield Recipe("no-tensors", _edited(lambda i: i.tensors.clear()), "missing tensor token_embd")
    yield Recipe(
        "bias",
        _added("blk.0.attn_q.bias", [32], Type.F32, bytes(128)),
        "tensor blk.0.attn_q.bias is not one that",
    )
    yield Recipe(
        "layer-with-leading-zero",
        _added("blk.00.attn_q.weight", [32, 32], Type.F16, bytes(2048)),
        "tensor blk.00.attn_q.weight is not one that",
    )
    yield Recipe(
        "norm-quantized",
        _tensor("output_norm.weight", _with(kind=int(Type.Q8_0), data=bytes(34))),
        "tensor output_norm.weight must be F32, F16 or BF16",
    )
    yield Recipe(
        "rope_freqs-too-many",
        _added("rope_freqs.weight", [64], Type.F32, bytes(256)),
        "tensor rope_freqs.weight has shape",
    )
    yield Recipe(
        "rope_freqs-of-halves",
        _added("rope_freqs.weight", [4], Type.F16, bytes(8)),
        "tensor rope_freqs.weight must be F32",
    )
    for what, value in (("zero", 0.0), ("nan", float("nan")), ("negative", -1.0)):
        yield Recipe(
            f"rope_freqs-{what}",
            _added("rope_freqs.weight", [4], Type.F32, struct.pack("<4f", 1, 1, 1, value)),
            "tensor rope_freqs.weight: element 3 is not a positive number",
        )
    f16_nan, f16_inf = struct.pack("<H", 0x7E00), struct.pack("<H", 0xFC00)
    f32_nan, f32_inf = struct.pack("<I", 0x7FC00001), struct.pack("<I", 0xFF800000)
    for name, at, data, what in (
        ("token_embd", -34, f16_nan, "row 262 has a scale"),
        ("blk.0.attn_q", 0, f16_inf, "row 0 has a scale"),
        ("blk.0.attn_q", 20 + 2, f16_nan, "row 1 has a scale"),
        ("blk.0.attn_k", -18, f16_inf, "row 15 has a scale"),
        ("blk.0.attn_v", 22, f16_nan, "row 1 has a scale"),
        ("blk.0.attn_output", 24, f16_nan, "row 1 has a scale"),
        ("blk.0.ffn_gate", -2, f16_nan, "row 47 has a weight"),
        ("blk.0.ffn_up", 128, struct.pack("<H", 0x7F80), "row 2 has a weight"),
        ("blk.0.ffn_down", -4, f32_inf, "row 31 has a weight"),
        ("blk.1.ffn_norm", 16, f32_nan, "has a weight"),
        ("output_norm", -4, f32_inf, "has a weight"),
    ):
        short = name.split(".")[-1]
        yield Recipe(
            f"not-finite-{short}-{at}",
            _poked(f"{name}.weight", at, data),
            f"tensor {name}.weight" + (": " if "row" in what else " ") + what,
        )


# --- vocabulary ---------------------------------------------------------------


def _vocabulary_recipes() -> Iterator[Recipe]:
    prefix = "tokenizer.ggml."
    yield Recipe("tokenizer-missing", _without(f"{prefix}model"), f"{prefix}model")
    yield Recipe("tokenizer-other", _set(f"{prefix}model", Value.STRING, b"bert"), "bert")
    yield Recipe("tokenizer-number", _set(f"{prefix}model", Value.U32, 1), f"{prefix}model is of")
    yield Recipe("pre-tokenizer-other", _set(f"{prefix}pre", Value.STRING, b"qwen2"), "qwen2")
    yield Recipe("tokens-missing", _without(f"{prefix}tokens"), f"missing key {prefix}tokens")
    yield Recipe(
        "tokens-of-numbers",
        _edited(lambda i: i.set_array(f"{prefix}tokens", Value.U32, [1, 2])),
        f"{prefix}tokens is an array of u32",
    )
    yield Recipe(
        "tokens-empty",
        _edited(lambda i: i.set_array(f"{prefix}tokens", Value.STRING, [])),
        f"{prefix}tokens",
    )
    yield Recipe("merges-missing", _without(f"{prefix}merges"), f"missing key {prefix}merges")
    for name, merge in (
        ("unknown-left", b"zz t"),
        ("unknown-right", b"t zz"),
        ("without-result", b"z z"),
        ("without-space", b"th"),
        ("empty", b""),
    ):
        yield Recipe(f"merge-{name}", _merge(merge), f"{prefix}merges")
    yield Recipe(
        "token_type-too-few",
        _edited(lambda i: i.set_array(f"{prefix}token_type", Value.I32, [1, 1])),
        f"{prefix}token_type",
    )
    yield Recipe("token_type-out-of-range", _token_type(99), f"{prefix}token_type")
    for which in ("bos", "eos", "unknown"):
        key = f"{prefix}{which}_token_id"
        yield Recipe(f"{which}-out-of-range", _set(key, Value.U32, 263), key)
        yield Recipe(f"{which}-huge", _set(key, Value.U32, (1 << 32) - 2), key)
    yield Recipe(
        "bos-of-wrong-type",
        _set(f"{prefix}bos_token_id", Value.STRING, b"1"),
        f"{prefix}bos_token_id is of type string",
    )
    yield Recipe(
        "add_bos-of-wrong-type",
        _set(f"{prefix}add_bos_token", Value.U32, 1),
        f"{prefix}add_bos_token is of type u32",
    )


def _spm_recipes() -> Iterator[Recipe]:
    scores = "tokenizer.ggml.scores"

    def broken(edit: Callable[[Image], None]) -> Callable[[Image], bytes]:
        def both(image: Image) -> None:
            spm(image)
            edit(image)

        return _edited(both)

    def score(value: float) -> Callable[[Image], bytes]:
        def edit(image: Image) -> None:
            values = image.array(scores)
            values[-1] = value
            image.set_array(scores, Value.F32, values)

        return broken(edit)

    def no_scores(image: Image) -> None:
        image.entries = [e for e in image.entries if e.key != scores.encode()]

    yield Recipe("scores-missing", broken(no_scores), f"missing key {scores}")
    yield Recipe("score-nan", score(float("nan")), scores)
    yield Recipe("score-inf", score(float("inf")), scores)
    yield Recipe(
        "scores-too-few",
        broken(lambda i: i.set_array(scores, Value.F32, [0.0] * 5)),
        scores,
    )
    yield Recipe(
        "scores-of-doubles",
        broken(lambda i: i.set_array(scores, Value.F64, [0.0] * 263)),
        f"{scores} is an array of f64",
    )
    yield Recipe(
        "token_type-missing-in-spm",
        broken(lambda i: i.set("tokenizer.ggml.token_type", Value.U32, 1)),
        "tokenizer.ggml.token_type is of type u32",
    )


def _merge(merge: bytes) -> Callable[[Image], bytes]:
    def edit(image: Image) -> None:
        key = "tokenizer.ggml.merges"
        merges = image.array(key)
        merges[2] = merge
        image.set_array(key, Value.STRING, merges)

    return _edited(edit)


def _token_type(value: int) -> Callable[[Image], bytes]:
    def edit(image: Image) -> None:
        key = "tokenizer.ggml.token_type"
        types = image.array(key)
        types[5] = value
        image.set_array(key, Value.I32, types)

    return _edited(edit)


@cache
def recipes() -> tuple[Recipe, ...]:
    """Every recipe, by name no two the same."""
    return (
        *_header_recipes(),
        *_metadata_recipes(),
        *_tensor_recipes(),
        *_model_recipes(),
        *_weight_recipes(),
        *_vocabulary_recipes(),
        *_spm_recipes(),
    )


def write_all(folder: Path) -> list[tuple[str, str]]:
    """Write every malformed file into ``folder``.

    Returns the file names, each with what its diagnosis must contain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for recipe in recipes():
        name = f"{recipe.name}.gguf"
        (folder / name).write_bytes(recipe.make(base()))
        written.append((name, recipe.expect))
    return written
