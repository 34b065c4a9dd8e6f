# SPDX-License-Identifier: GPL-2.0
"""Measure the integer core against double precision on a text.

python -m harness quality smollm2

Prints the mean and largest Kullback-Leibler divergence of the next-token
distributions, in nats, and how often both have the same likeliest token.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from harness import quality
from harness.errors import UsageError
from harness.models import resolve
from harness.progress import step


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument(
        "--text",
        type=Path,
        default=quality.TEXT,
        help="UTF-8 text of two tokens or more (default: fixtures/text.txt)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    try:
        text = args.text.read_bytes()
    except OSError as error:
        raise UsageError(f"{args.text}: {error.strerror}") from error
    path = resolve(args.model)
    with step("evaluating twice"):
        q = quality.measure(path, text)
    if args.json:
        print(json.dumps(asdict(q)))
        return 0
    print(f"tokens        {q.n_tokens}")
    print(f"mean KL       {q.mean_kl:.2e}")
    print(f"max KL        {q.max_kl:.2e}")
    print(f"same top-1    {100 * q.same_top1:.2f} %")
    print(f"clear misses  {q.clear_misses} (margin above {quality.CLEAR:g})")
    print(f"perplexity    {q.perplexity:.2f}")
    return 0
