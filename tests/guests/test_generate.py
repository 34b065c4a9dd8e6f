# SPDX-License-Identifier: GPL-2.0
"""Check that the same arguments give the same bytes natively and in each guest."""

import pytest

from harness.cli import main
from harness.host.architectures import UML
from tests.support.lab import TINY, TINY_SPM, files

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml"),
]


def generated(capfdbinary: pytest.CaptureFixture[bytes], where: str, *arguments: str) -> bytes:
    """Return the verb's output."""
    capfdbinary.readouterr()
    assert main(["generate", *arguments, "--on", where]) == 0
    return capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("model", "more"),
    [
        pytest.param(TINY, ["--seed", "7"], marks=pytest.mark.guests("uml", "x86_64", "aarch64")),
        (TINY, ["--seed", "7", "--raw"]),
        (TINY_SPM, ["--seed", "7", "--raw", "--top-k", "40", "--top-p", "0.9", "--min-p", "0.01"]),
        ("smollm2", ["--seed", "7"]),
    ],
    ids=["chat", "raw", "spm", "smollm2"],
)
def test_the_same_bytes(
    arch: str,
    kernel: str | None,
    model: str,
    more: list[str],
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    path = str(files().get(model, model))
    arguments = [path, "--prompt", "What is a kernel?\n", "--max-tokens", "8", *more]
    arguments += ["--temperature", "0.8"]
    native = generated(capfdbinary, "native", *arguments)
    where = arch if arch == UML.name else f"qemu-{arch}"
    arguments += ["--kernel", kernel] if kernel else []
    assert generated(capfdbinary, where, *arguments) == native != b""


def test_seeds_matter(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = str(files()[TINY])
    arguments = [path, "--prompt", "x", "--max-tokens", "8", "--temperature", "0.8", "--seed"]
    assert len({generated(capfdbinary, "native", *arguments, seed) for seed in "123"}) == 3
