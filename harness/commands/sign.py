# SPDX-License-Identifier: GPL-2.0
"""Sign a model file, so that the module can require a signature.

python -m harness sign --new-key --key model.key --cert model.der
make LLAMUX_CERT=model.der
python -m harness sign model.gguf --key model.key --cert model.der
insmod llamux.ko model=$PWD/model.gguf require_signature=1

The signature is appended to the file, or with --detached written to MODEL.p7s.
Every program that reads GGUF still reads the file. --check says whether a
signature is there and right.
"""

import argparse
from pathlib import Path

from harness.host.errors import UsageError
from harness.models import signing


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="MODEL", type=Path, nargs="?", help="the file to sign")
    parser.add_argument("--key", metavar="KEY", type=Path, help="private key, PEM")
    parser.add_argument(
        "--cert", metavar="CERT", type=Path, required=True, help="its certificate, DER"
    )
    parser.add_argument("--detached", action="store_true", help="write MODEL.p7s")
    parser.add_argument("--new-key", action="store_true", help="make KEY and CERT first")
    parser.add_argument("--check", action="store_true", help="sign nothing; check the signature")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if not (args.model or args.new_key):
        raise UsageError("name a MODEL to sign, or say --new-key")
    if args.check and (args.new_key or not args.model):
        raise UsageError("--check takes a MODEL and --cert, and no --new-key")
    if args.model and not args.model.is_file():
        raise UsageError(f"{args.model} is no file")
    if args.check:
        signing.check(args.model, args.cert)
        print(f"{args.model} is signed by the key of {args.cert}")
        return 0
    if not args.key:
        raise UsageError("name the private key: --key KEY")
    if args.new_key:
        signing.new_key(args.key, args.cert)
        print(f"{args.key}\n{args.cert}")
    if args.model:
        print(signing.sign(args.model, args.key, args.cert, args.detached))
    return 0
