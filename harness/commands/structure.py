# SPDX-License-Identifier: GPL-2.0
"""Count rooms, levels, arrows and circles of the source tree.

A room is a folder; an arrow leads from a room to one that it imports or includes; a level is
the longest path of arrows below a room. Rooms are printed from the top level down.
"""

import argparse

from harness.analysis import structure
from harness.host.paths import ROOT


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--rooms", action="store_true", help="list each room and what it uses")


def run(args: argparse.Namespace) -> int:
    """Print a line for each tree. Return 1 if a tree has a circle."""
    circles = 0
    for tree in structure.project(ROOT):
        levels = tree.levels
        circles += len(tree.circles)
        print(
            f"{tree.name}: {len(levels)} rooms, {max(levels.values()) + 1} levels,"
            f" {tree.n_arrows} arrows, {len(tree.circles)} circles;"
            f" {tree.files} files, {tree.references} references"
        )
        for circle in tree.circles:
            print(f"  circle: {', '.join(sorted(circle))}")
        if args.rooms:
            for room in sorted(levels, key=lambda r: (-levels[r], r)):
                print(f"  {levels[room]} {room}: {', '.join(sorted(tree.arrows[room])) or '-'}")
    return 1 if circles else 0
