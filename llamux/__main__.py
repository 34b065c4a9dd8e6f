# SPDX-License-Identifier: GPL-2.0
"""llamux: ask the model in the kernel from a shell."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from llamux import client
from llamux.client import Conversation, LlamuxError, Options


def add_options(parser: argparse.ArgumentParser) -> None:
    """How answers shall be made."""
    default = Options()
    parser.add_argument("--model", default="", metavar="NAME", help="of `llamux models`")
    parser.add_argument("--system", metavar="TEXT", help="system prompt (default the model's own)")
    parser.add_argument("--max-tokens", type=int, default=default.max_tokens, metavar="N")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end the answer there"
    )


def options(args: argparse.Namespace) -> Options:
    """What was asked for."""
    return Options(
        model=args.model,
        system=args.system,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        seed=args.seed,
        stop=tuple(args.stop),
    )


def show(conversation: Conversation, text: str) -> None:
    """An answer, as it is made."""
    for piece in conversation.stream(text):
        print(piece, end="", flush=True)


def ask(args: argparse.Namespace) -> None:
    """Answer one prompt; what is on standard input comes before it."""
    context = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip()
    text = f"{context}\n\n{args.prompt}" if context else args.prompt
    with Conversation(options(args)) as conversation:
        show(conversation, text)


def chat(args: argparse.Namespace) -> None:
    """A dialogue, a line a turn, until the end of the input."""
    prompt = "> " if sys.stdin.isatty() else ""
    with Conversation(options(args), chat=True) as conversation:
        while True:
            try:
                text = input(prompt)
            except EOFError:
                return
            if text == "/reset":
                conversation.reset()
            elif text.strip():
                show(conversation, text)


def status(_: argparse.Namespace) -> None:
    """What is loaded and how it fares."""
    with client.explained("no status"):
        print((client.ROOT / "status").read_text(), end="")


def stats(args: argparse.Namespace) -> None:
    """The same for programs."""
    while True:
        for key, value in client.stats().items():
            print(key, value)
        if not args.watch:
            return
        time.sleep(args.watch)
        print(flush=True)


def models(_: argparse.Namespace) -> None:
    """What there is."""
    for model in client.models():
        star = "*" if model.default else " "
        print(f"{star} {model.name:20} {model.bytes >> 20:6} MiB  {model.kind:8} {model.title}")


def use(args: argparse.Namespace) -> None:
    """Choose the default."""
    client.set_model(args.name)


def doctor(_: argparse.Namespace) -> None:
    """What is missing, and how to get it."""
    stats = client.stats()
    print(f"the module is loaded and serves {stats['model']} with {stats['isa']}")
    with Conversation(Options(max_tokens=1)) as conversation:
        conversation.ask("Hello")
        print(f"it answers: the first token came after {conversation.figures().first_token:.2f} s")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llamux", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = verbs.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    asking = verb(ask)
    asking.add_argument("prompt")
    add_options(asking)
    add_options(verb(chat))
    verb(status)
    verb(stats).add_argument(
        "--watch", type=float, nargs="?", const=2.0, metavar="SECONDS", help="again and again"
    )
    verb(models)
    verb(use).add_argument("name")
    verb(doctor)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; 1 with a line that says what to do where it cannot be done."""
    args = parser().parse_args(arguments)
    try:
        args.run(args)
    except (LlamuxError, ValueError) as error:
        print(f"🦙 {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
