# SPDX-License-Identifier: GPL-2.0
"""The command line: one verb for each module in :mod:`harness.commands`.

A command module has a docstring, whose first line is the verb's help, and two functions:
``configure(parser)`` adds its arguments, ``run(args)`` runs the verb and returns the exit code.
The verb is the module's name with ``-`` for ``_``. Only the module of the verb that was named is
imported.
"""

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import commands
from harness.host.errors import HarnessError


def _documentation(file: Path) -> str:
    """Return the docstring of a module that is not imported."""
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def build_parser(named: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all verbs; only the verb ``named`` has its arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m harness", description="Build, boot, check and measure Llamux."
    )
    verbs = parser.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")
    for file in sorted(Path(commands.__path__[0]).glob("[!_]*.py")):
        doc = _documentation(file)
        verb = verbs.add_parser(
            file.stem.replace("_", "-"),
            help=doc.partition("\n")[0] or None,
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if file.stem.replace("_", "-") == named:
            module = importlib.import_module(f"{commands.__name__}.{file.stem}")
            module.configure(verb)
            verb.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; an expected failure is one line on stderr and its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    args = build_parser(next(iter(arguments), None)).parse_args(arguments)
    try:
        return int(args.run(args))
    except HarnessError as error:
        print(f"🦙 {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
