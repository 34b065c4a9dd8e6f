# SPDX-License-Identifier: GPL-2.0
"""Each verb of the harness and of the client explains itself."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from harness.cli import main as harness_main
from harness.host.paths import ROOT
from llamux.cli import main as client_main

VERBS = sorted(
    path.stem.replace("_", "-")
    for path in (ROOT / "harness" / "commands").glob("*.py")
    if path.stem != "__init__"
)


def explained(
    main: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """Return what a command line's --help prints."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help names the verb and begins with its docstring, which is the overview's line."""
    text = explained(harness_main, [verb], capsys)
    assert text.startswith(f"usage: python -m harness {verb}")
    summary = text.split("\n\n")[1].splitlines()[0]
    assert len(summary) > 10
    overview = " ".join(explained(harness_main, [], capsys).split())
    assert f" {verb} {summary} " in f"{overview} "


@pytest.mark.parametrize(
    "verb", ["ask", "chat", "status", "stats", "options", "models", "use", "bench", "doctor"]
)
def test_a_verb_of_the_client_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(client_main, [verb], capsys).startswith(f"usage: llamux {verb}")


def test_the_program_has_help() -> None:
    """The verbs run as programs, too, not as a function only."""
    command = [sys.executable, "-m", "harness", "boot", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m harness boot")
    assert done.stderr == ""
