# SPDX-License-Identifier: GPL-2.0
"""llamux: ask the model in the kernel from a shell."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from llamux import __version__, client, uapi
from llamux.client import Conversation
from llamux.errors import LlamuxError, explained
from llamux.options import Options, kind_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an answer; others keep the values of `llamux options`."""
    for option in fields(Options):
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=kind_of(option).word,
            action="append" if isinstance(option.default, tuple) else "store",
            metavar=option.metadata["metavar"],
            help=option.metadata["help"],
        )


def conversation(args: argparse.Namespace, *, chat: bool = False) -> Conversation:
    """Open a conversation with the options that were given."""
    opened = Conversation(chat=chat)
    try:
        given: dict[str, Any] = {
            option.name: tuple(value) if isinstance(value, list) else value
            for option in fields(Options)
            if (value := getattr(args, option.name)) is not None
        }
        opened.set_options(replace(opened.options(), **given))
    except BaseException:
        opened.close()
        raise
    return opened


def show(asked: Conversation, text: str) -> None:
    """Print an answer piece by piece."""
    for piece in asked.stream(text):
        print(piece, end="", flush=True)


def ask(args: argparse.Namespace) -> None:
    """Answer one prompt; text on standard input is put before it."""
    context = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip()
    text = f"{context}\n\n{args.prompt}" if context else args.prompt
    with conversation(args) as asked:
        show(asked, text)


def chat(args: argparse.Namespace) -> None:
    """Hold a dialogue, one line for each turn, until the input ends."""
    prompt = "> " if sys.stdin.isatty() else ""
    with conversation(args, chat=True) as asked:
        while True:
            try:
                text = input(prompt)
            except EOFError:
                return
            if text == "/reset":
                asked.reset()
            elif text.strip():
                show(asked, text)


def status(_: argparse.Namespace) -> None:
    """Show what is loaded, and its figures."""
    with explained("no status"):
        print((uapi.ROOT / "status").read_text(), end="")


def stats(args: argparse.Namespace) -> None:
    """Show the figures for programs, a key and a value in each line."""
    clear = "\x1b[H\x1b[J" if args.watch and sys.stdout.isatty() else ""
    while True:
        lines = [f"{key} {value}" for key, value in client.stats().items()]
        print(f"{clear}{chr(10).join(lines)}")
        if args.watch is None:
            return
        print(end="" if clear else "\n", flush=True)
        time.sleep(args.watch)


def options(args: argparse.Namespace) -> None:
    """Show or change the options of this terminal's answers: `llamux options seed=7 top_k=40`."""
    changes = [(key, value) for key, _, value in (word.partition("=") for word in args.change)]
    if args.reset:
        changes.insert(0, ("reset", ""))
    if changes:
        client.set_session_options(changes)
    else:
        print(client.session_options(), end="")


def models(_: argparse.Namespace) -> None:
    """List the loaded models."""
    for model in client.models():
        star = "*" if model.default else " "
        print(f"{star} {model.name:20} {model.bytes >> 20:6} MiB  {model.kind:8} {model.title}")


def use(args: argparse.Namespace) -> None:
    """Choose the default model (root only)."""
    client.set_model(args.name)


def bench(args: argparse.Namespace) -> None:
    """Measure the tokens per second of the module."""
    from llamux import bench as measure  # noqa: PLC0415 # slow, and only needed here

    asking = Options(
        template="none", max_tokens=args.max_tokens, speculate=args.speculate, model=args.model
    )
    measured = []
    for figures in measure.runs(asking, args.words, args.repeats):
        measured.append(figures)
        if sys.stderr.isatty():
            print(f"\r{len(measured)} of {args.repeats} runs", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    found = measure.report(measured)
    if args.json:
        print(json.dumps(asdict(found)))
        return
    stats = client.stats()
    print(f"{args.model or stats['model']} with {stats['isa']}, {stats['threads']} processors")
    for name, spread, unit in (
        (f"prompt of {found.prompt_tokens} tokens", found.prefill, "tokens/s"),
        (f"answer of {found.tokens} tokens", found.decode, "tokens/s"),
        ("first token after", found.first_token, "s"),
    ):
        digits = f"{spread.median:10.3f} {unit:8} ({spread.least:.3f} to {spread.most:.3f})"
        print(f"{name:24} {digits}")


def doctor(_: argparse.Namespace) -> None:
    """Find what is missing, and say how to get it."""
    from llamux.doctor import access, findings  # noqa: PLC0415 # only needed here

    loaded = uapi.ROOT.is_dir()
    for finding in [access(uapi.ROOT)] if loaded else findings():
        print(f"{'missing' if finding.advice else 'ok':8} {finding.what}")
        if finding.advice:
            print(f"{'':8} -> {finding.advice}")
    stats = client.stats()
    print(f"{'ok':8} the module is loaded and serves {stats['model']} with {stats['isa']}")
    with Conversation(Options(max_tokens=1)) as asked:
        asked.ask("Hello")
        first = asked.figures().first_token
        print(f"{'ok':8} it answers: the first token came after {first:.2f} s")


def positive(word: str) -> int:
    """Return a number of at least 1."""
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="llamux", description=__doc__)
    top.add_argument("--version", action="version", version=f"llamux {__version__}")
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
    changing = verb(options)
    changing.add_argument(
        "change", nargs="*", metavar="KEY=VALUE", help="for the next answer of this terminal"
    )
    changing.add_argument("--reset", action="store_true", help="back to the defaults first")
    verb(models)
    verb(use).add_argument("name")
    measuring = verb(bench)
    measuring.add_argument("--repeats", type=positive, default=5, metavar="N", help="(default 5)")
    measuring.add_argument(
        "--words", type=positive, default=128, metavar="N", help="of the prompt (default 128)"
    )
    measuring.add_argument(
        "--max-tokens", type=positive, default=64, metavar="N", help="of the answer (default 64)"
    )
    measuring.add_argument(
        "--speculate", type=int, default=0, metavar="N", help="tokens to guess ahead (default 0)"
    )
    measuring.add_argument("--model", default="", metavar="NAME", help="of `llamux models`")
    measuring.add_argument("--json", action="store_true", help="for programs")
    verb(doctor)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb. Return its exit code: 1, and one line that says what to do, if it failed."""
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
