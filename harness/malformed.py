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

from harness.gguf_image import Entry, Image, Tensor, Value, array, string, u32, u64

N_EMBD, N_HEAD, N_HEAD_KV, N_FF, N_LAYER, N_CTX = 64, 4, 2, 96, 2, 128

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
        "duplicate key llama.embedding_length",
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
    for more, what in ((2, "number of dimensions"), (9, "dimensions"), (15, "type"), (21, "offset")):
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
    yield Recipe("tensor-twice", _tensor(q, _with(name=k.encode())), f"duplicate tensor {k}")
    yield Recipe("no-dimensions", _tensor(q, _with(dims=[])), f"tensor {q}: 0 dimensions")
    yield Recipe("five-dimensions", _tensor(q, _with(dims=[64, 1, 1, 1, 1])), "5 dimensions")
    yield Recipe(
        "dimension-zero", _tensor(q, _with(dims=[64, 0])), f"tensor {q}: dimension 1 is 0"
    )
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


@cache
def recipes() -> tuple[Recipe, ...]:
    """Every recipe, by name no two the same."""
    return (*_header_recipes(), *_metadata_recipes(), *_tensor_recipes())


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
