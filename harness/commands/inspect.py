# SPDX-License-Identifier: GPL-2.0
"""Describe a model file, and say whether the kernel would take it.

The exit code is 0 if the module would load the file and 1 if it would refuse it;
the reason is the line that the module would log. MODEL is a path or the name of a
packaged model (`smollm2`).
"""

import argparse
import json
import math
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gguf.constants import GGMLQuantizationType

from harness.core import gguf
from harness.core.gguf import Gguf, LoadVerdict, private_image
from harness.core.library import CoreError
from harness.models.catalog import resolve


@dataclass(frozen=True)
class Header:
    """Description that a well-formed file contains; ``types`` counts tensors."""

    architecture: str = ""
    name: str = ""
    parameters: int = 0
    tensors: int = 0
    types: dict[str, int] = field(default_factory=dict)
    layers: int | None = None
    embedding: int | None = None
    heads: int | None = None
    heads_kv: int | None = None
    feed_forward: int | None = None
    context: int | None = None
    tokenizer: str = ""
    pre_tokenizer: str = ""
    vocabulary: int | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or the name of a model")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _text(file: Gguf, key: str) -> str:
    try:
        return file.get_str(key).decode(errors="replace")
    except CoreError:
        return ""


def _number(file: Gguf, key: str) -> int | None:
    try:
        return file.get_u32(key)
    except CoreError:
        return None


def _header(path: Path) -> Header | None:
    """Return the description, or None if the file is not well formed."""
    try:
        with private_image(path) as image, Gguf(image) as file:
            tensors = list(file.tensors())
            arch = _text(file, "general.architecture")
            tokens = file.find("tokenizer.ggml.tokens")
            types = Counter(GGMLQuantizationType(t.kind).name for t in tensors)
            return Header(
                architecture=arch,
                name=_text(file, "general.name"),
                parameters=sum(math.prod(t.dims) for t in tensors),
                tensors=len(tensors),
                types=dict(types.most_common()),
                layers=_number(file, f"{arch}.block_count"),
                embedding=_number(file, f"{arch}.embedding_length"),
                heads=_number(file, f"{arch}.attention.head_count"),
                heads_kv=_number(file, f"{arch}.attention.head_count_kv"),
                feed_forward=_number(file, f"{arch}.feed_forward_length"),
                context=_number(file, f"{arch}.context_length"),
                tokenizer=_text(file, "tokenizer.ggml.model"),
                pre_tokenizer=_text(file, "tokenizer.ggml.pre"),
                vocabulary=tokens.count if tokens else None,
            )
    except CoreError:
        return None


def _size(n: int) -> str:
    """Return a number of bytes for a person."""
    value = float(n)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{n} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def _facts(header: Header | None, verdict: LoadVerdict) -> list[tuple[str, str]]:
    """Return lines of label and text."""
    facts = [("size", f"{_size(verdict.file)}")]
    if header is not None:
        h = header
        unknown = "not given"
        facts += [
            ("architecture", h.architecture or unknown),
            ("name", h.name or unknown),
            ("parameters", f"{h.parameters:,} in {h.tensors} tensors"),
            ("types", ", ".join(f"{k} × {n}" for k, n in h.types.items()) or "none"),
            (
                "shape",
                f"{h.layers} layers, {h.embedding} wide, {h.heads} heads over "
                f"{h.heads_kv or h.heads}, {h.feed_forward} feed-forward",
            ),
            ("context", f"{h.context} tokens"),
            (
                "tokenizer",
                f"{h.tokenizer or unknown}, pre-tokenizer "
                f"{h.pre_tokenizer or unknown}, {h.vocabulary} tokens",
            ),
        ]
    if not verdict.errno:
        context = verdict.n_ctx_train
        facts += [
            ("chat template", verdict.chat),
            (
                "memory",
                f"{_size(verdict.file + verdict.arena)} for the model "
                f"({_size(verdict.file)} file, {_size(verdict.arena)} beside it)",
            ),
            (
                "",
                f"{_size(verdict.kv_per_position * context)} for a conversation of "
                f"{context} tokens ({_size(verdict.kv_per_position)} a token)",
            ),
            ("", f"{_size(verdict.scratch)} for each answer under way"),
        ]
    return facts


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    path = resolve(args.model)
    verdict = gguf.load_check(path)
    header = _header(path)
    if args.json:
        report: dict[str, Any] = {
            "path": str(path),
            "loads": not verdict.errno,
            "header": asdict(header) if header else None,
            **asdict(verdict),
        }
        json.dump(report, sys.stdout, indent=2)
        print()
    else:
        for label, text in _facts(header, verdict):
            print(f"{label:14} {text}")
        if verdict.errno:
            print(f"{'verdict':14} the kernel would refuse it: {verdict.why}")
        else:
            print(f"{'verdict':14} the kernel would take it")
    return 1 if verdict.errno else 0
