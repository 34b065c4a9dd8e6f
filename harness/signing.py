# SPDX-License-Identifier: GPL-2.0
"""Signatures of model files, as the kernel's modules have them.

A signature is a detached PKCS#7 message (RFC 2315) without certificates and
attributes. Appended to a file, a trailer of 12 bytes and a marker follow it: see
the kernel's include/linux/module_signature.h and scripts/sign-file.c, whose
output is the same. OpenSSL computes.
"""

import os
import struct
import subprocess
import tempfile
from pathlib import Path

from harness.errors import HarnessError

MARKER = b"~Module signature appended~\n"
_TRAILER = struct.Struct(">5B3xI")  # algo, hash, id_type, signer_len, key_id_len, sig_len
_PKCS7 = 2  # PKEY_ID_PKCS7

_REQUEST = """
[req]
distinguished_name = name
prompt = no
x509_extensions = extensions
[name]
CN = Llamux model signing key
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class SignatureError(HarnessError):
    """A signature that is not there, is malformed, or is of something else."""


def new_key(key: Path, cert: Path, bits: int = 4096) -> None:
    """Make an RSA key (PEM, readable by its owner alone) and its certificate (X.509, DER)."""
    for path in (key, cert):
        if path.exists():
            raise HarnessError(f"{path} exists already: choose another name, or remove it")
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as request:
        request.write(_REQUEST)
        request.flush()
        arguments = ["-new", "-x509", "-nodes", "-sha256", "-days", "36500", "-outform", "DER"]
        files = ["-config", request.name, "-keyout", str(key), "-out", str(cert)]
        _openssl("req", *arguments, "-newkey", f"rsa:{bits}", *files)
    key.chmod(0o600)


def detached_path(model: Path) -> Path:
    """Where a detached signature of `model` lies."""
    return model.with_name(f"{model.name}.p7s")


def sign(model: Path, key: Path, cert: Path, detached: bool = False) -> Path:
    """Sign a file and return what was written: the file itself, or its detached signature.

    An appended signature that is there already is replaced.
    """
    size = unsigned_size(model)
    if size != model.stat().st_size:
        os.truncate(model, size)
    files = ["-in", str(model), "-signer", str(cert), "-inkey", str(key)]
    flags = ["-binary", "-noattr", "-nocerts", "-md", "sha256", "-outform", "DER"]
    message = _openssl("cms", "-sign", *flags, *files)
    if detached:
        detached_path(model).write_bytes(message)
        return detached_path(model)
    with model.open("ab") as file:
        file.write(message + _TRAILER.pack(0, 0, _PKCS7, 0, 0, len(message)) + MARKER)
    return model


def unsigned_size(model: Path) -> int:
    """Bytes of a file without its appended signature. Raises SignatureError on a bad trailer."""
    size = model.stat().st_size
    with model.open("rb") as file:
        end = _TRAILER.size + len(MARKER)
        file.seek(max(0, size - end))
        tail = file.read()
    if not tail.endswith(MARKER):
        return size
    if len(tail) < end:
        raise SignatureError(f"{model} has a signature that is cut short")
    *kind, length = _TRAILER.unpack(tail[: _TRAILER.size])
    if kind != [0, 0, _PKCS7, 0, 0] or tail[5:8] != bytes(3) or not 0 < length < size - end:
        raise SignatureError(f"{model} has a signature that is no PKCS#7 message")
    return size - end - int(length)


def check(model: Path, cert: Path) -> None:
    """Raise SignatureError unless the key of `cert` signed the file, appended or detached."""
    size = unsigned_size(model)
    with tempfile.TemporaryDirectory(prefix="llamux-") as scratch:
        content, message = model, detached_path(model)
        if size != model.stat().st_size:
            content, message = Path(scratch, "content"), Path(scratch, "message")
            with model.open("rb") as file, content.open("wb") as copy:
                _copy(file.fileno(), copy.fileno(), size)
                file.seek(size)
                message.write_bytes(file.read()[: -_TRAILER.size - len(MARKER)])
        if not message.exists():
            raise SignatureError(f"{model} has no signature, neither appended nor in {message}")
        files = ["-in", str(message), "-content", str(content), "-certfile", str(cert)]
        flags = ["-inform", "DER", "-binary", "-noverify", "-out", os.devnull]
        try:
            _openssl("cms", "-verify", *flags, *files)
        except HarnessError as error:
            raise SignatureError(f"{model} is not what {cert}'s key signed: {error}") from None


def _copy(source: int, target: int, size: int) -> None:
    """The first `size` bytes of one file to another, by the kernel."""
    done = 0
    while done < size:
        count = os.sendfile(target, source, done, size - done)
        if not count:
            raise SignatureError("the file became shorter")
        done += count


def _openssl(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise HarnessError("openssl is missing: apt-get install openssl") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise HarnessError(f"openssl {arguments[0]} failed: {lines[-1] if lines else '?'}")
    return done.stdout
