# SPDX-License-Identifier: GPL-2.0
"""The command line: one verb for each module in :mod:`harness.commands`.

A command module has a docstring, whose first line is the verb's help, and two
functions: ``configure(parser)`` adds its arguments, ``run(args)`` does the work
and returns the exit code. The verb is the module's name with ``-`` for ``_``.
"""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

from harness import commands
from harness.host.errors import HarnessError


def build_parser() -> argparse.ArgumentParser:
    """The parser with every verb."""
    parser = argparse.ArgumentParser(
        prog="python -m harness", description="Build, boot, check and measure Llamux."
    )
    verbs = parser.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")
    for info in sorted(pkgutil.iter_modules(commands.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        doc = (module.__doc__ or "").strip()
        verb = verbs.add_parser(
            info.name.replace("_", "-"),
            help=doc.splitlines()[0] if doc else None,
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(verb)
        verb.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; an expected failure is one line on stderr and its exit code."""
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except HarnessError as error:
        print(f"🦙 {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
