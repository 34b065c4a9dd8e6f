# SPDX-License-Identifier: GPL-2.0
"""Ask the model in a guest's kernel one thing, and stream its answer.

The answer alone goes to stdout; what is under way, and a closing line of
figures, go to stderr.

    python -m harness demo --prompt 'What is a kernel module?' --arch aarch64
"""

import argparse
import shlex
import time

from harness.guests.guest import Guest, new_guest
from harness.guests.options import add_guest_options, guest_spec
from harness.host.architectures import GUESTS
from harness.host.progress import say, step, write_error, write_now

DEFAULT_PROMPT = "What is a kernel module?"

_PROMPT = "/proc/llamux/prompt"
_OPTIONS = "/proc/llamux/options"
_STATS = "/proc/llamux/stats"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--prompt", default=DEFAULT_PROMPT, help=f"default: {DEFAULT_PROMPT}")
    parser.add_argument("--arch", choices=GUESTS, default="x86_64")
    parser.add_argument(
        "--timeout", type=float, default=1800, metavar="S", help="seconds the answer may take"
    )
    parser.add_argument("--max-tokens", type=int, metavar="N", help="end the answer after N tokens")
    add_guest_options(parser)


def stats(guest: Guest) -> dict[str, str]:
    """The module's figures, as docs/procfs-abi.md names them."""
    lines = guest.check(f"cat {_STATS}").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if len(line.split()) > 1)


def figures(guest: Guest) -> str:
    """The closing line."""
    found = stats(guest)
    tokens = int(found["last_tokens"])
    first = int(found["last_ttft_us"]) / 1e6
    decode = int(found["last_decode_us"]) / 1e6
    # The first token comes out of the prompt's evaluation.
    speed = (tokens - 1) / decode if decode else 0.0
    parts = [
        f"{tokens} tokens",
        f"first after {first:.2f} s",
        f"{speed:.2f} tokens/s",
        f"Linux {guest.kernel.release}",
        str(guest.acceleration),
        f"integer path {found['isa']}",
    ]
    return ", ".join(parts)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    started = time.monotonic()
    guest = new_guest(guest_spec(args))
    say(f"Linux {guest.kernel.release} on {args.arch}, {guest.acceleration}")
    with step("boot and load"):
        guest.boot()
    try:
        for line in guest.log().splitlines():
            if "🦙" in line:
                say(line.partition("🦙")[2].strip())
        say(f"ready after {time.monotonic() - started:.1f} s")
        if args.max_tokens is not None:
            guest.check(f"echo max_tokens {args.max_tokens} > {_OPTIONS}")
        quoted = shlex.quote(args.prompt)
        say(f"guest# echo {quoted} > {_PROMPT}; cat {_PROMPT}")
        result = guest.run(
            f"printf %s {quoted} > {_PROMPT} && exec cat {_PROMPT}",
            timeout=args.timeout,
            on_output=write_now,
            on_errors=write_error,
        )
        if result.exit_code:
            return result.exit_code
        if not result.output.endswith(b"\n"):
            write_now(b"\n")
        say(figures(guest))
        guest.assert_clean_log()
        return 0
    finally:
        guest.close()
