# SPDX-License-Identifier: GPL-2.0
"""The module builds without a word from compiler, sparse or modpost."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.host.architectures import ARCHITECTURES, KERNELS
from harness.host.errors import SetupError
from harness.host.paths import ROOT
from harness.kernels import find
from harness.kernels import module as kbuild_module

SAMPLES = ROOT / "kmod" / "samples"


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_compiler_and_sparse_have_no_complaint(machine: str, kernel: str) -> None:
    target = find.kernel(ARCHITECTURES[machine], kernel)
    module = kbuild_module.build(target, checked=True)
    sample = kbuild_module.build(target, SAMPLES, checked=True, against=module)
    for build in (module, sample):
        assert "  CHECK " in build.log
        assert kbuild_module.own_warnings(build) == []


def test_the_sample_needs_what_the_module_exports() -> None:
    target = find.kernel(ARCHITECTURES["x86_64"], KERNELS[0])
    other = kbuild_module.build(target, ROOT / "fixtures" / "faults")
    with pytest.raises(SetupError, match=r'"llamux_\w+".* undefined') as failed:
        kbuild_module.build(target, SAMPLES, against=other)
    # The message shows one symbol, in modpost's order; the log has all of them.
    log = re.search(r"all output: (.+)\)", str(failed.value))
    assert log is not None
    missing = set(re.findall(r'"(\w+)" \[.*\] undefined', Path(log[1]).read_text()))
    assert missing == {"llamux_ask", "llamux_cancel", "llamux_score"}


def test_clones_share_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = find.kernel(ARCHITECTURES["x86_64"], KERNELS[0])
    built = kbuild_module.build(target, ROOT / "fixtures" / "faults")
    clone = shutil.copytree(ROOT / "fixtures" / "faults", tmp_path / "fixtures" / "faults")
    monkeypatch.setattr(kbuild_module, "ROOT", tmp_path)
    assert kbuild_module.build(target, clone) == built
    (clone / "faults.c").open("a").write("/* */\n")
    assert kbuild_module.build(target, clone) != built


def test_warnings_are_seen(tmp_path: Path) -> None:
    (tmp_path / "Kbuild").write_text("obj-m := w.o\n")
    (tmp_path / "w.c").write_text(
        "#include <linux/module.h>\nstatic int unused;\nint *f(void);\nint *f(void) { return 0; }\n"
        'MODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("x");\n'
    )
    target = find.kernel(ARCHITECTURES["x86_64"], KERNELS[0])
    build = kbuild_module.build(target, tmp_path, checked=True)
    assert any("unused" in line for line in build.warnings)
    assert any("plain integer as NULL" in line for line in kbuild_module.own_warnings(build))


def test_plain_make_needs_no_python(tmp_path: Path) -> None:
    """The module is built against a kernel's headers by make alone."""
    target = find.kernel(ARCHITECTURES["x86_64"], KERNELS[0])
    tree = tmp_path / "tree"
    ignore = shutil.ignore_patterns("*.o", "*.ko", "*.mod*", ".*")
    shutil.copytree(ROOT / "kmod", tree / "kmod", ignore=ignore)
    for name in ("Kbuild", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    before = set(tree.rglob("*"))
    for name in ("python", "python3"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\nexit 99\n")
        program.chmod(0o755)
    make = subprocess.run(
        ["make", f"KDIR={target.headers}", "W=1", "V=1"],
        cwd=tree,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert make.returncode == 0, make.stdout + make.stderr
    assert (tree / "llamux.ko").exists()
    assert "-DKBUILD_EXTRA_WARN1" in make.stdout  # W=1 has arrived at the kernel's makefiles
    made = {str(p.relative_to(tree)) for p in set(tree.rglob("*")) - before if p.is_file()}
    assert made - ignored(tree, made) == set()
    assert ignored(tree, {"kmod/main.c", "llamux.ko"}) == {"llamux.ko"}
    root = tmp_path / "root"
    installed = root / "lib" / "modules" / target.release / "updates" / "llamux.ko"
    for goal, is_there in (("install", True), ("uninstall", False)):
        command = [
            "make",
            goal,
            f"KDIR={target.headers}",
            f"INSTALL_MOD_PATH={root}",
            "DEPMOD=true",
        ]
        subprocess.run(command, cwd=tree, check=True, capture_output=True)
        assert installed.is_file() == is_there


def ignored(tree: Path, names: set[str]) -> set[str]:
    """Return the files that git ignores."""
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=tree,
        input="\n".join(names),
        stdout=subprocess.PIPE,
        text=True,
        check=False,  # 1: none is ignored
    )
    return set(done.stdout.splitlines())


def test_plain_make_says_what_is_missing(tmp_path: Path) -> None:
    make = subprocess.run(
        ["make", f"KDIR={tmp_path}/none"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert make.returncode != 0
    assert "linux-headers-" in make.stderr
