# SPDX-License-Identifier: GPL-2.0
"""Llama models with random weights, from tiny ones to TinyLlama's size, as GGUF files.

The same shape, type and seed give the same bytes, whatever the version of numpy:
weights come from the raw words of the Philox generator, whose stream is fixed, by
integers and correctly rounded operations alone. Large tensors are made one at a time.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFReader, GGUFWriter, LlamaFileType, TokenType
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from harness.host.errors import HarnessError, UsageError
from harness.models import packaged

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ZEPHYR = (
    "{% set heads = {'system': '<|system|>', 'user': '<|user|>', 'assistant': '<|assistant|>'} %}"
    "{% for message in messages %}{{ heads[message['role']] + '\n' + message['content']"
    " + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """A model without its weights. ``vocab`` is "bpe" or "spm"."""

    n_layer: int = 2
    n_embd: int = 64
    n_head: int = 4
    n_head_kv: int = 2
    n_ff: int = 96
    n_ctx: int = 256
    vocab: str = "bpe"
    n_vocab: int = 300
    tied: bool = False
    eps: float = 1e-5
    rope_base: float = 10000.0
    rope_factor: float | None = None
    rope_freqs: bool = False
    n_rot: int | None = None

    @property
    def n_head_dim(self) -> int:
        """Dimension of queries, keys and values."""
        return self.n_embd // self.n_head


SHAPES = {
    "tiny": Shape(),
    "tiny-256": Shape(n_embd=256, n_ff=512),
    "tiny-odd": Shape(n_embd=36, n_head=3, n_head_kv=1, n_ff=50),
    "tiny-tied": Shape(tied=True),
    "tiny-mha": Shape(n_head_kv=4),
    "tiny-rope": Shape(rope_factor=2.5, rope_freqs=True, n_rot=12, rope_base=500000.0),
    "tiny-spm": Shape(vocab="spm", n_vocab=320),
    "small": Shape(n_layer=8, n_embd=384, n_head=6, n_ff=1536, n_ctx=512),
    "smollm2-135m": Shape(
        n_layer=30,
        n_embd=576,
        n_head=9,
        n_head_kv=3,
        n_ff=1536,
        n_ctx=8192,
        n_vocab=49152,
        tied=True,
        rope_base=100000.0,
    ),
    "tinyllama-1.1b": Shape(
        n_layer=22,
        n_embd=2048,
        n_head=32,
        n_head_kv=4,
        n_ff=5632,
        n_ctx=2048,
        vocab="spm",
        n_vocab=32000,
    ),
}

MIXTURE = "Q4_K_M"
FLOATS = (Type.F32, Type.F16, Type.BF16)


@dataclass(frozen=True)
class Blocks:
    """A quantised type's blocks: where its halves d and the minimum lie.

    ``log2_spread`` is that of a random weight's standard deviation, where d is 1 and the
    minimum ``balance`` times d: that balance makes the mean zero.
    """

    log2_spread: float
    d: int = 0
    minimum: int | None = None
    balance: float = 0.0


BLOCKS = {
    Type.Q4_0: Blocks(2.2),
    Type.Q4_1: Blocks(2.2, minimum=2, balance=-7.5),
    Type.Q5_0: Blocks(3.2),
    Type.Q5_1: Blocks(3.2, minimum=2, balance=-15.5),
    Type.Q8_0: Blocks(6.2),
    Type.Q2_K: Blocks(3.8, d=80, minimum=82, balance=1.5),
    Type.Q3_K: Blocks(5.4, d=108),
    Type.Q4_K: Blocks(8.0, minimum=2, balance=7.5),
    Type.Q5_K: Blocks(9.0, minimum=2, balance=15.5),
    Type.Q6_K: Blocks(10.4, d=208),
}

TYPES = (*(t.name for t in (*FLOATS, *BLOCKS)), MIXTURE)
"""Types that :func:`make_model` takes."""

# Type of rows whose length is no multiple of 256, in a mixture.
_NARROW = {Type.Q4_K: Type.Q5_0, Type.Q6_K: Type.Q8_0}


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file, (rows, n); norms have one row."""

    name: str
    kind: Type
    rows: int
    n: int
    norm: bool = False


class _Words:
    """The stream of random bits of one tensor."""

    def __init__(self, seed: int, name: str) -> None:
        own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        self._bits = np.random.Philox(key=seed << 64 | own)

    def raw(self, n_bytes: int) -> NDArray[np.uint8]:
        words: NDArray[np.uint64] = self._bits.random_raw(-(-n_bytes // 8))
        return words.astype("<u8", copy=False).view(np.uint8)[:n_bytes]


def _half_log2(n: int) -> float:
    """About log2(sqrt(n)), in steps of a half, so that it is the same on every machine."""
    return (n.bit_length() - 1) / 2


def _floats(words: _Words, t: Tensor) -> NDArray[np.uint8]:
    """Uniform in ±1.7 / sqrt(n) or so; norm weights in 1 ± 1/4."""
    count = t.rows * t.n
    centred = words.raw(4 * count).view("<i4") >> 8  # 24 bits, so that a single holds it
    values = centred.astype("<f4")
    if t.norm:
        values = np.float32(1) + values * np.float32(2.0**-25)
    else:
        values *= np.float32(2.0 ** (round(0.75 - _half_log2(t.n)) - 23))
    if t.kind == Type.BF16:
        return (values.view("<u4") >> np.uint32(16)).astype("<u2").view(np.uint8)
    return values.astype("<f2" if t.kind == Type.F16 else "<f4", copy=False).view(np.uint8)


def _quantised(words: _Words, t: Tensor) -> NDArray[np.uint8]:
    """Random blocks, but for their scales: weights of about 1 / sqrt(n)."""
    form = BLOCKS[t.kind]
    elements, size = GGML_QUANT_SIZES[t.kind]
    count = t.rows * t.n // elements
    blocks = words.raw(count * size).reshape(count, size).copy()
    fractions = 1024 + (words.raw(2 * count).view("<u2") & 1023).astype(np.float32)
    exponent = round(-form.log2_spread - 0.6 - _half_log2(t.n)) - 10
    d = fractions * np.float32(2.0**exponent)
    blocks[:, form.d : form.d + 2] = d.astype("<f2").view(np.uint8).reshape(-1, 2)
    if form.minimum is not None:
        low = (d * np.float32(form.balance)).astype("<f2").view(np.uint8)
        blocks[:, form.minimum : form.minimum + 2] = low.reshape(-1, 2)
    return blocks.reshape(-1)


def tensor_bytes(seed: int, t: Tensor) -> NDArray[np.uint8]:
    """A tensor's bytes, by the seed and its own name."""
    words = _Words(seed, t.name)
    return _floats(words, t) if t.kind in FLOATS else _quantised(words, t)


def _matrix_type(kind: str, part: str, layer: int, shape: Shape, n: int) -> Type:
    """A matrix's type. A Q4_K_M file has more bits where they matter most."""
    if kind != MIXTURE:
        return Type[kind]
    eighth = shape.n_layer // 8
    more = layer < eighth or layer >= 7 * shape.n_layer // 8 or (layer - eighth) % 3 == 2
    last = part == ("token_embd" if shape.tied else "output")
    wide = Type.Q6_K if last or (part in ("attn_v", "ffn_down") and more) else Type.Q4_K
    return _NARROW[wide] if n % 256 else wide


def tensors(shape: Shape, kind: str) -> Iterator[Tensor]:
    """Every tensor, in the file's order. UsageError where rows are no whole blocks."""

    def matrix(part: str, rows: int, n: int, layer: int = 0, prefix: str = "") -> Tensor:
        of = _matrix_type(kind, part, layer, shape, n)
        if n % GGML_QUANT_SIZES[of][0]:
            raise UsageError(
                f"rows of {n} are no whole blocks of {of.name}: choose another shape, or F16"
            )
        return Tensor(f"{prefix}{part}.weight", of, rows, n)

    def norm(name: str) -> Tensor:
        return Tensor(f"{name}.weight", Type.F32, 1, shape.n_embd, norm=True)

    n_embd, n_q = shape.n_embd, shape.n_head * shape.n_head_dim
    n_kv = shape.n_head_kv * shape.n_head_dim
    if shape.rope_freqs:
        yield Tensor("rope_freqs.weight", Type.F32, 1, (shape.n_rot or shape.n_head_dim) // 2, True)
    yield matrix("token_embd", shape.n_vocab, n_embd)
    for i in range(shape.n_layer):
        blk = f"blk.{i}."
        yield norm(f"{blk}attn_norm")
        yield matrix("ffn_down", n_embd, shape.n_ff, i, blk)
        yield matrix("ffn_gate", shape.n_ff, n_embd, i, blk)
        yield matrix("ffn_up", shape.n_ff, n_embd, i, blk)
        yield norm(f"{blk}ffn_norm")
        yield matrix("attn_k", n_kv, n_embd, i, blk)
        yield matrix("attn_output", n_embd, n_q, i, blk)
        yield matrix("attn_q", n_q, n_embd, i, blk)
        yield matrix("attn_v", n_kv, n_embd, i, blk)
    yield norm("output_norm")
    if not shape.tied:
        yield matrix("output", shape.n_vocab, n_embd)


def _byte_letters() -> list[str]:
    """The letter that byte-level BPE writes for each byte: printable ones are their own."""
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(b if b in own else next(others)) for b in range(256)]


_PAIRS = (
    "Ġ t|h e|i n|Ġ a|e r|o n|Ġt he|r e|Ġ s|a t|e n|o r|Ġ w|e s|Ġ c|i s|n d|o u|Ġ o|i t|in g|Ġ f|"
    "a n|l l|Ġ m|e d|Ġa nd|a l|Ġ is|Ġo f|Ġ in|Ġt o|Ġ k|er n|Ġk ern|Ġkern e|Ġkerne l|Ġ Ġ|l o|! !"
)
_PIECES = "th|the|in|er|an|and|on|re|of|to|is|it|ing|ll|kern|kernel|▁t|▁the|▁a|▁k|▁s|▁i|▁is|▁of"


def bpe_pieces(n: int) -> tuple[list[str], list[int], list[tuple[str, str]]]:
    """Control tokens, a token of each byte, and what the first merges make; types; merges."""
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    kinds = [TokenType.CONTROL] * len(tokens)
    tokens += _byte_letters()
    pairs = [pair.split(" ") for pair in _PAIRS.split("|")][: n - len(tokens)]
    merges = [(left, right) for left, right in pairs]
    tokens += [left + right for left, right in merges]
    tokens += [f"unused{i}" for i in range(n - len(tokens))]
    kinds += [TokenType.NORMAL] * (n - len(kinds))
    return tokens, [int(k) for k in kinds], merges


def _bpe(writer: GGUFWriter, n: int) -> None:
    """A vocabulary in SmolLM2's way."""
    tokens, kinds, merges = bpe_pieces(n)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHATML)


def spm_pieces(n: int) -> tuple[list[str], list[float], list[int]]:
    """Control tokens, bytes, a few pieces with their scores, and letters."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    kinds = [TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 256]
    words = [*_PIECES.split("|"), "▁", *map(chr, range(ord("a"), ord("z") + 1)), ".", "?"]
    words += [f"▁unused{i}" for i in range(n - len(tokens) - len(words))]
    words = words[: n - len(tokens)]
    scores = [0.0] * len(tokens) + [-float(i) for i in range(len(words))]
    kinds += [TokenType.NORMAL] * len(words)
    return tokens + words, scores, [int(k) for k in kinds]


def _real_pieces() -> tuple[list[str], list[float], list[int]]:
    """A published SentencePiece vocabulary of 32000 pieces. HarnessError where there is none."""
    try:
        from harness.models.vocabulary import sentencepiece_tokens  # noqa: PLC0415
    except ImportError as error:
        raise HarnessError("sentencepiece is not installed") from error
    return sentencepiece_tokens(packaged.sentencepiece_model())


def _spm(writer: GGUFWriter, n: int) -> None:
    pieces = spm_pieces(n)
    if n == 32000:
        with suppress(HarnessError):  # the generated one does for loading and speed
            pieces = _real_pieces()
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces[0])
    writer.add_token_scores(pieces[1])
    writer.add_token_types(pieces[2])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(ZEPHYR)


def _copied_vocabulary(writer: GGUFWriter, path: Path) -> None:
    """The tokenizer of another file."""
    for key, field in GGUFReader(path).fields.items():
        if key.startswith("tokenizer."):
            inner = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(key, field.contents(), field.types[0], inner)


def _vocabulary(writer: GGUFWriter, shape: Shape) -> None:
    if shape.vocab == "spm":
        _spm(writer, shape.n_vocab)
        return
    if shape == SHAPES["smollm2-135m"]:
        with suppress(HarnessError):  # as in _spm()
            _copied_vocabulary(writer, packaged.smollm2())
            return
    _bpe(writer, shape.n_vocab)


def _keys(writer: GGUFWriter, shape: Shape, name: str, kind: str) -> None:
    """The hyper-parameters."""
    writer.add_type("model")
    writer.add_name(name)
    writer.add_block_count(shape.n_layer)
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.n_embd)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_file_type(_file_type(kind))
    writer.add_vocab_size(shape.n_vocab)
    writer.add_rope_dimension_count(shape.n_rot or shape.n_head_dim)
    if shape.rope_factor is not None:
        writer.add_string("llama.rope.scaling.type", "linear")
        writer.add_rope_scaling_factor(shape.rope_factor)


def _file_type(kind: str) -> int:
    """The number in general.file_type."""
    if kind == "F32":
        return int(LlamaFileType.ALL_F32)
    names = {MIXTURE: "MOSTLY_Q4_K_M", "Q3_K": "MOSTLY_Q3_K_M"}
    plain = f"MOSTLY_{kind}"
    for candidate in (names.get(kind, plain), f"{plain}_M"):
        if candidate in LlamaFileType.__members__:
            return int(LlamaFileType[candidate])
    raise UsageError(f"no file type for {kind}")


def make_model(shape: str, kind: str, path: Path, seed: int = 0) -> Path:
    """Write a model of a shape in SHAPES and a type in TYPES; ``seed`` below 2^64.

    Raises UsageError where there is no such shape or type, or they do not fit.
    """
    if shape not in SHAPES:
        raise UsageError(f"no shape {shape!r}: choose one of {', '.join(SHAPES)}")
    if kind not in TYPES:
        raise UsageError(f"no type {kind!r}: choose one of {', '.join(TYPES)}")
    if not 0 <= seed < 1 << 64:
        raise UsageError("the seed must be from 0 to 2^64 - 1")
    form = SHAPES[shape]
    plan = list(tensors(form, kind))
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        new = Path(scratch) / "model.gguf"
        writer = GGUFWriter(new, "llama")
        _keys(writer, form, f"random {shape} {kind} {seed}", kind)
        _vocabulary(writer, form)
        writer.add_quantization_version(2)
        for t in plan:
            elements, size = GGML_QUANT_SIZES[t.kind]
            n_bytes = t.rows * t.n // elements * size
            dims = (t.n,) if t.norm else (t.rows, t.n)
            writer.add_tensor_info(t.name, dims, np.dtype(np.float32), n_bytes, t.kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for t in plan:
            writer.write_tensor_data(tensor_bytes(seed, t))
        writer.close()
        os.replace(new, path)
    return path
