# SPDX-License-Identifier: GPL-2.0
"""Signed models, valid and invalid, and modules that trust their key."""

import errno
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.host.architectures import architecture
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.kernels import find
from harness.kernels import module as kbuild_module
from harness.models import signing
from harness.models.synthetic import make_model
from tests.support.lab import (
    ASK,
)

TRAILER = 12 + len(signing.MARKER)
LARGEST = (64 << 10) - 1
"""Maximum size of a signature in bytes."""
MODULE, KEYLESS, BROKEN = (f"/lib/modules/{name}.ko" for name in ("own", "keyless", "broken"))
"""Modules with the certificate of `model.key`, with none, and with an invalid one."""
UNREADABLE = "has a signature in a file .p7s that cannot be read"


@dataclass(frozen=True)
class Refused:
    """Model file that must not be loaded, with the expected error and message."""

    name: str
    data: bytes
    error: int
    message: str
    detached: bytes | None = None


@cache
def folder() -> Path:
    """Return the folder of two keys, a broken certificate and signed models; create it once."""
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
    """Return an unsigned model."""
    return make_model(shape, "Q8_0", cache_dir("lab") / f"{shape}.gguf").read_bytes()


@cache
def signed(key: str = "model", shape: str = "tiny") -> bytes:
    """Return a model with an appended signature."""
    path = folder() / f"{shape}-by-{key}.gguf"
    with exclusive(folder() / "lock"):
        path.write_bytes(model(shape))
        signing.sign(path, folder() / f"{key}.key", folder() / f"{key}.der")
        return path.read_bytes()


@cache
def signed_line(line: bytes, digest: str = "sha256") -> bytes:
    """Return the PKCS#7 message that signs any bytes."""
    return signing.sign_statement(line, folder() / "model.key", folder() / "model.der", digest)


def message(data: bytes) -> bytes:
    """Return the PKCS#7 message of a signed model."""
    (size,) = struct.unpack_from(">I", data, len(data) - TRAILER + 8)
    return data[len(data) - TRAILER - size : -TRAILER]


def flipped(data: bytes, at: int) -> bytes:
    """Return `data` with the lowest bit of one byte changed."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def appended(data: bytes, sig: bytes, trailer: bytes = b"") -> bytes:
    """Return `data` with a signature appended, with the right trailer or the given one."""
    return data + sig + (trailer or struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(sig))) + signing.MARKER


@cache
def refused() -> tuple[Refused, ...]:
    """Return every file that is refused where a signature is required."""
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
    """Return the guest's files: modules with and without a certificate, good and bad models."""
    target = find.kernel(architecture(arch), kernel)
    at = folder() / "files"
    at.mkdir(exist_ok=True)
    found: dict[str, bytes | Path] = {"/ask": ASK}

    def add(path: str, data: bytes) -> None:
        # Paths instead of data keep the specification that GuestPool compares short.
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
