# SPDX-License-Identifier: GPL-2.0
"""Write a model with random weights, and print its path.

python -m harness make-model tinyllama-1.1b Q4_K_M /tmp/tinyllama.gguf

It answers nonsense; it is for trying loading, memory, speed and every tensor
type. The same arguments give the same bytes. The two real shapes take their
vocabularies from published files where those can be fetched.
"""

import argparse
from pathlib import Path

from harness.host.progress import step
from harness.models.synthetic import SHAPES, TYPES, make_model


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("shape", metavar="SHAPE", choices=SHAPES, help=", ".join(SHAPES))
    parser.add_argument("type", metavar="TYPE", choices=TYPES, help=", ".join(TYPES))
    parser.add_argument("out", metavar="OUT.gguf", type=Path, help="the file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default 0)")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with step(f"{args.shape} {args.type}"):
        path = make_model(args.shape, args.type, args.out, args.seed)
    print(path)
    return 0
