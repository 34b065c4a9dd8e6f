# SPDX-License-Identifier: GPL-2.0
"""Pages for people: links lead somewhere, and examples are right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import llamux
from harness.core.options import Options
from harness.core.session import Model, Session
from harness.host.paths import INCLUDE, LIBRARY, ROOT
from harness.models import packaged

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

TEXTS = {
    b"Thank you, this works very well.": True,
    b"The program crashed and I lost my work.": False,
    b"Great support, fast and friendly.": True,
    b"Nothing works any more.": False,
    b"Easy to install, and it just works.": True,
    b"What a waste of time.": False,
}
"""Texts, and whether they are positive."""


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_example_in_c_compiles(tmp_path: Path) -> None:
    (source,) = blocks(ROOT / "docs" / "libllamux.md", "c")
    (tmp_path / "example.c").write_text(source)
    command = ["gcc", "-Wall", "-Wextra", "-Werror", f"-I{LIBRARY}", f"-I{INCLUDE}", "example.c"]
    subprocess.run([*command, str(LIBRARY / "llamux.c"), "-o", "x"], cwd=tmp_path, check=True)


def test_the_example_in_python_knows_the_client(tmp_path: Path) -> None:
    """Run the example against a client whose conversations answer nothing."""
    (source,) = blocks(ROOT / "docs" / "llamux.md", "python")
    used = re.findall(r"llamux\.(\w+)", source)
    assert used
    assert all(hasattr(llamux, name) for name in used)
    fake = """
import llamux, types
figures = types.SimpleNamespace(ttft_us=0)
methods = {"stream": lambda *_: iter(()), "ask": lambda *_: "", "figures": lambda *_: figures,
           "__enter__": lambda self: self, "__exit__": lambda *_: None,
           "__init__": lambda *_, **__: None}
llamux.Conversation = type("Conversation", (), methods)
llamux.query = lambda *_: ""
"""
    for name in re.findall(r"conversation\.(\w+)\(", source):
        assert hasattr(llamux.Conversation, name), name
    subprocess.run([sys.executable, "-c", fake + source], cwd=ROOT, check=True)


def test_the_judge_is_right() -> None:
    """The system prompt of the kernel API's example gives right answers with the demo's model."""
    (system,) = re.findall(r'request\.system = "(.*)";', (ROOT / "docs/kernel-api.md").read_text())
    candidates = [b"positive", b"negative"]
    with Model(packaged.smollm2()) as model, Session(model, 512) as session:
        for text, positive in TEXTS.items():
            scores = list(session.score(text, candidates, Options(system=system)))
            assert (scores[0].log_prob > scores[1].log_prob) == positive, text
