# SPDX-License-Identifier: GPL-2.0
"""Measure the integer core against double precision on a text.

  python -m harness quality smollm2
  python -m harness quality smollm2 --peer llama.cpp

Prints the mean and largest Kullback-Leibler divergence of the next-token
distributions, in nats, and how often both have the same likeliest token; with
--peer, those of llama.cpp on the same file and text beside them.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from harness.bench import quality
from harness.bench.engines import PEER, PeerEngine
from harness.host.errors import UsageError
from harness.host.progress import step
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument(
        "--text",
        type=Path,
        default=quality.TEXT,
        help="UTF-8 text of two tokens or more (default: fixtures/text.txt)",
    )
    parser.add_argument("--peer", choices=[PEER], help="measure this engine, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    try:
        text = args.text.read_bytes()
    except OSError as error:
        raise UsageError(f"{args.text}: {error.strerror}") from error
    path = resolve(args.model)
    with ExitStack() as stack:
        peer = stack.enter_context(PeerEngine()) if args.peer else None
        if peer:
            peer.command()  # builds it
        with step("evaluating"):
            engines = quality.measure(path, text, peer)
        about = peer.about if peer else None
    core = engines[0]
    if args.json:
        result = asdict(core)
        if peer:
            result["peer"] = asdict(engines[1]) | {"engine": args.peer, "about": about}
        print(json.dumps(result))
        return 0
    if about:
        print(about)
    print(f"tokens        {core.n_tokens}, of perplexity {core.perplexity:.2f}")
    if peer:
        show("", "llamux", args.peer)
    show("mean KL", *(f"{q.mean_kl:.2e}" for q in engines))
    show("max KL", *(f"{q.max_kl:.2e}" for q in engines))
    show("same top-1", *(f"{100 * q.same_top1:.2f} %" for q in engines))
    show("clear misses", *(str(q.clear_misses) for q in engines))
    print(f"clear: double precision's best token leads by more than {quality.CLEAR:g}")
    return 0


def show(name: str, *values: str) -> None:
    """Print a line of the table with a column for each engine."""
    print(f"{name:14}" + "".join(f"{value:12}" for value in values).rstrip())
