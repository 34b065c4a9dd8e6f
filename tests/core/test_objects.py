# SPDX-License-Identifier: GPL-2.0
"""The core's objects: no floating point, and nothing from outside but what port.h names.

Files for one instruction set may use vector registers, for integers alone.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.host.paths import CORE
from harness.native.build import ARM_FLAGS, SIMD_FLAGS, X86_FLAGS


@dataclass(frozen=True)
class Target:
    """A compiler, its disassembler, and what its floating point looks like."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    float_code: str
    """Any vector or floating-point register."""
    arithmetic: str
    """Instructions that compute with floating point; those that move or mask bits are none."""
    simd_flags: dict[str, tuple[str, ...]]
    """Of the files for its instruction sets."""


# As the kernel compiles: without vector and floating-point registers.
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


def compile_file(target: Target, source: Path, out: Path, flags: tuple[str, ...]) -> Path:
    """An object."""
    command = [f"{target.prefix}gcc", *FLAGS, f"-I{CORE}", *flags, "-c", str(source)]
    subprocess.run([*command, "-o", str(out)], check=True)
    return out


def disassembly(target: Target, obj: Path) -> list[str]:
    """A line for each instruction: a tab, the mnemonic, and what it works on."""
    command = [f"{target.prefix}objdump", "-d", "--no-show-raw-insn", str(obj)]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.partition(":")[2].split("<")[0].split("//")[0] for line in lines.splitlines()]


def float_instructions(target: Target, obj: Path) -> list[str]:
    """The lines of the disassembly with a vector or floating-point register."""
    # A branch's target is a number without 0x, which may look like a register.
    branch = re.compile(r"\s*(b|bl|b\.\w+|cbn?z|tbn?z|adrp?|j\w+|call)\s")
    return [
        line
        for line in disassembly(target, obj)
        if re.search(target.float_code, line) and not branch.match(line)
    ]


def float_arithmetic(target: Target, obj: Path) -> list[str]:
    """The lines of the disassembly that compute with floating point."""
    return [c for c in disassembly(target, obj) if re.match(target.arithmetic, c + " ")]


def symbols(obj: Path) -> tuple[set[str], set[str]]:
    """Global symbols that the object defines, and those that it wants."""
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
    """The outside functions that port.h's opening comment names."""
    text = (CORE / "base" / "port.h").read_text()
    sentence = re.search(r"core may call:(.*?)\.\n", text, re.S)
    assert sentence is not None
    return set(re.findall(r"[a-z_]+", sentence[1])) - {"and"}


@pytest.fixture(scope="module", params=TARGETS, ids=lambda t: t.name)
def objects(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Target, list[Path]]:
    """Every file of the core, compiled."""
    target: Target = request.param
    folder = tmp_path_factory.mktemp(target.name)
    files = [f for f in sorted(CORE.rglob("*.c")) if f.stem not in SIMD_FLAGS]
    assert len(files) > 15
    flags = (*target.flags, NO_SIMD)
    return target, [compile_file(target, f, folder / f"{f.stem}.o", flags) for f in files]


@pytest.fixture(scope="module", params=TARGETS, ids=lambda t: t.name)
def simd_objects(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Target, list[Path]]:
    """Every file for one of a target's instruction sets, compiled."""
    target: Target = request.param
    folder = tmp_path_factory.mktemp(f"{target.name}-simd")
    return target, [
        compile_file(target, CORE / "simd" / f"{stem}.c", folder / f"{stem}.o", flags)
        for stem, flags in target.simd_flags.items()
    ]


def test_no_floating_point(objects: tuple[Target, list[Path]]) -> None:
    target, files = objects
    assert {f.name: float_instructions(target, f) for f in files} == {f.name: [] for f in files}


def test_vectors_hold_integers(simd_objects: tuple[Target, list[Path]]) -> None:
    target, files = simd_objects
    assert len(files) >= 3
    for file in files:
        assert float_instructions(target, file), "no vector registers: compiled for what?"
    assert {f.name: float_arithmetic(target, f) for f in files} == {f.name: [] for f in files}


def test_refers_to_nothing_else(objects: tuple[Target, list[Path]]) -> None:
    _, files = objects
    defined: set[str] = set()
    wanted: set[str] = set()
    for file in files:
        here, there = symbols(file)
        defined |= here
        wanted |= there
    assert wanted - defined - {"_GLOBAL_OFFSET_TABLE_"} <= allowed()
    assert {"memcpy", "memset", "memcmp", "vsnprintf"} <= allowed()


def without_prefix(files: list[Path]) -> set[str]:
    """Global symbols that may clash with those of the kernel and of its other modules."""
    defined = set().union(*(symbols(file)[0] for file in files))
    assert len(defined) >= len(files) > 0
    return {name for name in defined if not name.startswith("llama_")}


def test_global_symbols_have_the_prefix(objects: tuple[Target, list[Path]]) -> None:
    assert without_prefix(objects[1]) == set()


def test_global_symbols_of_simd_have_the_prefix(simd_objects: tuple[Target, list[Path]]) -> None:
    assert without_prefix(simd_objects[1]) == set()


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_floating_point_would_be_seen(target: Target, tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("double half(double x);\ndouble half(double x) { return x / 2 + 1.5; }\n")
    bad = compile_file(target, source, tmp_path / "bad.o", ())
    assert float_instructions(target, bad)
    assert float_arithmetic(target, bad)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_floating_point_in_vectors_would_be_seen(target: Target, tmp_path: Path) -> None:
    """Loops that a compiler vectorizes: each kind of arithmetic, and moves that are none."""
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
            made = compile_file(target, source, tmp_path / "bad.o", (*flags, "-O3", "-ffast-math"))
            assert bool(float_arithmetic(target, made)) == (name != "move"), (stem, name)


def test_a_foreign_symbol_would_be_seen(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("void *malloc(unsigned long);\nvoid *f(void) { return malloc(1); }\n")
    _, wanted = symbols(compile_file(TARGETS[0], source, tmp_path / "bad.o", TARGETS[0].flags))
    assert not wanted - {"_GLOBAL_OFFSET_TABLE_"} <= allowed()


def test_avxvnni_is_encoded_as_its_processors_know_it(tmp_path: Path) -> None:
    """The module's object has no register and no dot product that only AVX-512 has."""
    flags = ("-fno-tree-ter", "-mavx2", "-mavxvnni")
    code = disassembly(
        TARGETS[0],
        compile_file(TARGETS[0], CORE / "simd" / "tile_avxvnni.c", tmp_path / "vnni.o", flags),
    )
    dots = [line for line in code if "vpdp" in line]
    assert len(dots) > 100
    assert all("{vex}" in line for line in dots)
    assert not [line for line in code if re.search(r"%zmm|%[xy]mm(1[6-9]|[23]\d)|%k[0-7]", line)]
