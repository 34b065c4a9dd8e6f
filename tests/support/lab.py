# SPDX-License-Identifier: GPL-2.0
"""A guest with every model a test may want, and the module ready to be loaded with any."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from harness.guests.command import CommandResult
from harness.guests.guest import Guest
from harness.guests.spec import MODEL_PATH, MODULE_PATH, GuestSpec
from harness.host.architectures import architecture
from harness.host.paths import GUEST_PROGRAMS, LIBRARY, cache_dir
from harness.kernels import module as kbuild_module
from harness.models import malformed, packaged
from harness.models.synthetic import make_model
from harness.native import cross
from harness.vectors import goldens

PROMPT = "/proc/llamux/prompt"
CHAT = "/proc/llamux/chat"
CONTROL = "/proc/llamux/control"
OPTIONS = "/proc/llamux/options"
LOGITS = "/proc/llamux/logits"
DEBUG = "/sys/kernel/debug"
TOOLS = GUEST_PROGRAMS / "probes"
PROGRAMS = ("readiness", "crowd", "file_call", "fail_nth")
EXAMPLE = "/example"
TINY = "/models/tiny.gguf"
TINY_SPM = "/models/tiny-spm.gguf"
SMALL = "/models/small.gguf"
"""A random model of 12 MB, over which an emulated processor takes long enough to be disturbed."""

# ask TEXT [N]: the answer to a raw text, of N tokens at most.
ASK = b"""printf 'template none\\nmax_tokens %s\\n' "${2:-24}" >/proc/llamux/options || exit
printf %s "$1" >/proc/llamux/prompt || exit
cat /proc/llamux/prompt
"""


@cache
def files() -> dict[str, bytes | Path]:
    """Return the files of the guest beside the module: SmolLM2, tiny models, malformed files."""
    folder = cache_dir("lab")
    found: dict[str, bytes | Path] = {"/ask": ASK, MODEL_PATH: packaged.smollm2()}
    for shape in ("tiny", "tiny-spm"):
        found[f"/models/{shape}.gguf"] = make_model(shape, "Q8_0", folder / f"{shape}.gguf")
    small = folder / "small.gguf"
    found[SMALL] = make_model("small", "Q4_K_M", small, seed=4)  # its answers vary most
    for golden in goldens.load():
        found[golden_path(golden)] = golden.model_path()
    for name, _ in malformed.write_all(folder / "malformed"):
        found[f"/malformed/{name}"] = folder / "malformed" / name
    return found


def golden_path(golden: goldens.Golden) -> str:
    """Its model's file in the guest."""
    return f"/golden/{golden.name}.gguf" if golden.tiny else MODEL_PATH


def spec(arch: str, kernel: str | None = None) -> GuestSpec:
    """Return the specification of a lab: equal for all tests, so that they share a guest."""
    module = kbuild_module.build_module(arch, kernel)
    machine = architecture(arch).processor
    programs = {
        f"/{name}": cross.executable(TOOLS / f"{name}.c", machine, with_core=False)
        for name in PROGRAMS
    }
    programs[EXAMPLE] = cross.program(LIBRARY, machine)
    return GuestSpec(arch, kernel, module=module, load_module=False, files={**files(), **programs})


def insmod(guest: Guest, model: str = TINY, arguments: str = "") -> CommandResult:
    """Load the module, or fail to."""
    return guest.run(f"insmod {MODULE_PATH} model={model} {arguments}", timeout=120)


@contextmanager
def loaded(guest: Guest, model: str = TINY, arguments: str = "") -> Iterator[None]:
    """The module loaded with a model, and gone again."""
    done = insmod(guest, model, arguments)
    assert done.exit_code == 0, done.errors
    yield
    guest.check("rmmod llamux", timeout=20)


def logits_sha256(guest: Guest, tokens: tuple[int, ...], batch: int) -> str:
    """Return the SHA-256 of the guest's logits of every position."""
    words = " ".join(map(str, tokens))
    command = f"exec 3<>{LOGITS}; echo batch {batch} {words} >&3 && sha256sum <&3"
    return guest.check(command, timeout=300).split()[0]


def ask(guest: Guest, text: str, max_tokens: int = 24, session: str = "") -> bytes:
    """The raw answer; `session` may be "setsid" for a terminal session of its own."""
    done = guest.run(f"{session} sh /ask '{text}' {max_tokens}", timeout=120)
    assert done.exit_code == 0, done.errors
    return done.output


def stats(guest: Guest) -> dict[str, str]:
    """Return the figures of /proc/llamux/stats."""
    lines = guest.check("cat /proc/llamux/stats").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def helpers(guest: Guest) -> list[int]:
    """Process ids of the worker threads, the first one's first."""
    text = guest.check(
        "for p in /proc/[0-9]*; do read -r n <$p/comm && echo $n ${p#/proc/}; done 2>/dev/null"
        " | grep ^llamux/ | sort; true"
    )
    return [int(line.split()[1]) for line in text.splitlines()]


def used_ns(guest: Guest, pids: list[int]) -> int:
    """Processor time of processes."""
    return sum(int(guest.check(f"cat /proc/{pid}/schedstat").split()[0]) for pid in pids)


def llama_lines(guest: Guest) -> list[str]:
    """The module's lines in the kernel log, without the time."""
    log = guest.run("dmesg").output.decode(errors="replace")
    return re.findall(r"🦙 llamux: (.*)", log)


@contextmanager
def new_lines(guest: Guest) -> Iterator[list[str]]:
    """A list that has, at the end, the module's lines from within."""
    before = len(llama_lines(guest))
    lines: list[str] = []
    yield lines
    lines += llama_lines(guest)[before:]


def watches_leaks(guest: Guest) -> bool:
    """Whether its kernel has kmemleak. It has debugfs then."""
    command = f"[ -e {DEBUG}/kmemleak ] || mount -t debugfs none {DEBUG} && [ -e {DEBUG}/kmemleak ]"
    return guest.run(command).exit_code == 0


def leaks(guest: Guest) -> list[str]:
    """Memory that nobody points to any more; it counts from five seconds of age.

    Not what the kernel itself leaks: as it starts, and as User-mode Linux unmounts hostfs.
    """
    assert watches_leaks(guest)
    guest.check(f"sleep 6; for i in 1 2 3; do echo scan >{DEBUG}/kmemleak; done", timeout=120)
    found = guest.check(f"cat {DEBUG}/kmemleak").split("unreferenced object ")[1:]
    own = r'swapper/|mount"' if guest.kernel.architecture.name == "uml" else "swapper/"
    return [entry for entry in found if not re.match(rf'.*\n  comm "({own})', entry)]


def available_kib(guest: Guest) -> int:
    """Free memory and what can be freed, with what each processor keeps at hand."""
    guest.check("echo 3 >/proc/sys/vm/drop_caches")
    kept = sum(map(int, re.findall(r"\bcount: (\d+)", guest.check("cat /proc/zoneinfo"))))
    return int(guest.check("awk '/MemAvailable/ {print $2}' /proc/meminfo")) + 4 * kept
