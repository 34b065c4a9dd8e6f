# SPDX-License-Identifier: GPL-2.0
"""Vectors that are files: models with golden logits, and malformed ones.

:func:`in_guest` says where they lie in a guest; the tables hold the expected results.
"""

from pathlib import Path

from harness.host.paths import cache_dir
from harness.models import malformed
from harness.vectors import Table, goldens

GUEST_FOLDER = "/lib/firmware/llamux/kunit"


def gguf() -> list[Table]:
    """Return the table of gguf.h and model.h: files that are refused, and a part of the message."""
    rows = [(f"malformed/{r.name}".encode(), r.expect.encode()) for r in malformed.recipes()]
    return [Table("malformed", ("const char *file", "const char *expect"), rows)]


def llama() -> list[Table]:
    """Return the table of llama.h: the SHA-256 of all logits."""
    rows = [
        (
            *(g.name.encode(), list(g.tokens), len(g.tokens), g.n_vocab),
            list(bytes.fromhex(g.sha256)),
        )
        for g in goldens.load()
        if g.tiny
    ]
    most = max(len(g.tokens) for g in goldens.load())
    fields = ("const char *file", f"u32 tokens[{most}]", "u32 n_tokens", "u32 n_vocab")
    return [Table("golden", (*fields, "u8 sha256[32]"), rows)]


def in_guest() -> dict[str, Path]:
    """Return every file of the tables, by its path in the guest."""
    folder = cache_dir("kunit")
    found = {f"{GUEST_FOLDER}/{g.name}.gguf": g.model_path() for g in goldens.load() if g.tiny}
    for name, _ in malformed.write_all(folder / "malformed"):
        found[f"{GUEST_FOLDER}/malformed/{name}"] = folder / "malformed" / name
    return found
