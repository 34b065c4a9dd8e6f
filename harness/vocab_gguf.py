# SPDX-License-Identifier: GPL-2.0
"""Vocabulary-only GGUF files, made of other vocabularies."""

from pathlib import Path
from typing import Any

import sentencepiece
from gguf import GGUFReader, GGUFWriter, TokenType


def field(reader: GGUFReader, key: str) -> Any:
    """The value of a metadata entry."""
    entry = reader.get_field(key)
    if entry is None:
        raise KeyError(key)
    return entry.contents()


def sentencepiece_tokens(model: Path) -> tuple[list[str], list[float], list[int]]:
    """Pieces, scores and GGUF token types of a SentencePiece model."""
    sp = sentencepiece.SentencePieceProcessor(model_file=str(model))
    pieces, scores, kinds = [], [], []
    for i in range(sp.get_piece_size()):
        pieces.append(sp.id_to_piece(i))
        scores.append(sp.get_score(i))
        if sp.is_unknown(i):
            kinds.append(TokenType.UNKNOWN)
        elif sp.is_control(i):
            kinds.append(TokenType.CONTROL)
        elif sp.is_unused(i):
            kinds.append(TokenType.UNUSED)
        elif sp.is_byte(i):
            kinds.append(TokenType.BYTE)
        else:
            kinds.append(TokenType.NORMAL)
    return pieces, scores, [int(k) for k in kinds]


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


def with_pre_tokenizer(model: Path, pre: str, out: Path) -> Path:
    """A BPE file's vocabulary with another pre-tokenizer."""
    reader = GGUFReader(model)
    writer = GGUFWriter(out, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(field(reader, "tokenizer.ggml.tokens"))
    writer.add_token_types(field(reader, "tokenizer.ggml.token_type"))
    writer.add_token_merges(field(reader, "tokenizer.ggml.merges"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return out
