# SPDX-License-Identifier: GPL-2.0
"""Answer a prompt, natively or in a guest; the answer has the same bytes everywhere.

With --figures a native answer ends with a line on standard error: tokens, time to
the first one, tokens per second, threads, and the path that multiplied the weights.
"""

import argparse
import sys
import time

from harness.core.library import ISAS, path_name, select_isa
from harness.core.options import CHAT_NONE, DEFAULT_N_CTX, MAX_DRAFT, TEMPLATE_AUTO, Options
from harness.core.sampler import parse_q16
from harness.core.session import Model, Session, default_threads
from harness.guests.guest import Guest
from harness.host.architectures import DEBUG_KERNELS, KERNELS
from harness.host.errors import HarnessError, UsageError
from harness.models.catalog import resolve


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, or smollm2")
    parser.add_argument("--prompt", required=True, help="the text to answer")
    parser.add_argument(
        "--max-tokens", type=int, default=256, help="tokens of the answer (default 256)"
    )
    parser.add_argument(
        "--raw", action="store_true", help="continue the text without a chat template"
    )
    parser.add_argument(
        "--temperature", default="0", help="0 (the default) takes the likeliest token"
    )
    parser.add_argument(
        "--top-k", type=int, default=0, help="keep this many tokens; 0 (the default) keeps all"
    )
    parser.add_argument(
        "--top-p", default="1", help="keep the likeliest tokens that have this probability together"
    )
    parser.add_argument(
        "--min-p", default="0", help="drop tokens that are less likely than this times the best"
    )
    parser.add_argument("--repeat-penalty", default="1", help="1 (the default) switches it off")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random generator (default 0)"
    )
    parser.add_argument("--system", help="system prompt (default: the file's own)")
    parser.add_argument(
        "--speculate",
        type=int,
        default=MAX_DRAFT,
        metavar="N",
        help=f"most tokens to guess ahead, 0 to {MAX_DRAFT} (the default)",
    )
    parser.add_argument(
        "--isa", choices=ISAS, help="native: path that multiplies (default: the fastest)"
    )
    parser.add_argument(
        "--threads", type=int, help="native: number of threads (default: one for each processor)"
    )
    parser.add_argument("--figures", action="store_true", help="native: print the speed")
    parser.add_argument(
        "--on",
        default="native",
        choices=["native", "qemu-x86_64", "qemu-aarch64", "uml"],
        help="where to compute (default native)",
    )
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="guest's kernel: Debian's series, or one that finds faults (default 6.1, uml 6.12)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    if args.max_tokens < 1:
        raise UsageError("--max-tokens must be at least 1")
    if not 0 <= args.speculate <= MAX_DRAFT:
        raise UsageError(f"--speculate must be from 0 to {MAX_DRAFT}")
    if not args.prompt:
        raise UsageError("--prompt is empty: give the text to answer")
    if args.on == "native":
        _answer_native(args)
    else:
        _answer_in_guest(args)
    return 0


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _answer_native(args: argparse.Namespace) -> None:
    options = Options(
        temperature=parse_q16(args.temperature),
        top_k=args.top_k,
        top_p=parse_q16(args.top_p),
        min_p=parse_q16(args.min_p),
        repeat_penalty=parse_q16(args.repeat_penalty),
        seed=args.seed,
        max_tokens=args.max_tokens,
        chat=CHAT_NONE if args.raw else TEMPLATE_AUTO,
        system=args.system,
        speculate=args.speculate,
    )
    threads = default_threads() if args.threads is None else args.threads
    select_isa(args.isa)
    with (
        Model(resolve(args.model)) as model,
        Session(model, min(DEFAULT_N_CTX, model.n_ctx_train), threads=threads) as session,
    ):
        start = first = time.perf_counter()
        for piece in session.answer(args.prompt.encode(), options):
            if first == start:
                first = time.perf_counter()
            _write(piece)
        seconds = time.perf_counter() - first
        counts = session.counts()
    if args.figures:
        print(
            f"🦙 {counts.prompt} tokens answered with {counts.answer}, the first after "
            f"{(first - start) * 1000:.0f} ms, then {(counts.answer - 1) / seconds:.1f} tokens/s, "
            f"{counts.accepted} of {counts.drafted} guesses right, "
            f"{threads} {'thread' if threads == 1 else 'threads'}, "
            f"integer path {path_name()}",
            file=sys.stderr,
        )


def _answer_in_guest(args: argparse.Namespace) -> None:
    options = {
        "temperature": args.temperature,
        "top_k": args.top_k,
        "top_p": args.top_p,
        "min_p": args.min_p,
        "repeat_penalty": args.repeat_penalty,
        "seed": args.seed,
        "max_tokens": args.max_tokens,
        "speculate": args.speculate,
        "template": "none" if args.raw else "auto",
    }
    if args.system is not None:
        options["system"] = args.system
    files = {
        "/options": "".join(f"{key} {value}\n" for key, value in options.items()).encode(),
        # The module takes one newline off the end, as `echo` puts one there.
        "/prompt": args.prompt.encode() + b"\n",
    }
    arch = args.on.removeprefix("qemu-")
    with Guest(arch, args.kernel, model=resolve(args.model), files=files) as guest:
        guest.check("cat /options > /proc/llamux/options && cat /prompt > /proc/llamux/prompt")
        done = guest.run("cat /proc/llamux/prompt", timeout=3600, on_output=_write)
        if done.exit_code:
            raise HarnessError(f"reading the answer failed: {done.errors.decode(errors='replace')}")
