# SPDX-License-Identifier: GPL-2.0
"""The command line imports the verb that is named, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import commands
from harness.cli import build_parser
from harness.host.paths import ROOT


def imported(*arguments: str) -> set[str]:
    """Return the modules of verbs that ``--help`` with the arguments imports."""
    code = (
        "import sys\nfrom harness.cli import main\n"
        f"try:\n    main({[*arguments, '--help']!r})\n"
        "finally:\n    print(*(m for m in sys.modules if m.startswith('harness.commands.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_only_the_named_verb_is_imported() -> None:
    assert imported() == set()
    assert imported("make-model") == {"harness.commands.make_model"}


def test_help_lists_every_verb_with_its_first_line() -> None:
    text = " ".join(build_parser().format_help().split())
    files = [f for f in Path(commands.__path__[0]).glob("*.py") if f.stem != "__init__"]
    assert len(files) > 20
    for file in files:
        first = file.read_text().split('"""')[1].splitlines()[0]
        assert f"{file.stem.replace('_', '-')} {' '.join(first.split())}" in text


def test_unknown_verb_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser("nothing").parse_args(["nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err
