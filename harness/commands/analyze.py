# SPDX-License-Identifier: GPL-2.0
"""Analyze the sources statically, with every tool or some.

    python -m harness analyze
    python -m harness analyze --tool coccinelle --tool gcc

Prints what is neither fixed nor explained in harness/accepted_findings.toml,
and explanations that nothing needs any more. Exit code 1 where there is any.
"""

import argparse
import json
from dataclasses import asdict

from harness.analysis import findings as analysis
from harness.host import packages
from harness.host.progress import step


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--tool", action="append", choices=analysis.TOOLS, help="default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    packages.ensure(packages.ANALYSIS)
    tools = args.tool or list(analysis.TOOLS)
    accepted = analysis.explanations()
    verdicts = {}
    for tool in dict.fromkeys(tools):
        with step(tool):
            findings = analysis.TOOLS[tool]()
        verdicts[tool] = analysis.judge(findings, [e for e in accepted if e.tool == tool])
        if not args.json:
            explained = len(findings) - len(verdicts[tool].unexplained)
            print(f"{tool}: {len(findings)} findings, {explained} of them explained")
            for finding in verdicts[tool].unexplained:
                print(f"  {finding}")
            for explanation in verdicts[tool].unused:
                print(f"  explains nothing: {explanation}")
    if args.json:
        print(json.dumps({tool: asdict(verdict) for tool, verdict in verdicts.items()}))
    return int(any(v.unexplained or v.unused for v in verdicts.values()))
