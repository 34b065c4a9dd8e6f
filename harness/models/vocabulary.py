# SPDX-License-Identifier: GPL-2.0
"""Vocabulary-only GGUF files, made of other vocabularies."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gguf import GGUFReader, GGUFWriter, TokenType


def field(reader: GGUFReader, key: str) -> Any:
    """The value of a metadata entry."""
    entry = reader.get_field(key)
    if entry is None:
        raise KeyError(key)
    return entry.contents()


def _messages(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field numbers and values of a protocol buffer; numbers raw, the rest as bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    sizes = {1: 8, 5: 4}
    while at < len(data):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, varint()
            continue
        size = sizes[wire] if wire in sizes else varint()
        yield number, data[at : at + size]
        at += size


def sentencepiece_tokens(model: Path) -> tuple[list[str], list[float], list[int]]:
    """Pieces, scores and GGUF token types of a SentencePiece model.

    Read from the file, as the library does not say which pieces are user-defined. Format:
    ModelProto of https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    (the types have the same numbers as GGUF's).
    """
    pieces, scores, kinds = [], [], []
    for number, message in _messages(model.read_bytes()):
        if number != 1 or not isinstance(message, bytes):
            continue
        fields = dict(_messages(message))
        text, score, kind = fields[1], fields.get(2, bytes(4)), fields.get(3, TokenType.NORMAL)
        assert isinstance(text, bytes)
        assert isinstance(score, bytes)
        assert isinstance(kind, int)
        pieces.append(text.decode())
        scores.append(float(struct.unpack("<f", score)[0]))
        kinds.append(int(kind))
    return pieces, scores, kinds


def from_sentencepiece(model: Path, out: Path) -> Path:
    """A SentencePiece model as a vocabulary-only GGUF file."""
    pieces, scores, kinds = sentencepiece_tokens(model)
    writer = GGUFWriter(out, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return out


def with_pre_tokenizer(
    model: Path, pre: str, out: Path, kinds: Mapping[str, TokenType] | None = None
) -> Path:
    """A BPE file's vocabulary with another pre-tokenizer.

    The tokens in ``kinds`` are of that type, and added where the vocabulary lacks them.
    """
    reader = GGUFReader(model)
    tokens = list(field(reader, "tokenizer.ggml.tokens"))
    types = list(field(reader, "tokenizer.ggml.token_type"))
    for token, kind in (kinds or {}).items():
        if token not in tokens:
            tokens.append(token)
            types.append(int(kind))
        types[tokens.index(token)] = int(kind)
    writer = GGUFWriter(out, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(field(reader, "tokenizer.ggml.merges"))
    writer.add_bos_token_id(field(reader, "tokenizer.ggml.bos_token_id"))
    writer.add_eos_token_id(field(reader, "tokenizer.ggml.eos_token_id"))
    writer.add_unk_token_id(field(reader, "tokenizer.ggml.unknown_token_id"))
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return out
