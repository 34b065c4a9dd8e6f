# SPDX-License-Identifier: GPL-2.0
"""Programs of system calls on /proc/llamux, made up in a guest as coverage rewards them.

The guest's side is harness/programs/guest/fuzz_kernel. An input is a short byte string: a
header and eight bytes for each operation. What a program does is never wrong; a report in
the kernel's log is, and so is a program that cannot be killed, or what is left of all of
them at the end. Without KCOV in the kernel only the results of system calls guide.
"""

import hashlib
import math
import os
import struct
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from harness.guests.errors import GuestError
from harness.guests.guest import MODULE_PATH, Guest
from harness.host import patience
from harness.host.architectures import architecture
from harness.host.errors import HarnessError
from harness.host.paths import GUEST_PROGRAMS, ROOT, cache_dir
from harness.host.progress import say, step
from harness.kernels import module as kbuild_module
from harness.kernels.find import kernel as find_kernel
from harness.models.synthetic import make_model
from harness.native import cross

PROGRAM = GUEST_PROGRAMS / "fuzz_kernel"
SEEDS = ROOT / "tests" / "fuzz" / "seeds" / "kernel"
INPUT_BYTES = 194
PROCESSORS = min(4, max(2, os.cpu_count() or 2))
MEMORY = 1024
"""MiB of the guest."""

MODULE_ARGS = (
    "model=/fuzz/tiny.gguf n_ctx=96 max_conversations=4 max_user_conversations=3 max_prompt=8192"
    " group=1000"
)
"""A program reaches these limits, and its answers are short."""

_TRACE = "__sanitizer_cov_trace_pc"
_AFTER_CALL = 4  # bytes from a call's relocation to the address that is told
_LATEST = 16  # programs that a finding may be due to: a report can come late
_GRACE = 600.0  # seconds for the inputs that there are, and the end


class FuzzError(HarnessError):
    """Programs left something behind, or could not be run."""


@dataclass
class Report:
    """Result of a run. ``blocks`` of ``sites`` instrumented ones were reached.

    User-mode Linux does not say how many there are: its code calls by registers.
    """

    kernel: str
    seconds: int
    seed: int
    executions: int = 0
    blocks: int = 0
    sites: int = 0
    edges: int = 0
    killed: int = 0
    kept: list[bytes] = field(default_factory=list, repr=False)
    results: dict[str, list[str]] = field(default_factory=dict, repr=False)
    """How operations of each kind ended: names of errnos, 0 for success."""
    missed: dict[str, int] = field(default_factory=dict, repr=False)
    """Blocks that nothing reached, by function."""


def load(folder: Path) -> list[bytes]:
    """The inputs in a folder, by name."""
    inputs = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    if any(len(data) > INPUT_BYTES for data in inputs):
        raise FuzzError(f"{folder} has files that are no inputs: they are too long")
    return inputs


def save(folder: Path, inputs: Iterable[bytes]) -> None:
    """Write inputs to a folder, each under a name of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)


def packed(inputs: Iterable[bytes]) -> bytes:
    """Return the bytes that the guest's program reads."""
    return b"".join(struct.pack("<H", len(data)) + data for data in inputs)


def files(arch: str, inputs: Iterable[bytes]) -> dict[str, bytes | Path]:
    """Return the files that a guest needs beside the module."""
    folder = cache_dir("lab")
    found: dict[str, bytes | Path] = {
        "/fuzz/program": cross.program(PROGRAM, architecture(arch).processor),
        "/fuzz/inputs": packed(inputs),
    }
    for shape in ("tiny", "tiny-spm"):
        path = make_model(shape, "Q8_0", folder / f"{shape}.gguf")
        found[f"/fuzz/{shape}.gguf"] = path
    found["/fuzz/broken.gguf"] = (folder / "tiny.gguf").read_bytes()[:5000]
    return found


def sites(module: Path) -> dict[int, str]:
    """Where the code of a module tells that it was reached, and in which function."""
    found: dict[int, str] = {}
    with module.open("rb") as file:
        elf = ELFFile(file)
        text = elf.get_section_index(".text")
        symbols = elf.get_section_by_name(".symtab")
        assert isinstance(symbols, SymbolTableSection)
        functions = sorted(
            (symbol["st_value"], symbol.name)
            for symbol in symbols.iter_symbols()
            if symbol["st_shndx"] == text and symbol["st_info"]["type"] == "STT_FUNC"
        )
        relocations = elf.get_section_by_name(".rela.text")
        assert isinstance(relocations, RelocationSection)
        for relocation in relocations.iter_relocations():
            if symbols.get_symbol(relocation["r_info_sym"]).name == _TRACE:
                at = relocation["r_offset"]
                name = next((name for start, name in reversed(functions) if start <= at), "?")
                found[at + _AFTER_CALL] = name
    return found


def missed(where: Mapping[int, str], reached: Iterable[int]) -> dict[str, int]:
    """How many sites of each function were not reached, the most first."""
    left = Counter(where[at] for at in where.keys() - set(reached))
    return dict(left.most_common())


class _Listener:
    """Takes the lines of the guest's program as they come."""

    def __init__(self, corpus: Path | None) -> None:
        self.latest: deque[bytes] = deque(maxlen=_LATEST)
        self.kept: list[bytes] = []
        self.blocks: list[int] = []
        self.results: dict[str, set[str]] = defaultdict(set)
        self.figures = (0, 0, 0, 0, 0)
        self.stuck = False
        self._corpus = corpus
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line.decode())

    def _take(self, line: str) -> None:
        what, _, rest = line.partition(" ")
        if what == "run":
            self.latest.append(bytes.fromhex(rest))
        elif what == "keep":
            self.kept.append(bytes.fromhex(rest))
            if self._corpus:
                save(self._corpus, self.kept[-1:])
        elif what == "block":
            self.blocks.append(int(rest, 16))
        elif what == "result":
            kind, _, result = rest.partition(": ")
            self.results[kind].add(result)
        elif what == "status":
            run, blocks, edges, kept, killed = map(int, rest.split())
            self.figures = (run, blocks, edges, kept, killed)
            say(f"{run} programs, {blocks} blocks, {edges} edges, {kept} kept, {killed} too slow")
        elif what == "stuck":
            self.stuck = True
        else:
            raise FuzzError(f"the guest's program printed {line!r}")


def _save_finding(latest: Sequence[bytes]) -> Path:
    """The programs before a report, the latest one's name last in order."""
    name = hashlib.sha256(packed(latest)).hexdigest()[:12]
    folder = cache_dir("fuzz", "kernel", "findings", name)
    for number, data in enumerate(latest):
        (folder / f"{number:02}").write_bytes(data)
    return folder


def _execute(guest: Guest, arguments: str, timeout: float, corpus: Path | None) -> _Listener:
    """Run the guest's program. Whatever goes wrong names the folder with its inputs."""
    listener = _Listener(corpus)
    try:
        program = f"PATIENCE={math.ceil(patience.factor())} /fuzz/fuzz_kernel {arguments}"
        done = guest.run(program, timeout=timeout, on_output=listener.feed)
    except GuestError:
        folder = _save_finding(listener.latest)
        say(f"the latest programs lie in {folder}: run them again with --replay {folder}")
        raise
    if listener.stuck or done.exit_code:
        reason = done.errors.decode(errors="replace").strip()
        raise FuzzError(
            f"a program {'cannot be killed' if listener.stuck else 'failed'}: {reason}; the latest"
            f" ones lie in {_save_finding(listener.latest)}"
        )
    return listener


def _settled(guest: Guest) -> tuple[str, str]:
    """Conversations and memory when the module has looked for sessions that are gone."""
    guest.check(  # the beginning that prompts share stays
        "setsid sh -c 'echo max_tokens 1 >/proc/llamux/options; exec 3<>/proc/llamux/prompt;"
        " echo a >&3; cat <&3 >/dev/null'"
    )
    text = guest.check("(: 3<>/proc/llamux/prompt); cat /proc/llamux/stats", timeout=120)
    stats = dict(line.split(" ", 1) for line in text.splitlines())
    return stats["conversations"], stats["memory_bytes"]


def _prepare(guest: Guest) -> None:
    """Load the module; where the kernel can, have its allocations fail when a program says so."""
    guest.check(
        "cp /fuzz/program /fuzz/fuzz_kernel && chmod 755 /fuzz/fuzz_kernel;"
        " echo 5 >/proc/sys/kernel/printk;"  # without what a refused write is told
        " mount -t debugfs none /sys/kernel/debug 2>/dev/null; true"
    )
    guest.check(f"insmod {MODULE_PATH} {MODULE_ARGS}", timeout=120)
    guest.check(
        "set -- $(grep ^llamux /proc/modules) && start=$6 &&"
        " end=$(printf 0x%x $((start + $2))) &&"
        " for kind in failslab fail_page_alloc; do"
        " [ ! -d /sys/kernel/debug/$kind ] || (cd /sys/kernel/debug/$kind && echo 0 >verbose &&"
        " echo N >ignore-gfp-wait && echo 32 >stacktrace-depth &&"
        " if [ -e min-order ]; then echo 0 >min-order && echo N >ignore-gfp-highmem; fi &&"
        " echo $start >require-start && echo $end >require-end) || exit; done"
    )


def _leaks(guest: Guest) -> str:
    """Return leaked memory, if the kernel looks for it; kmemleak reports it from an age on."""
    return guest.check(
        "cd /sys/kernel/debug && if [ -e kmemleak ]; then sleep 6;"
        " for i in 1 2 3; do echo scan >kmemleak; done;"
        " grep -A 20 'comm \"fuzz_kernel' kmemleak; fi;"
        " true",
        timeout=120,
    )


def exercise(
    guest: Guest, arguments: str, timeout: float = _GRACE, corpus: Path | None = None
) -> _Listener:
    """Load the module, run the program, and look at what it leaves behind.

    `guest` has :func:`files`, and the module not loaded.
    """
    _prepare(guest)
    before = _settled(guest)
    listener = _execute(guest, arguments, timeout, corpus)
    after = _settled(guest)
    if after != before:
        raise FuzzError(f"conversations and bytes were {before}, and are {after} at the end")
    guest.check("rmmod llamux", timeout=60)
    leaks = _leaks(guest)
    if leaks:
        raise FuzzError(f"programs leave memory that nobody points to:\n{leaks}")
    guest.assert_clean_log()
    return listener


def run(
    seconds: int,
    *,
    arch: str = "x86_64",
    kernel: str | None = "6.12-kasan",
    seed: int = 0,
    corpus: Path | None = None,
    mode: str = "fuzz",
) -> Report:
    """Boot a guest, and make programs up for ``seconds``, from ``corpus`` and the seeds on.

    What is worth keeping is written to ``corpus`` at once. In the mode "reduce" its inputs are
    only chosen from, in "replay" run: see the program. Raises GuestError where the kernel
    breaks, having saved the latest programs.
    """
    target = find_kernel(architecture(arch), kernel)
    traced = "CONFIG_KCOV=y" in target.config.read_text().splitlines()
    built = kbuild_module.build(target, make_args=("KCOV_INSTRUMENT=y",) if traced else ())
    inputs = load(SEEDS) if mode == "fuzz" and SEEDS.is_dir() else []
    if corpus and corpus.is_dir():
        inputs += [data for data in load(corpus) if data not in inputs]
    where = sites(built.full_module) if traced and target.architecture.emulator else {}
    report = Report(target.release, seconds, seed, sites=len(where))
    arguments = f"{mode} /fuzz/inputs" + (f" {seconds} {seed}" if mode == "fuzz" else "")
    with (
        Guest(
            arch,
            kernel,
            load_module=False,
            module=built.module,
            smp=PROCESSORS if target.architecture.emulator else None,
            memory=MEMORY,
            files=files(arch, inputs),
        ) as guest,
        step(f"programs of system calls on {target.release}"),
    ):
        grace = _GRACE + 2 * len(inputs)
        kept = corpus if mode == "fuzz" else None
        listener = exercise(guest, arguments, seconds + grace, kept)
    report.executions, _, report.edges, _, report.killed = listener.figures
    reached = set(listener.blocks)
    report.blocks = len(reached & where.keys() if where else reached)
    report.kept = listener.kept
    report.results = {kind: sorted(found) for kind, found in listener.results.items()}
    report.missed = missed(where, listener.blocks)
    return report
