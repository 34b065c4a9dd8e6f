# SPDX-License-Identifier: GPL-2.0
"""Turn token ids, a JSON list on standard input, into their bytes.

With --jsonl each line is a list, and each line of output is a JSON string, in which
bytes that are not UTF-8 are U+FFFD.
"""

import argparse
import json
import sys

from harness.core.chat import Chat
from harness.core.gguf import private_image
from harness.host.errors import UsageError
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument("--jsonl", action="store_true", help="read a list from each line")


def ids_of(text: bytes, n_vocab: int) -> list[int]:
    """Return the ids of a JSON list. UsageError if it is none."""
    try:
        ids = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the input is not JSON: {error}") from error
    if not isinstance(ids, list) or not all(type(i) is int and 0 <= i < n_vocab for i in ids):
        raise UsageError(f"the input is not a list of token ids from 0 to {n_vocab - 1}")
    return ids


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    with private_image(resolve(args.model)) as image, Chat(image) as vocabulary:
        if not args.jsonl:
            ids = ids_of(sys.stdin.buffer.read(), vocabulary.n_vocab)
            sys.stdout.buffer.write(vocabulary.text(ids))
            return 0
        for line in sys.stdin.buffer:
            text = vocabulary.text(ids_of(line, vocabulary.n_vocab))
            print(json.dumps(text.decode("utf-8", "replace")), flush=True)
    return 0
