# SPDX-License-Identifier: GPL-2.0
"""Check that the core's objects have no floating point and need only the functions in port.h.

Files for one instruction set may use vector registers for integers.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.host.paths import CORE
from harness.native import objects
from harness.native.build import ARM_FLAGS, SIMD_FLAGS, X86_FLAGS
from harness.native.objects import Toolchain, Unit


@dataclass(frozen=True)
class Target:
    """Compiler of an architecture, its disassembler, and the patterns of its floating point."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    float_code: str
    """Pattern of a vector or floating-point register."""
    arithmetic: str
    """Pattern of an instruction that computes with floating point; excludes moves and masks."""
    simd_flags: dict[str, tuple[str, ...]]
    """Compiler flags of the files for each instruction set, keyed by stem."""


# The kernel compiles without vector and floating-point registers.
TARGETS = [
    Target(
        "x86_64",
        "",
        ("-mgeneral-regs-only",),
        r"%[xyz]mm|%st\b|%mm\d|\bf(ld|st|add|mul)",
        r"\t(v?(add|sub|mul|div|sqrt|rsqrt|rcp|min|max|round|cmp|u?comi|h(add|sub)|dp|fn?m(add|sub)"
        r"|rndscale|scalef|getexp|getmant|fixupimm|range|reduce)\w*[ps][sd]|v?cvt\w+|f[a-z]+)\s",
        X86_FLAGS,
    ),
    Target(
        "aarch64",
        "aarch64-linux-gnu-",
        ("-mgeneral-regs-only", "-mno-outline-atomics"),
        r"\t(f[a-z]+|[su]cvtf)\s|\b[vqdsh]\d+\b(?!>)",
        r"\t(f(?!mov\b)[a-z]+\d?|[su]cvtf)\s",
        ARM_FLAGS,
    ),
]
FLAGS = ("-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector")
NO_SIMD = "-DLLAMA_NO_SIMD"


def compiled(target: Target, units: Sequence[Unit]) -> list[Path]:
    """Return one object for each unit."""
    return objects.objects(Toolchain(f"{target.prefix}gcc", FLAGS, (CORE,)), units)


def compiled_one(target: Target, source: Path, flags: tuple[str, ...] = ()) -> Path:
    """Return the object of one file."""
    return compiled(target, [Unit(source, flags)])[0]


def disassembly(target: Target, obj: Path) -> list[str]:
    """Return one line for each instruction: a tab, the mnemonic and the operands."""
    command = [f"{target.prefix}objdump", "-d", "--no-show-raw-insn", str(obj)]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.partition(":")[2].split("<")[0].split("//")[0] for line in lines.splitlines()]


def float_instructions(target: Target, obj: Path) -> list[str]:
    """Return the lines of the disassembly with a vector or floating-point register."""
    # A branch target is a number without 0x, which may look like a register.
    branch = re.compile(r"\s*(b|bl|b\.\w+|cbn?z|tbn?z|adrp?|j\w+|call)\s")
    return [
        line
        for line in disassembly(target, obj)
        if re.search(target.float_code, line) and not branch.match(line)
    ]


def float_arithmetic(target: Target, obj: Path) -> list[str]:
    """Return the lines of the disassembly that compute with floating point."""
    return [c for c in disassembly(target, obj) if re.match(target.arithmetic, c + " ")]


def symbols(obj: Path) -> tuple[set[str], set[str]]:
    """Return the global symbols that an object defines and those that it needs."""
    defined, wanted = set(), set()
    with obj.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        for symbol in table.iter_symbols():
            if not symbol.name:
                continue
            if symbol["st_shndx"] == "SHN_UNDEF":
                wanted.add(symbol.name)
            elif symbol["st_info"]["bind"] == "STB_GLOBAL":
                defined.add(symbol.name)
    return defined, wanted


def allowed() -> set[str]:
    """Return the external functions that port.h's opening comment names."""
    text = (CORE / "base" / "port.h").read_text()
    sentence = re.search(r"core may call:(.*?)\.\n", text, re.S)
    assert sentence is not None
    return set(re.findall(r"[a-z_]+", sentence[1])) - {"and"}


@pytest.fixture(scope="module", params=TARGETS, ids=lambda t: t.name)
def core(request: pytest.FixtureRequest) -> tuple[Target, list[Path]]:
    """Return the objects of all files of the core that serve every instruction set."""
    target: Target = request.param
    files = [f for f in sorted(CORE.rglob("*.c")) if f.stem not in SIMD_FLAGS]
    assert len(files) > 15
    return target, compiled(target, [Unit(f, (*target.flags, NO_SIMD)) for f in files])


@pytest.fixture(scope="module", params=TARGETS, ids=lambda t: t.name)
def simd(request: pytest.FixtureRequest) -> tuple[Target, list[Path]]:
    """Return the objects of the files for a target's instruction sets."""
    target: Target = request.param
    units = [Unit(CORE / "simd" / f"{stem}.c", f) for stem, f in target.simd_flags.items()]
    return target, compiled(target, units)


def test_no_floating_point(core: tuple[Target, list[Path]]) -> None:
    target, files = core
    assert {f.name: float_instructions(target, f) for f in files} == {f.name: [] for f in files}


def test_vectors_hold_integers(simd: tuple[Target, list[Path]]) -> None:
    target, files = simd
    assert len(files) >= 3
    for file in files:
        assert float_instructions(target, file), "no vector registers: compiled for what?"
    assert {f.name: float_arithmetic(target, f) for f in files} == {f.name: [] for f in files}


def test_refers_to_nothing_else(core: tuple[Target, list[Path]]) -> None:
    _, files = core
    defined: set[str] = set()
    wanted: set[str] = set()
    for file in files:
        here, there = symbols(file)
        defined |= here
        wanted |= there
    assert wanted - defined - {"_GLOBAL_OFFSET_TABLE_"} <= allowed()
    assert {"memcpy", "memset", "memcmp", "vsnprintf"} <= allowed()


def without_prefix(files: list[Path]) -> set[str]:
    """Return the global symbols that may clash with symbols of the kernel and of other modules."""
    defined = set().union(*(symbols(file)[0] for file in files))
    assert len(defined) >= len(files) > 0
    return {name for name in defined if not name.startswith("llama_")}


def test_global_symbols_have_the_prefix(core: tuple[Target, list[Path]]) -> None:
    assert without_prefix(core[1]) == set()


def test_global_symbols_of_simd_have_the_prefix(simd: tuple[Target, list[Path]]) -> None:
    assert without_prefix(simd[1]) == set()


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_floating_point_would_be_seen(target: Target, tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("double half(double x);\ndouble half(double x) { return x / 2 + 1.5; }\n")
    bad = compiled_one(target, source)
    assert float_instructions(target, bad)
    assert float_arithmetic(target, bad)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_floating_point_in_vectors_would_be_seen(target: Target, tmp_path: Path) -> None:
    """Compile loops that a compiler vectorizes: each kind of arithmetic, and moves."""
    loops = {
        "product": "float *a, const float *b|a[i] *= b[i]",
        "conversion": "float *a, const int *b|a[i] = b[i]",
        "truncation": "int *a, const float *b|a[i] = b[i]",
        "maximum": "double *a, const double *b|a[i] = a[i] > b[i] ? a[i] : b[i]",
        "move": "float *a, const float *b|a[i] = b[i]",
    }
    for stem, flags in target.simd_flags.items():
        for name, loop in loops.items():
            parameters, _, body = loop.partition("|")
            source = tmp_path / f"{name}.c"
            source.write_text(
                f"void f({parameters});\n"
                f"void f({parameters}) {{ for (int i = 0; i < 64; i++) {body}; }}\n"
            )
            made = compiled_one(target, source, (*flags, "-O3", "-ffast-math"))
            assert bool(float_arithmetic(target, made)) == (name != "move"), (stem, name)


def test_a_foreign_symbol_would_be_seen(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("void *malloc(unsigned long);\nvoid *f(void) { return malloc(1); }\n")
    _, wanted = symbols(compiled_one(TARGETS[0], source, TARGETS[0].flags))
    assert not wanted - {"_GLOBAL_OFFSET_TABLE_"} <= allowed()


def test_avxvnni_is_encoded_as_its_processors_know_it() -> None:
    """Check that the module's object has no register and no dot product of AVX-512 alone."""
    flags = ("-fno-tree-ter", "-mavx2", "-mavxvnni")
    made = compiled_one(TARGETS[0], CORE / "simd" / "tile_avxvnni.c", flags)
    code = disassembly(TARGETS[0], made)
    dots = [line for line in code if "vpdp" in line]
    assert len(dots) > 100
    assert all("{vex}" in line for line in dots)
    assert not [line for line in code if re.search(r"%zmm|%[xy]mm(1[6-9]|[23]\d)|%k[0-7]", line)]
