# SPDX-License-Identifier: GPL-2.0
"""Signatures of model files, as the kernel's modules have them.

A signature is a detached PKCS#7 message (RFC 2315) without certificates and
attributes, of a line of text that has the file's SHA-256. Appended to a file, a
trailer of 12 bytes and a marker follow it: see the kernel's
include/linux/module_signature.h and scripts/sign-file.c. OpenSSL computes.
"""

import hashlib
import os
import struct
import subprocess
import tempfile
from pathlib import Path

from harness.host.errors import HarnessError

MARKER = b"~Module signature appended~\n"
_TRAILER = struct.Struct(">5B3xI")  # algo, hash, id_type, signer_len, key_id_len, sig_len
_PKCS7 = 2  # PKEY_ID_PKCS7
_PIECE = 1 << 20

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


def statement(model: Path) -> bytes:
    """The line that is signed: it names what the file is without an appended signature."""
    left = unsigned_size(model)
    sha256 = hashlib.sha256()
    with model.open("rb") as file:
        while piece := file.read(min(left, _PIECE)):
            sha256.update(piece)
            left -= len(piece)
    return f"llamux model sha256 {sha256.hexdigest()}\n".encode()


def sign(model: Path, key: Path, cert: Path, detached: bool = False) -> Path:
    """Sign a file and return what was written: the file itself, or its detached signature.

    An appended signature that is there already is replaced.
    """
    size = unsigned_size(model)
    if size != model.stat().st_size:
        os.truncate(model, size)
    message = sign_statement(statement(model), key, cert)
    if detached:
        detached_path(model).write_bytes(message)
        return detached_path(model)
    with model.open("ab") as file:
        file.write(message + _TRAILER.pack(0, 0, _PKCS7, 0, 0, len(message)) + MARKER)
    return model


def sign_statement(line: bytes, key: Path, cert: Path, digest: str = "sha256") -> bytes:
    """The PKCS#7 message alone, in DER."""
    flags = ["-binary", "-noattr", "-nocerts", "-md", digest, "-outform", "DER"]
    return _openssl("cms", "-sign", *flags, "-signer", str(cert), "-inkey", str(key), given=line)


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
    message = _message(model)
    with tempfile.NamedTemporaryFile() as content:
        content.write(statement(model))
        content.flush()
        flags = ["-inform", "DER", "-binary", "-noverify", "-out", os.devnull]
        files = ["-content", content.name, "-certfile", str(cert)]
        try:
            _openssl("cms", "-verify", *flags, *files, given=message)
        except HarnessError as error:
            raise SignatureError(f"{model} is not what {cert}'s key signed: {error}") from None


def _message(model: Path) -> bytes:
    """A file's signature, appended or detached."""
    size = unsigned_size(model)
    if size != model.stat().st_size:
        with model.open("rb") as file:
            file.seek(size)
            return file.read()[: -_TRAILER.size - len(MARKER)]
    beside = detached_path(model)
    if not beside.exists():
        raise SignatureError(f"{model} has no signature, neither appended nor in {beside}")
    return beside.read_bytes()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    command = ["openssl", *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise HarnessError("openssl is missing: apt-get install openssl") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise HarnessError(f"openssl {arguments[0]} failed: {lines[-1] if lines else '?'}")
    return done.stdout
