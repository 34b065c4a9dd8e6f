# SPDX-License-Identifier: GPL-2.0
"""Turn text on standard input into token ids.

The text is read whole and is plain: the name of a control token is only text. With
--jsonl each line is a JSON string, and each line of output is the list of its ids.
"""

import argparse
import json
import sys

from harness.core.chat import BOS, Chat
from harness.core.gguf import private_image
from harness.host.errors import UsageError
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument("--no-bos", action="store_true", help="do not begin with BOS")
    parser.add_argument("--jsonl", action="store_true", help="read a JSON string from each line")


def text_of(line: bytes) -> bytes:
    """Return the bytes of a line that is a JSON string; lone surrogates give ill-formed bytes."""
    try:
        text = json.loads(line)
    except ValueError as error:
        raise UsageError(f"a line is not JSON: {error}") from error
    if not isinstance(text, str):
        raise UsageError(f"a line is not a JSON string: {line[:60]!r}")
    return text.encode("utf-8", "surrogatepass")


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    flags = 0 if args.no_bos else BOS
    with private_image(resolve(args.model)) as image, Chat(image) as vocabulary:
        if not args.jsonl:
            print(json.dumps(vocabulary.plain(sys.stdin.buffer.read(), flags)))
            return 0
        for line in sys.stdin.buffer:
            print(json.dumps(vocabulary.plain(text_of(line), flags)), flush=True)
    return 0
