# SPDX-License-Identifier: GPL-2.0
"""Static analysis: each tool sees a fault, and what it sees is judged."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis import coccinelle
from harness.analysis import findings as analysis
from harness.analysis.findings import Explanation, Finding
from harness.cli import main
from harness.host.architectures import ARCHITECTURES, KERNELS
from harness.host.errors import HarnessError
from harness.kernels import find as kernels
from harness.native import build
from tests.support.tracked import tracked

LINES = {
    "kbuild": "kmod/main.c:12:5: warning: symbol 'x' was not declared. Should it be static?",
    "checkpatch": "kmod/main.c:12: CHECK:SPACING: spaces preferred around that '+' (ctx:VxV)",
    "kernel-doc": "kmod/main.c:12: warning: No description found for return value of 'f'",
    "coccinelle": "kmod/main.c:12:2-9: WARNING: NULL check before some freeing functions",
    "gcc": "harness/native/../../kmod/main.c:12:9: warning: leak of 'p' [-Wanalyzer-malloc-leak]",
    "clang": "kmod/main.c:12:9: warning: Division by zero [core.DivideZero]",
    "kernel-gcc": "kmod/main.c:12:9: warning: double-'free' of 'p' [-Wanalyzer-double-free]",
    "kernel-clang": "kmod/main.c:12:9: warning: Use of memory after it is freed [unix.Malloc]",
}
NOISE = """\
In file included from kmod/a.h:3,
                 from kmod/a.c:4:
kmod/a.c: In function 'f':
kmod/a.c:7:3: note: Assuming 'p' is null
1 warning generated.
"""
FINDING = Finding("gcc", "kmod/a.c", 7, "warning: leak of 'p' [CWE-401]")
EXPLANATION = Explanation("gcc", "kmod/a.c", r"leak of '\w'", "The arena is the caller's.")

HEAD = "// SPDX-License-Identifier: GPL-2.0\n"
PATCHABLE = """\
#include <linux/slab.h>

void f(void *p);
void f(void *p)
{
	if (p)
		kfree(p);
}
"""
LEAK = """\
#include <stdlib.h>

int f(int n);
int f(int n)
{
	char *p = malloc(4);

	if (!p)
		return 0;
	if (n)
		return 1;
	free(p);
	return p[0];
}
"""
KERNEL_LEAK = """\
#include <linux/slab.h>

int f(int n);
int f(int n)
{
	char *p = kvcalloc(n, 4, GFP_KERNEL);

	if (!p)
		return 0;
	if (n > 4)
		return 1;
	kvfree(p);
	return p[0];
}
"""
UNDOCUMENTED = """\
/**
 * f() - Do it.
 * @a: How often.
 */
int f(int a, int b);
"""


@pytest.mark.parametrize("tool", analysis.TOOLS)
def test_a_finding_is_read(tool: str) -> None:
    (found,) = analysis.parse(tool, f"{NOISE}{LINES[tool]}\n{LINES[tool]}\n")
    assert (found.tool, found.file, found.line) == (tool, "kmod/main.c", 12)
    assert LINES[tool].endswith(found.text)


def test_every_file_is_analyzed() -> None:
    """But for those of one instruction set."""
    files = {path for path in tracked() if path.suffix == ".c"}
    left = files - {*analysis.program_sources(), *analysis.kernel_sources()}
    assert {path.stem for path in left} == set(build.SIMD_FLAGS)


def test_checkpatch_has_no_unexplained_complaint() -> None:
    assert analysis.judge(analysis.by_checkpatch(), analysis.explanations()).unexplained == []


def test_documentation_is_whole() -> None:
    assert analysis.by_kernel_doc() == []


def by_kbuild(files: Sequence[Path]) -> list[Finding]:
    (file,) = files
    (file.parent / "Kbuild").write_text(f"obj-m := {file.stem}.o\n")
    target = kernels.kernel(ARCHITECTURES["x86_64"], KERNELS[0])
    return analysis.by_kbuild([target], file.parent)


@pytest.mark.parametrize(
    ("find", "text", "fault"),
    [
        (
            by_kbuild,
            "#include <linux/module.h>\nint *f(void);\nint *f(void) { return 0; }\n"
            'MODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("x");\n',
            "plain integer as NULL",
        ),
        (analysis.by_checkpatch, f"{HEAD}int f(int a){{return a;}}\n", "ERROR:SPACING"),
        (analysis.by_checkpatch, f"{HEAD}static int a = (1<<2);\n", "CHECK:SPACING"),
        (analysis.by_coccinelle, PATCHABLE, "NULL check before some freeing functions"),
        (analysis.by_gcc, LEAK, "Wanalyzer-malloc-leak"),
        (analysis.by_gcc, LEAK, "Wanalyzer-use-after-free"),
        (analysis.by_clang, LEAK, "unix.Malloc"),
        (analysis.by_kernel_gcc, KERNEL_LEAK, "Wanalyzer-malloc-leak"),
        (analysis.by_kernel_gcc, KERNEL_LEAK, "Wanalyzer-use-after-free"),
        (analysis.by_kernel_clang, KERNEL_LEAK, "Potential leak"),
        (analysis.by_kernel_clang, KERNEL_LEAK, "Use of memory after it is freed"),
        (analysis.by_kernel_doc, UNDOCUMENTED, "'b' not described"),
        (analysis.by_kernel_doc, UNDOCUMENTED, "return value"),
    ],
)
def test_a_planted_fault_is_found(
    find: Callable[[Sequence[Path]], list[Finding]], text: str, fault: str, tmp_path: Path
) -> None:
    file = tmp_path / "planted.c"
    file.write_text(text)
    found = [finding for finding in find([file]) if fault in finding.text]
    assert found
    assert all(finding.file.endswith("planted.c") and finding.line for finding in found)


def test_what_spatch_cannot_read_is_found(tmp_path: Path) -> None:
    file = tmp_path / "planted.c"
    file.write_text("void f(void)\n{\n\tint = = 3;\n}\n")
    (found,) = analysis.parse("coccinelle", coccinelle.unread([file]))
    assert (found.line, found.text) == (3, "not read: int = = 3;")


def test_a_compiler_that_fails_is_no_silence(tmp_path: Path) -> None:
    file = tmp_path / "planted.c"
    file.write_text("int f(\n")
    for find in (
        analysis.by_gcc,
        analysis.by_clang,
        analysis.by_kernel_gcc,
        analysis.by_kernel_clang,
    ):
        with pytest.raises(HarnessError, match="failed"):
            find([file])


def test_judgement() -> None:
    accepted = [EXPLANATION]
    assert analysis.judge([FINDING], accepted) == analysis.Verdict([], [])
    everywhere = replace(EXPLANATION, file="kmod/*")
    assert analysis.judge([FINDING], [everywhere]) == analysis.Verdict([], [])
    assert analysis.judge([FINDING], []) == analysis.Verdict([FINDING], [])
    assert analysis.judge([], accepted) == analysis.Verdict([], accepted)
    for other in (
        Finding("clang", FINDING.file, 7, FINDING.text),
        Finding("gcc", "kmod/b.c", 7, FINDING.text),
        Finding("gcc", FINDING.file, 7, "warning: use after free"),
    ):
        assert analysis.judge([other], accepted) == analysis.Verdict([other], accepted)


@pytest.mark.parametrize(
    "text",
    [
        "accepted = 3",
        "",
        "[[accepted]]\ntool = 'gcc'\nfile = 'a.c'\npattern = 'x'\n",
        "[[accepted]]\ntool = 'gcc'\nfile = 'a.c'\npattern = 'x'\nreason = ' '\n",
        "[[accepted]]\ntool = 'gcc'\nfile = 'a.c'\npattern = '('\nreason = 'r'\n",
        "[[accepted]]\ntool = 'lint'\nfile = 'a.c'\npattern = 'x'\nreason = 'r'\n",
        "[[accepted]",
    ],
    ids=["number", "empty", "no reason", "blank reason", "bad pattern", "no such tool", "no toml"],
)
def test_an_explanation_is_whole(text: str, tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    path.write_text(text)
    with pytest.raises(HarnessError, match=r"accepted\.toml"):
        analysis.explanations(path)


@pytest.mark.parametrize(
    ("findings", "accepted", "code"),
    [([], [], 0), ([FINDING], [EXPLANATION], 0), ([FINDING], [], 1), ([], [EXPLANATION], 1)],
    ids=["nothing", "explained", "unexplained", "explains nothing"],
)
def test_the_verb(
    findings: list[Finding],
    accepted: list[Explanation],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(analysis.TOOLS, "gcc", lambda: findings)
    monkeypatch.setattr(analysis, "explanations", lambda: accepted)
    assert main(["analyze", "--tool", "gcc"]) == code
    shown = capsys.readouterr().out
    assert (str(FINDING) in shown) == bool(findings and not accepted)
    assert (str(EXPLANATION) in shown) == bool(accepted and not findings)
    assert main(["analyze", "--tool", "gcc", "--json"]) == code
    verdict = json.loads(capsys.readouterr().out)["gcc"]
    assert bool(verdict["unexplained"] or verdict["unused"]) == bool(code)
