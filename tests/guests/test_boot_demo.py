# SPDX-License-Identifier: GPL-2.0
"""Check the demo: a prompt goes in, the model's answer and its figures come out."""

import re
import subprocess
import sys
import time

from harness.host.paths import ROOT
from harness.models import packaged

DEMO = [sys.executable, "-m", "harness", "demo"]


def test_demo_answers_and_gives_figures(arch: str) -> None:
    packaged.smollm2()
    started = time.monotonic()
    done = subprocess.run(
        [*DEMO, "--arch", arch, "--max-tokens", "4", "--prompt", 'It\'s "you", $HOME & 🦙?'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "🦙" in done.stderr
    (figures,) = [line for line in done.stderr.splitlines() if "tokens/s" in line]
    parts = re.fullmatch(
        r"🦙 4 tokens, first after ([\d.]+) s, ([\d.]+) tokens/s, Linux 6\.1\S+,"
        r" (TCG|KVM) \(.+\), integer path \w+",
        figures,
    )
    assert parts, figures
    assert 0 < float(parts[1]) < time.monotonic() - started
    assert float(parts[2]) > 0


def test_demo_says_why_the_module_does_not_load() -> None:
    done = subprocess.run(
        [*DEMO, "--module-args", "n_ctx=0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77
    assert done.stdout == ""
    assert "n_ctx is 0" in done.stderr
