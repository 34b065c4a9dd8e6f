# SPDX-License-Identifier: GPL-2.0
"""User-mode Linux: a guest like the others, as fast as its host."""

import errno
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core import library
from harness.guests import errors, uml
from harness.guests.errors import GuestError
from harness.guests.guest import Guest, new_guest
from harness.guests.spec import GuestSpec
from harness.host import patience
from harness.host.architectures import UML
from harness.host.paths import ROOT
from harness.kernels import module as kbuild_module
from harness.models import packaged
from harness.models.synthetic import make_model
from harness.vectors import goldens
from tests.support import lab as guest_lab
from tests.support.lab import insmod, loaded, logits_sha256

pytestmark = [
    pytest.mark.debug_kernel("kasan"),
    pytest.mark.parametrize("arch", [UML.name]),
]

FAULTS = ROOT / "fixtures" / "faults"


def harness(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a verb as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=ROOT,
        capture_output=True,
        timeout=patience.scaled(300),
        check=False,
    )


def processes(mark: str) -> list[Path]:
    """Those of this machine that have a word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(folder)
        except OSError:
            continue  # it has just ended
    return found


def test_ports_are_exact_and_apart(bare_guest: Guest) -> None:
    data = bytes(range(256)) * 150 + b"\x1e" * 40
    bare_guest.put_file("/tmp/data", data)
    result = bare_guest.run("cat /tmp/data; echo err >&2; echo '<3>to the log' >/dev/kmsg; exit 7")
    assert (result.output, result.errors, result.exit_code) == (data, b"err\n", 7)
    assert "to the log" in bare_guest.log()


def test_interrupt_is_a_real_one(bare_guest: Guest) -> None:
    command = bare_guest.start("trap 'echo caught; exit 9' INT; echo begun; sleep 60 & wait")
    command.read_until(lambda output: output == b"begun\n")
    command.interrupt()
    result = command.wait(20)
    assert (result.output, result.exit_code) == (b"begun\ncaught\n", 9)


def test_big_files_stay_outside(arch: str, tmp_path: Path) -> None:
    """A guest with less memory than its file reads all of it, and cannot change it."""
    folder = tmp_path / "a folder\\040"
    folder.mkdir()
    (folder / "file").write_bytes(b"0123456789abcdef" * (4 << 20))
    (folder / "small").write_bytes(b"small")
    files: dict[str, bytes | Path] = {"/big": folder / "file", "/etc/small": folder / "small"}
    with new_guest(
        GuestSpec(arch, module=None, load_module=False, files=files, memory=48)
    ) as guest:
        assert int(guest.check("cat /big | wc -c")) == 64 << 20
        assert guest.check("tail -c 16 /big") == "0123456789abcdef"
        assert guest.run("echo >>/big").exit_code == 1
        assert guest.check("echo ' file' >>/etc/small; cat /etc/small") == "small file\n"
    assert (folder / "small").read_bytes() == b"small"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("warning", errors.GuestWarning),
        ("oops", errors.GuestPanic),  # a fault in its kernel is one
        ("bug", errors.GuestBug),
        ("panic", errors.GuestPanic),
    ],
)
def test_a_broken_kernel_fails_at_once(arch: str, kind: str, error: type[GuestError]) -> None:
    module = kbuild_module.build_module(arch, source=FAULTS)
    with new_guest(GuestSpec(arch, load_module=False, module=module)) as guest:
        clock = patience.Clock()
        with pytest.raises(error) as caught:
            guest.run(f"insmod /lib/modules/llamux.ko kind={kind}; sleep 100")
        assert clock.seconds() < 10
        assert type(caught.value) is error
        assert "on purpose" in caught.value.log or kind == "oops"


def test_a_lost_guest_is_no_failed_command(arch: str) -> None:
    for end in ("poweroff", "reboot"):
        with (
            new_guest(GuestSpec(arch, module=None, load_module=False)) as guest,
            pytest.raises(errors.GuestLost),
        ):
            guest.run(f"{end} -f; sleep 100")


def mapped_huge(guest: Guest) -> int:
    """Bytes of a guest's mapped memory (vmalloc) that the host has in huge pages."""
    sizes: list[int] = []
    huge: list[int] = []
    for line in Path(f"/proc/{guest.pid}/smaps").read_text().splitlines():
        key, *values = line.split()
        if key == "Size:":
            sizes.append(int(values[0]) << 10)
        elif key == "ShmemPmdMapped:":
            huge.append(int(values[0]) << 10)
    # The biggest is all of its memory, one to one.
    return sum(huge) - huge[sizes.index(max(sizes))]


def test_weights_are_in_huge_pages(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host lets them; a guest without a big file, or of another host, does without."""
    assert uml.huge_pages(), "this host mounts no tmpfs of huge pages: run as root"
    assert mapped_huge(guest) > 0.9 * packaged.smollm2().stat().st_size
    with new_guest(GuestSpec(UML.name, module=None, load_module=False)) as small:
        assert mapped_huge(small) == 0
    monkeypatch.setattr(uml, "huge_pages", lambda: False)
    with new_guest(GuestSpec(UML.name, model=packaged.smollm2())) as elsewhere:
        assert mapped_huge(elsewhere) == 0
        assert logits_sha256(elsewhere, (1, 2, 3), 3) == logits_sha256(guest, (1, 2, 3), 3)


@pytest.mark.parametrize("memory", ["small pages", "huge pages", "huge pages of a user"])
def test_nothing_outlives_its_harness(arch: str, memory: str) -> None:
    """Processes of the guest are some of the host: killed with all the rest."""
    mark = f"mark_{secrets.token_hex(8)}"
    model = None if memory == "small pages" else packaged.smollm2()
    program = (
        "import os\n"
        "from pathlib import PosixPath\n"
        "from harness.guests.guest import new_guest\n"
        "from harness.guests.spec import GuestSpec\n"
        f"os.geteuid = lambda: {1000 * memory.endswith('user')}\n"
        f"spec = GuestSpec({arch!r}, model={model!r}, append={mark!r})\n"
        f"spec = spec if {model is not None} else spec.without_module()\n"
        "with new_guest(spec) as guest:\n"
        "    guest.run('echo begun; while :; do :; done',"
        " on_output=lambda data: print(data, flush=True))\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert b"begun" in child.stdout.readline()
        assert len(processes(mark)) > 2  # the kernel, the agent, the shell
        child.kill()
    clock = patience.Clock()
    while processes(mark) and clock.seconds() < 5:
        time.sleep(0.05)
    assert processes(mark) == []


def test_verbs(arch: str, tmp_path: Path) -> None:
    """`boot` returns what the command does; `generate` answers as without a guest."""
    model = str(make_model("tiny", "Q8_0", tmp_path / "tiny.gguf"))
    done = harness("boot", arch, "--model", model, "--", "cat /proc/llamux/status; nproc; exit 3")
    assert done.returncode == 3, done.stderr
    assert b"in Q8_0" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[-1] == b"1"
    ask = ("generate", model, "--raw", "--prompt", "It's $HOME & \\", "--max-tokens", "40", "--on")
    native, guest = harness(*ask, "native"), harness(*ask, arch)
    assert native.returncode == guest.returncode == 0, guest.stderr
    assert native.stdout == guest.stdout != b""
    for option in (["--smp", "2"], ["--kernel", "6.1"], ["--accel", "tcg"]):
        assert harness("boot", arch, "--model", "none", *option, "--", "true").returncode == 2


@pytest.mark.usefixtures("arch")
def test_the_sample_of_the_docs() -> None:
    """The command in docs/kernel-api.md gives the result that stands below it."""
    page = (ROOT / "docs" / "kernel-api.md").read_text()
    pattern = r"^```\n(python -m harness boot uml .*?)```\n\n```\n(.*?)```"
    ((command, result),) = re.findall(pattern, page, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", command.replace("python", sys.executable, 1)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, result), done.stderr


def test_a_kernel_without_keys_takes_no_signature(lab: Guest) -> None:
    lab.check(f"cp {guest_lab.TINY} /tmp/t.gguf; echo signature >/tmp/t.gguf.p7s")
    with guest_lab.new_lines(lab) as lines:
        assert insmod(lab, "/tmp/t.gguf", "require_signature=1").exit_code == errno.EOPNOTSUPP
    message = "cannot be checked: this kernel verifies no signatures"
    assert set(lines) == {f"/tmp/t.gguf {message} (error -{errno.EOPNOTSUPP})"}
    with loaded(lab, "/tmp/t.gguf"):
        sha256 = lab.check("sha256sum /tmp/t.gguf").split()[0]
        assert guest_lab.stats(lab)["model_sha256"] == sha256


@pytest.mark.parametrize("isa", library.ISAS)
def test_goldens(lab: Guest, isa: str) -> None:
    """The golden integers of every type, by each path that the host's processor has."""
    # The module has AVX-VNNI's own encoding, which the library does without where it must.
    vnni = isa != "avxvnni" or "avx_vnni" in Path("/proc/cpuinfo").read_text().split()
    if isa not in library.usable_isas() or not vnni:
        assert insmod(lab, arguments=f"isa={isa}").exit_code != 0
        return
    fastest = isa == library.usable_isas()[-1]
    for golden in goldens.load():
        if not golden.tiny and not fastest:
            continue
        # One token at a time is the slow way: batches of 13 divide no fixture's length.
        batches = (1, 13) if golden.tiny and fastest else (13,)
        with loaded(lab, guest_lab.golden_path(golden), f"isa={isa}"):
            for batch in batches:
                assert logits_sha256(lab, golden.tokens, batch) == golden.sha256, golden.name
