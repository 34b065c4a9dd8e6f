# SPDX-License-Identifier: GPL-2.0
"""Signed models in guests: accepted when right, refused when a bit is not."""

import errno
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from guest_lab import ASK, PROMPT, ask, available_kib, leaks, new_lines, stats, watches_leaks

from harness import kbuild_module, kernels, signing
from harness.architectures import architecture
from harness.guest import Guest, Result
from harness.guest_errors import GuestError
from harness.guest_pool import GuestPool
from harness.lock import exclusive
from harness.paths import ROOT, cache_dir
from harness.tiny import make_model

TRAILER = 12 + len(signing.MARKER)
LARGEST = (64 << 10) - 1
"""Bytes of a signature."""
MODULE, KEYLESS, BROKEN = (f"/lib/modules/{name}.ko" for name in ("own", "keyless", "broken"))
"""With the certificate of `model.key`, with none, and with one that is none."""
UNREADABLE = "has a signature in a file .p7s that cannot be read"


@dataclass(frozen=True)
class Refused:
    """A file that must not be loaded."""

    name: str
    data: bytes
    error: int
    message: str
    detached: bytes | None = None


@cache
def folder() -> Path:
    """Two keys, a broken certificate and signed models, made once."""
    folder = cache_dir("lab", "signed")
    with exclusive(folder / "lock"):
        for name in ("model", "other"):
            if not (folder / f"{name}.der").exists():
                (folder / f"{name}.key").unlink(missing_ok=True)
                signing.new_key(folder / f"{name}.key", folder / f"{name}.der", bits=2048)
        (folder / "broken.der").write_bytes(b"no certificate")
    return folder


@cache
def model(shape: str = "tiny") -> bytes:
    """An unsigned model."""
    return make_model(shape, "Q8_0", cache_dir("lab") / f"{shape}.gguf").read_bytes()


@cache
def signed(key: str = "model", shape: str = "tiny") -> bytes:
    """A model with an appended signature."""
    path = folder() / f"{shape}-by-{key}.gguf"
    with exclusive(folder() / "lock"):
        path.write_bytes(model(shape))
        signing.sign(path, folder() / f"{key}.key", folder() / f"{key}.der")
        return path.read_bytes()


@cache
def signed_line(line: bytes, digest: str = "sha256") -> bytes:
    """The PKCS#7 message of anything."""
    return signing.sign_statement(line, folder() / "model.key", folder() / "model.der", digest)


def message(data: bytes) -> bytes:
    """The PKCS#7 message of a signed model."""
    (size,) = struct.unpack_from(">I", data, len(data) - TRAILER + 8)
    return data[len(data) - TRAILER - size : -TRAILER]


def flipped(data: bytes, at: int) -> bytes:
    """`data` with one bit changed."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def appended(data: bytes, sig: bytes, trailer: bytes = b"") -> bytes:
    """`data` with a signature as it should be, or with another trailer."""
    return data + sig + (trailer or struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(sig))) + signing.MARKER


@cache
def refused() -> tuple[Refused, ...]:
    """Everything that is refused where a signature is required."""
    plain, good = model(), signed()
    sig, size = message(good), len(plain)
    none = (errno.ENODATA, "has no signature, neither appended nor in a file .p7s")
    other = (errno.EKEYREJECTED, "is not what was signed")
    malformed = (errno.EBADMSG, "has a malformed signature")
    no_pkcs7 = (errno.EBADMSG, "has a signature that is no PKCS#7 message")
    untrusted = (errno.ENOKEY, "is signed by a key that is not trusted")
    unknown = (errno.ENOPKG, "is signed in a way that this kernel does not know")
    line = signing.statement(folder() / "tiny-by-model.gguf")
    found = [
        Refused("unsigned", plain, *none),
        Refused("wrong-key", signed("other"), *untrusted),
        Refused("swapped", appended(model("tiny-spm"), sig), *other),
        Refused("signature-first-byte", flipped(good, size), *malformed),
        Refused("signature-issuer", flipped(good, good.index(b"model signing key")), *untrusted),
        Refused("signature-middle", flipped(good, -TRAILER - 100), *other),
        Refused("signature-last-byte", flipped(good, -TRAILER - 1), *other),
        Refused("marker-first-byte", flipped(good, -len(signing.MARKER)), *none),
        Refused("marker-last-byte", flipped(good, -1), *none),
        Refused("truncated-by-one", good[:-1], *none),
        Refused("truncated-in-signature", good[: size + 99], *none),
        Refused("truncated-in-model", appended(plain[:-1], sig), *other),
        Refused("grown-behind", good + b"\0", *none),
        Refused("grown-before-signature", appended(plain + b"\0", sig), *other),
        Refused("only-marker", signing.MARKER, errno.EBADMSG, "has a signature that is cut short"),
        Refused(
            "only-signature",
            good[size:],
            errno.EBADMSG,
            rf"has a signature of {len(sig)} "
            rf"bytes in {len(sig)}",
        ),
        Refused(
            "signature-empty",
            appended(plain, b""),
            errno.EBADMSG,
            f"has a signature of 0 bytes in {size}",
        ),
        Refused(
            "length-huge",
            appended(plain, sig, struct.pack(">5B3xI", 0, 0, 2, 0, 0, 2**32 - 1)),
            errno.EBADMSG,
            f"has a signature of {2**32 - 1} bytes in {size + len(sig)}",
        ),
        Refused(
            "length-less",
            appended(plain, sig, struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(sig) - 1)),
            *malformed,
        ),
        Refused(
            "length-more",
            appended(plain, sig, struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(sig) + 1)),
            *malformed,
        ),
        Refused("detached-swapped", model("tiny-spm"), *other, detached=sig),
        Refused("detached-wrong-key", plain, *untrusted, detached=message(signed("other"))),
        Refused("detached-garbage", plain, *malformed, detached=b"garbage"),
        Refused("detached-empty", plain, errno.EINVAL, UNREADABLE, detached=b""),
        Refused("detached-largest", plain, *malformed, detached=bytes(LARGEST)),
        Refused("detached-larger", plain, errno.EFBIG, UNREADABLE, detached=bytes(LARGEST + 1)),
        Refused("file-signed", plain, *other, detached=signed_line(plain)),
        Refused("no-words", plain, *other, detached=signed_line(line.split()[-1])),
        Refused("no-newline", plain, *other, detached=signed_line(line.strip())),
        Refused("upper-case", plain, *other, detached=signed_line(line.upper())),
        Refused("unknown-hash", plain, *unknown, detached=signed_line(line, "sha512-256")),
        Refused("appended-counts", signed("other"), *untrusted, detached=sig),
    ]
    for at in (0, 99, size // 2, size - 1):
        found.append(Refused(f"model-byte-{at}", flipped(good, at), *other))
    found += [
        Refused(f"trailer-byte-{at}", flipped(good, at - TRAILER), *no_pkcs7)
        for at in (0, 2, 3, 4, 7)
    ]
    return tuple(found)


@cache
def files(arch: str, kernel: str) -> dict[str, bytes | Path]:
    """Modules with and without a certificate, and models good and bad."""
    target = kernels.kernel(architecture(arch), kernel)
    at = folder() / "files"
    at.mkdir(exist_ok=True)
    found: dict[str, bytes | Path] = {"/ask": ASK}

    def add(path: str, data: bytes) -> None:
        # By name, so that what GuestPool compares stays short.
        (at / path.replace("/", "_")).write_bytes(data)
        found[path] = at / path.replace("/", "_")

    with exclusive(folder() / "lock"):
        certificates = {MODULE: folder() / "model.der", BROKEN: folder() / "broken.der"}
        for path, certificate in certificates.items():
            found[path] = kbuild_module.build(target, certificate=certificate).module
        found[KEYLESS] = kbuild_module.build(target).module
    good, bad = signed(), refused()
    with exclusive(folder() / "lock"):
        add("/good/appended.gguf", good)
        add("/good/detached.gguf", model())
        add("/good/detached.gguf.p7s", message(good))
        for case in bad:
            add(f"/bad/{case.name}.gguf", case.data)
            if case.detached is not None:
                add(f"/bad/{case.name}.gguf.p7s", case.detached)
    return found


@pytest.fixture(params=["x86_64-6.1", "aarch64-6.12"])
def vault(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[Guest]:
    """A guest with signed models, and a kernel log that stays clean."""
    arch, series = request.param.split("-")
    kernel = kernel or series
    guest = guest_pool.get(arch, kernel, load_module=False, files=files(arch, kernel))
    failed = request.session.testsfailed
    yield guest
    if request.session.testsfailed > failed or guest.broken or guest.busy:
        guest_pool.discard(guest)
        return
    try:
        guest.assert_clean_log()
    except GuestError:
        guest_pool.discard(guest)
        raise


def load(guest: Guest, model: str, required: bool = True, module: str = MODULE) -> Result:
    return guest.run(f"insmod {module} model={model} require_signature={int(required)}", timeout=60)


def refuses(guest: Guest, error: int, message: str, model: str, module: str) -> None:
    """insmod fails with `error` and one line."""
    with new_lines(guest) as lines:
        done = load(guest, model, module=module)
    assert done.exit_code == error, (model, done, lines)
    # busybox's insmod tries a second way when the first is refused.
    assert set(lines) == {f"{model} {message} (error -{error})"}


@pytest.mark.parametrize("path", ["/good/appended.gguf", "/good/detached.gguf"])
def test_a_signed_model_is_loaded(vault: Guest, path: str) -> None:
    done = load(vault, path)
    assert done.exit_code == 0, (done, vault.log()[-2000:])
    facts = stats(vault)
    assert facts["signature"] == "valid"
    assert facts["model_sha256"] == hashlib.sha256(model()).hexdigest()
    assert ask(vault, "hello")
    # Whoever exchanges the file now changes nothing.
    vault.check(f"mv {path} /tmp/moved; echo >{path}; cat {PROMPT} >/dev/null; rmmod llamux")
    vault.check(f"mv -f /tmp/moved {path}")


def test_models_that_are_added_need_one_too(vault: Guest) -> None:
    assert load(vault, "/good/appended.gguf").exit_code == 0
    with new_lines(vault) as lines:
        assert vault.run("echo load /bad/unsigned.gguf more >/proc/llamux/control").exit_code
        vault.check("echo load /good/detached.gguf more >/proc/llamux/control")
    assert "has no signature" in lines[0]
    assert len(vault.check("cat /proc/llamux/models").splitlines()) == 2
    vault.check("rmmod llamux")


def test_where_none_is_required_all_are_loaded(vault: Guest) -> None:
    names = {"appended": "not-checked", "detached": "none"}
    for name, signature in names.items():
        for module in (MODULE, KEYLESS, BROKEN):
            assert load(vault, f"/good/{name}.gguf", False, module).exit_code == 0
            facts = stats(vault)
            assert facts["signature"] == signature
            assert facts["model_sha256"] == hashlib.sha256(model()).hexdigest()
            vault.check("rmmod llamux")
    assert load(vault, "/bad/wrong-key.gguf", False).exit_code == 0
    vault.check("rmmod llamux")
    # What is cut off has to be known, checked or not.
    assert load(vault, "/bad/length-huge.gguf", False).exit_code == errno.EBADMSG


def test_what_is_not_signed_is_refused(vault: Guest) -> None:
    load(vault, "/none.gguf")
    before = available_kib(vault)
    with new_lines(vault) as lines:
        codes = vault.check(
            "for f in /bad/*.gguf; do\n"
            f"insmod {MODULE} selftest=0 require_signature=1 model=$f 2>/dev/null\n"
            "c=$?; echo $f $c; [ $c != 0 ] || rmmod llamux; done",
            timeout=300,
        )
    cases = {f"/bad/{case.name}.gguf": case for case in refused()}
    found = dict(line.split() for line in codes.splitlines())
    assert found == {path: str(case.error) for path, case in cases.items()}
    assert len(lines) == 2 * len(cases)  # see refuses()
    for path, case in cases.items():
        assert f"{path} {case.message} (error -{case.error})" in lines
    if watches_leaks(vault):  # and keeps what was freed for a while
        assert leaks(vault) == []
    else:
        assert abs(before - available_kib(vault)) < 4 << 10
    assert "llamux" not in vault.check("cat /proc/vmallocinfo")


@pytest.mark.parametrize(
    ("command", "error"),
    [("mkfifo", errno.EINVAL), ("mkdir", errno.EINVAL), ("ln -s s.gguf.p7s", errno.ELOOP)],
    ids=["pipe", "folder", "loop"],
)
def test_a_signature_that_is_no_file(vault: Guest, command: str, error: int) -> None:
    """Nor does a pipe wait for its writer."""
    vault.check("cp /good/detached.gguf /tmp/s.gguf; rm -rf /tmp/s.gguf.p7s")
    vault.check(f"{command} /tmp/s.gguf.p7s")
    refuses(vault, error, UNREADABLE, "/tmp/s.gguf", MODULE)


def test_a_module_without_a_certificate_asks_the_kernel(vault: Guest) -> None:
    for name in ("appended", "detached"):
        message = "is signed by a key that is not trusted"
        refuses(vault, errno.ENOKEY, message, f"/good/{name}.gguf", KEYLESS)


def test_a_certificate_that_is_none(vault: Guest) -> None:
    message = "cannot be checked: the module's own certificate cannot be used"
    refuses(vault, errno.EBADMSG, message, "/good/appended.gguf", BROKEN)


def test_no_keyring_stays(vault: Guest) -> None:
    assert load(vault, "/good/appended.gguf").exit_code == 0
    gone = "i=0; while grep -q llamux /proc/keys; do i=$((i+1)); [ $i -lt 50 ] || exit 1\n"
    vault.check(f"{gone} sleep 0.1; done; rmmod llamux")
    assert re.search(r"keyring", vault.check("cat /proc/keys"))


def test_the_table_names_tests() -> None:
    """Every row one, and those of this kind are there."""
    table = (ROOT / "docs" / "procfs-abi.md").read_text().split("## Bad input")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if "test_" not in row] == []
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", table)
    assert len(named) > 5
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(), name
