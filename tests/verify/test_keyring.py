# SPDX-License-Identifier: GPL-2.0
"""Check that a module without a certificate trusts the keys in the kernel's own keyrings.

Debian's private keys are not public, so a kernel of images/debug.config is built with a key
of its own, which is stored beside it.
"""

import errno
from pathlib import Path

import pytest

from harness.guests.guest import Guest
from harness.host.paths import cache_dir
from harness.models import signing
from tests.support.lab import TINY, insmod, loaded, new_lines, stats

pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan"),
    pytest.mark.judged_by("kasan"),
]

MODEL = "/tmp/signed.gguf"


def sign(guest: Guest, key: Path, cert: Path) -> None:
    """Put a detached signature of the tiny model beside its copy."""
    line = signing.statement(cache_dir("lab") / "tiny.gguf")
    guest.check(f"cp {TINY} {MODEL}")
    guest.put_file(f"{MODEL}.p7s", signing.sign_statement(line, key, cert))


def test_the_kernels_key_is_trusted(lab: Guest) -> None:
    keys = lab.kernel.headers / "certs"
    sign(lab, keys / "signing_key.pem", keys / "signing_key.x509")
    with loaded(lab, MODEL, "require_signature=1"):
        assert stats(lab)["signature"] == "valid"
    lab.check(f"printf x | dd of={MODEL} bs=1 seek=999 conv=notrunc")
    with new_lines(lab) as lines:
        assert insmod(lab, MODEL, "require_signature=1").exit_code == errno.EKEYREJECTED
    assert set(lines) == {f"{MODEL} is not what was signed (error -{errno.EKEYREJECTED})"}


def test_another_key_is_not(lab: Guest, tmp_path: Path) -> None:
    signing.new_key(tmp_path / "key", tmp_path / "cert", bits=2048)
    sign(lab, tmp_path / "key", tmp_path / "cert")
    with new_lines(lab) as lines:
        assert insmod(lab, MODEL, "require_signature=1").exit_code == errno.ENOKEY
    message = "is signed by a key that is not trusted"
    assert set(lines) == {f"{MODEL} {message} (error -{errno.ENOKEY})"}
