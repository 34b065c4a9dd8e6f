# SPDX-License-Identifier: GPL-2.0
"""Ask the model in the kernel from a shell."""

# A verb imports what it alone needs, so that `llamux --help` starts fast.
# ruff: noqa: PLC0415

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from llamux import __version__, client, uapi
from llamux.errors import LlamuxError, explained
from llamux.options import DESCRIPTIONS, Options, Stops


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each option of an answer."""
    group = parser.add_argument_group("options of the answer", "default: see `llamux options`")
    for name, option in DESCRIPTIONS.items():
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=option.kind.read,
            action="append" if isinstance(option.kind, Stops) else "store",
            metavar=option.metavar,
            help=option.help,
        )


def conversation(args: argparse.Namespace, *, chat: bool = False) -> client.Conversation:
    """Open a conversation with the options of the command line."""
    opened = client.Conversation(chat=chat)
    try:
        given = {name: value for name in DESCRIPTIONS if (value := getattr(args, name)) is not None}
        if args.stop:
            given["stop"] = tuple(args.stop)
        opened.set_options(replace(opened.options(), **given))
    except BaseException:
        opened.close()
        raise
    return opened


def show(asked: client.Conversation, text: str) -> None:
    """Ask a prompt and print the answer as it is made."""
    for piece in asked.stream(text):
        print(piece, end="", flush=True)


def ask(args: argparse.Namespace) -> None:
    """Ask one prompt. Text on standard input is put before it."""
    context = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip()
    text = f"{context}\n\n{args.prompt}" if context else args.prompt
    with conversation(args) as asked:
        show(asked, text)


def chat(args: argparse.Namespace) -> None:
    """Hold a dialogue. Each line of input is a turn; /reset begins a new dialogue."""
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
    """Show the model and the state of the module, for people."""
    with explained("cannot read the status"):
        print((uapi.ROOT / "status").read_text(), end="")


def stats(args: argparse.Namespace) -> None:
    """Show the figures of the module, for programs."""
    import time

    clear = "\x1b[H\x1b[J" if args.watch and sys.stdout.isatty() else ""
    while True:
        lines = [f"{key} {value}" for key, value in client.stats().items()]
        print(f"{clear}{chr(10).join(lines)}")
        if args.watch is None:
            return
        print(end="" if clear else "\n", flush=True)
        time.sleep(args.watch)


def options(args: argparse.Namespace) -> None:
    """Show or change the options of this terminal, as in `llamux options seed=7 top_k=40`."""
    changes = [(key, value) for key, _, value in (word.partition("=") for word in args.change)]
    if args.reset:
        changes.insert(0, ("reset", ""))
    if changes:
        client.set_session_options(changes)
    else:
        print(client.session_options(), end="")


def models(_: argparse.Namespace) -> None:
    """List the loaded models. A star marks the default model."""
    for model in client.models():
        star = "*" if model.default else " "
        print(f"{star} {model.name:20} {model.bytes >> 20:6} MiB  {model.kind:8} {model.title}")


def use(args: argparse.Namespace) -> None:
    """Make a loaded model the default. Needs root."""
    client.set_model(args.name)


def bench(args: argparse.Namespace) -> None:
    """Measure the speed of the module in tokens per second."""
    import json
    from dataclasses import asdict

    from llamux import bench as measure

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
    """Find out what is missing on this machine, and how to get it."""
    from llamux.doctor import access, findings

    loaded = uapi.ROOT.is_dir()
    for finding in [access(uapi.ROOT)] if loaded else findings():
        print(f"{'missing' if finding.advice else 'ok':8} {finding.what}")
        if finding.advice:
            print(f"{'':8} -> {finding.advice}")
    stats = client.stats()
    print(f"{'ok':8} the module is loaded: {stats['model']} with {stats['isa']}")
    with client.Conversation(Options(max_tokens=1)) as asked:
        asked.ask("Hello")
        first = asked.figures().first_token
        print(f"{'ok':8} the model answers: its first token took {first:.2f} s")


def positive(word: str) -> int:
    """Return a number of at least 1, or raise ValueError."""
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
    asking.add_argument("prompt", help="text in UTF-8")
    add_options(asking)
    add_options(verb(chat))
    verb(status)
    verb(stats).add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="repeat every SECONDS (default 2)",
    )
    changing = verb(options)
    changing.add_argument(
        "change", nargs="*", metavar="KEY=VALUE", help="option of the next answers and its value"
    )
    changing.add_argument("--reset", action="store_true", help="restore the defaults first")
    verb(models)
    verb(use).add_argument("name", metavar="NAME", help="name of a model: see `llamux models`")
    measuring = verb(bench)
    measuring.add_argument(
        "--repeats", type=positive, default=5, metavar="N", help="number of runs (default 5)"
    )
    measuring.add_argument(
        "--words", type=positive, default=128, metavar="N", help="words of the prompt (default 128)"
    )
    measuring.add_argument(
        "--max-tokens",
        type=positive,
        default=64,
        metavar="N",
        help="maximum number of tokens of the answer (default 64)",
    )
    measuring.add_argument(
        "--speculate",
        type=int,
        default=0,
        metavar="N",
        help="maximum number of draft tokens per pass (default 0)",
    )
    measuring.add_argument(
        "--model", default="", metavar="NAME", help="name of a model: see `llamux models`"
    )
    measuring.add_argument("--json", action="store_true", help="print JSON, for programs")
    verb(doctor)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb. Return 0, 1 after an error of one line, or 130 after Ctrl-C."""
    args = parser().parse_args(arguments)
    try:
        args.run(args)
        sys.stdout.flush()
    except (LlamuxError, ValueError) as error:
        print(f"🦙 {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has ended. Python would flush again at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0
