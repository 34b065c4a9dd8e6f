# SPDX-License-Identifier: GPL-2.0
"""Check that malformed model files are refused, with the address and UB sanitizers on."""

import errno
import random
from itertools import accumulate
from pathlib import Path

import pytest

from harness.models import malformed
from harness.models.image import Value
from harness.native import sanitized

KNOWN = {errno.EINVAL, errno.ENOENT, errno.ENOEXEC, errno.EOPNOTSUPP}

Corpus = list[tuple[str, str, sanitized.CheckVerdict]]


@pytest.fixture(scope="module")
def corpus(
    tmp_path_factory: pytest.TempPathFactory,
) -> Corpus:
    """Malformed files: name, expected result and actual result of each."""
    folder = tmp_path_factory.mktemp("malformed")
    written = malformed.write_all(folder)
    verdicts = sanitized.load_check([folder / name for name, _ in written])
    return [
        (name, expect, verdict) for (name, expect), verdict in zip(written, verdicts, strict=True)
    ]


def test_there_are_enough(corpus: Corpus) -> None:
    names = [name for name, _, _ in corpus]
    assert len(names) == len(set(names)) >= 60
    assert len({verdict.text for _, _, verdict in corpus}) >= 180


def test_each_is_refused_with_its_message(
    corpus: Corpus,
) -> None:
    wrong = [
        (name, expect, verdict)
        for name, expect, verdict in corpus
        if verdict.errno not in KNOWN or expect not in verdict.text
    ]
    assert wrong == []


@pytest.mark.parametrize("tokenizer", ["bpe", "spm"])
@pytest.mark.parametrize("version", [2, 3])
def test_the_base_is_sound(version: int, tokenizer: str, tmp_path: Path) -> None:
    image = malformed.base()
    image.version = version
    if tokenizer == "spm":
        malformed.spm(image)
    path = tmp_path / "base.gguf"
    path.write_bytes(image.bytes())
    assert sanitized.load_check([path]) == [sanitized.CheckVerdict(0, "")]


def test_sound_variants_load(tmp_path: Path) -> None:
    """Check that valid variants load, so that a recipe is refused for its fault alone."""
    optional = (
        "llama.vocab_size",
        "llama.attention.head_count_kv",
        "llama.rope.dimension_count",
        "llama.rope.freq_base",
        "general.name",
        "general.alignment",
    )
    files = []
    for i, key in enumerate(optional):
        image = malformed.base()
        image.entries = [e for e in image.entries if e.key != key.encode()]
        if key == "llama.attention.head_count_kv":  # defaults to head_count
            image.set("llama.attention.head_count", Value.U32, malformed.N_HEAD_KV)
            image.set("llama.attention.key_length", Value.U32, 8)
            for t in image.tensors:
                if t.name.endswith((b"attn_q.weight", b"attn_output.weight")):
                    which = 1 if b"attn_q" in t.name else 0
                    t.dims[which] //= 2
                    if which == 0:
                        t.kind, t.data = 1, bytes(2 * t.dims[0] * t.dims[1])
            image.place()
        files.append(tmp_path / f"{i}.gguf")
        files[-1].write_bytes(image.bytes())
    assert sanitized.load_check(files) == [sanitized.CheckVerdict(0, "")] * len(files)


def test_truncation_at_every_boundary(tmp_path: Path) -> None:
    image = malformed.base()
    data = image.bytes()
    starts = len(data) - sum(-(-len(t.data) // 32) * 32 for t in image.tensors)
    ends = [starts + t.offset + len(t.data) for t in image.tensors]
    cuts = sorted({0, *accumulate(len(p) for p in image.pieces()), *ends} - {len(data)})
    files = []
    for cut in cuts:
        files.append(tmp_path / f"{cut}.gguf")
        files[-1].write_bytes(data[:cut])
    assert len(files) > 200
    for path, verdict in zip(files, sanitized.load_check(files), strict=True):
        assert verdict.errno in KNOWN, (path.name, verdict)


def test_truncation_at_every_byte(tmp_path: Path) -> None:
    image = malformed.small()
    files = []
    for cut in range(len(image.header())):
        files.append(tmp_path / f"{cut}.gguf")
        files[-1].write_bytes(image.bytes()[:cut])
    assert {v.errno for v in sanitized.load_check(files)} <= KNOWN


def test_random_damage(tmp_path: Path) -> None:
    """Check random damage: the loader never crashes and notices most damage to the header."""
    rng = random.Random(11)
    image = malformed.base()
    data = image.bytes()
    head = len(image.header())
    files = []
    for i in range(400):
        broken = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(head if i % 2 else len(data))
            broken[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        files.append(tmp_path / f"{i}.gguf")
        files[-1].write_bytes(broken)
    verdicts = sanitized.load_check(files)
    assert {v.errno for v in verdicts} <= KNOWN | {0}
    assert sum(v.errno != 0 for v in verdicts) > 100


def test_a_sanitizer_is_on(tmp_path: Path) -> None:
    """Check that the test program would report a read past the end."""
    source = tmp_path / "overrun.c"
    source.write_text(
        '#include "load.h"\n'
        "int main(int argc, char **argv)\n"
        "{\n\tvolatile char *p = llamuxu_alloc(argc);\n\t(void)argv;\n\treturn p[argc];\n}\n"
    )
    program = sanitized.executable(source)
    with pytest.raises(sanitized.SanitizerError, match="heap-buffer-overflow"):
        sanitized.run(program, "")
