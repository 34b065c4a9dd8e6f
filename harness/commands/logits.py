# SPDX-License-Identifier: GPL-2.0
"""Write the logits of every position, computed by the integer core in userspace.

python -m harness logits smollm2 tokens.json out.npy

TOKENS.json is a JSON list of token ids. OUT.npy gets float64, (T, n_vocab); each
number is an integer divided by 65536. All instruction sets and batch sizes give
the same numbers.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from harness.core.library import select_isa, usable_isas
from harness.core.session import MAX_BATCH, Model
from harness.host.errors import UsageError
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument("tokens", metavar="TOKENS.json", type=Path, help="a list of token ids")
    parser.add_argument("out", metavar="OUT.npy", type=Path, help="the file to write")
    parser.add_argument(
        "--isa", metavar="NAME", help="instruction set (default: the best of this machine)"
    )
    parser.add_argument("--batch", type=int, default=32, help="tokens of a pass, 1 to 64")


def _read_tokens(path: Path) -> list[int]:
    try:
        ids = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    if not isinstance(ids, list) or not ids or any(type(i) is not int for i in ids):
        raise UsageError(f"{path} is not a JSON list of token ids")
    return ids


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    if not 1 <= args.batch <= MAX_BATCH:
        raise UsageError(f"--batch must be from 1 to {MAX_BATCH}")
    tokens = _read_tokens(args.tokens)
    if args.isa not in (None, *usable_isas()):
        raise UsageError(f"--isa {args.isa}: this machine has {', '.join(usable_isas())}")
    select_isa(args.isa)
    with Model(resolve(args.model)) as model:
        if not all(0 <= i < model.n_vocab for i in tokens):
            raise UsageError(f"token ids must be from 0 to {model.n_vocab - 1}")
        logits = model.logits(tokens, args.batch)
    try:
        with args.out.open("wb") as file:
            np.save(file, logits / 65536)
    except OSError as error:
        raise UsageError(f"{args.out}: {error.strerror}") from error
    return 0
