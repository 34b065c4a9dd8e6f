# SPDX-License-Identifier: GPL-2.0
"""Print how likely given texts are as the answer to a prompt, the likeliest first.

python -m harness score smollm2 --prompt 'Is Rome a city?' --candidate Yes --candidate No

Each line has the log-probability (natural) of all tokens of a text together, their
number, and the text. A text follows the prompt byte by byte: if the model would
begin with a space, the text must, too.
"""

import argparse
import json

from harness.core.options import CHAT_NONE, DEFAULT_N_CTX, TEMPLATE_AUTO, Options
from harness.core.session import Model, Session, default_threads
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument("--prompt", required=True, help="the text to answer")
    parser.add_argument(
        "--candidate",
        required=True,
        action="append",
        metavar="TEXT",
        help="an answer; may be given several times",
    )
    parser.add_argument(
        "--raw", action="store_true", help="continue the text without a chat template"
    )
    parser.add_argument("--system", help="system prompt (default: the file's own)")
    parser.add_argument(
        "--open", action="store_true", help="do not score the end: the answer may go on"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in Q16, in the given order")


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    options = Options(chat=CHAT_NONE if args.raw else TEMPLATE_AUTO, system=args.system)
    texts = [text.encode() for text in args.candidate]
    with (
        Model(resolve(args.model)) as model,
        Session(model, min(DEFAULT_N_CTX, model.n_ctx_train), threads=default_threads()) as session,
    ):
        scores = list(session.score(args.prompt.encode(), texts, options, not args.open))
    found = list(zip(scores, args.candidate, strict=True))
    if args.json:
        print(
            json.dumps(
                [{"text": t, "tokens": s.tokens, "log_prob": s.log_prob} for s, t in found],
                ensure_ascii=False,
            )
        )
        return 0
    for score, text in sorted(found, key=lambda pair: -pair[0].log_prob):
        print(f"{score.log_prob / 65536:10.4f} {score.tokens:4} {text}")
    return 0
