# SPDX-License-Identifier: GPL-2.0
"""The KUnit suites pass in User-mode Linux, and a failure among them is noticed."""

import re
from functools import cache

import pytest

from harness.checks import kunit
from harness.host.architectures import UML
from harness.host.paths import ROOT
from harness.kernels import find, module
from harness.vectors import files

KTAP = """\
[    0.290000] llamux_kunit: loading out-of-tree module taints kernel.
[    0.300000] KTAP version 1
[    0.300000] 1..2
[    0.300000]     KTAP version 1
[    0.300000]     # Subtest: one
[    0.300000]     1..2
[    0.300000]     ok 1 a_test
[    0.310000]         KTAP version 1
[    0.310000]         # Subtest: b_test
[    0.310000]         ok 1 generic
[    0.310000]         ok 2 swar
[    0.310000]     # b_test: pass:2 fail:0 skip:0 total:2
[    0.310000]     ok 2 b_test
[    0.310000] ok 1 one
[    0.320000]     KTAP version 1
[    0.320000]     # Subtest: two
[    0.320000]     1..1
[    0.320000]     ok 1 c_test
[    0.320000] ok 2 two
"""


def test_a_report_is_read() -> None:
    report = kunit.parse(KTAP)
    assert (report.suites, report.failures, report.passed) == (("one", "two"), (), 7)
    assert report.ktap.startswith("KTAP version 1\n1..2\n")


@pytest.mark.parametrize(
    ("old", "new", "failure"),
    [
        ("        ok 2 swar", "        not ok 2 swar", "not ok 2 swar"),
        ("ok 1 c_test", "ok 1 c_test # SKIP no reason", "ok 1 c_test # SKIP no reason"),
        ("[    0.320000] ok 2 two\n", "", "2 suites were announced, 1 came to an end"),
        (KTAP, "", "0 suites were announced, 0 came to an end"),
    ],
    ids=["failed", "skipped", "cut", "empty"],
)
def test_a_failure_is_noticed(old: str, new: str, failure: str) -> None:
    assert old in KTAP
    assert kunit.parse(KTAP.replace(old, new)).failures == (failure,)


def suites() -> set[str]:
    """The names in kmod/tests."""
    names = set()
    for path in (ROOT / "kmod" / "tests").glob("*_kunit.c"):
        (name,) = re.findall(r"^\t\.name = \"(.*)\",$", path.read_text(), re.MULTILINE)
        names.add(name)
    return names


@cache
def build() -> module.ModuleFiles:
    """With every warning that there is."""
    return module.build(find.kernel(UML), make_args=kunit.MAKE_ARGS, checked=True)


@pytest.mark.parametrize("arch", [UML.name])
def test_compiler_and_sparse_have_no_complaint(arch: str) -> None:
    assert "  CHECK   kmod/tests/fixed_kunit.c" in build().log
    assert module.own_warnings(build()) == []


@pytest.mark.parametrize("arch", [UML.name])
def test_the_suites_pass(arch: str) -> None:
    report = kunit.run(arch, module=build().module)
    assert report.failures == ()
    assert set(report.suites) == suites()


@pytest.mark.parametrize("arch", [UML.name])
def test_another_model_fails(arch: str) -> None:
    """One golden file is exchanged for another, and one that is malformed for a sound one."""
    found = files.in_guest()
    golden = f"{files.GUEST_FOLDER}/tiny-256-Q4_0.gguf"
    found[golden] = found[f"{files.GUEST_FOLDER}/tiny-256-Q4_1.gguf"]
    found[f"{files.GUEST_FOLDER}/malformed/score-nan.gguf"] = found[golden]
    report = kunit.run(arch, module=build().module, guest_files=found)
    failed = {failure.split()[-1] for failure in report.failures}
    assert {"refused_test", "llamux-gguf", "logits_test", "llamux-llama"} <= failed
    assert "llamux-fixed" not in failed
    assert "tiny-256-Q4_0, 13 at a time" in report.ktap
