# SPDX-License-Identifier: GPL-2.0
"""Vectors of UTF-8, tokenizers, chat templates and stop texts.

UTF-8 comes from Python's decoder, byte-level BPE from Hugging Face's library, SentencePiece's
algorithm from a few lines below, and chat templates from jinja2. The vocabularies are those of
the shapes "tiny" and "tiny-spm".
"""

import codecs
import re
from functools import cache
from itertools import pairwise

import jinja2
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from harness.models.synthetic import CHATML, SHAPES, ZEPHYR, bpe_pieces, spm_pieces
from harness.reference.stop import cut
from harness.vectors import Table

BPE_MODEL, SPM_MODEL = "tiny-Q4_0", "tiny-spm-Q5_1"
"""Golden models whose files have the vocabularies."""

_BYTES = (
    *(b"", b"plain", "é日🦙\u0000x".encode(), b"\xff", b"a\xc0\x80b", b"\xe2\x82", b"\xe2\x82A"),
    *(b"\xf0\x9f\xa6", b"\xf0\x9f\xa6\xf0\x9f\xa6\x99", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"\xf5\x80", b"\x80\x80", b"ok\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xdf"),
    *("\ud7ff\ue000\U0010ffff\U00010000\u0800\u0080".encode(), b"\xc3("),
    *(b"\xf8\x88\x80\x80\x80", b"tail\xf0\x9f"),
)

_TEXTS = (
    *("", "the kernel", " the kernel is in the kernel", "What is a kernel module?", "  two  "),
    *("tabs\tand\nlines\r\n", "1234 and 5", "don't", "naïve façade 日本語 🦙", "!!!! ????"),
    *("ththth", "<|im_start|>system", "</s><s>", "\u2581x", "a" * 40, "kernelkernel of the ring"),
)

_STOPS = (
    *(("no stop text", ""), ("abc", "c"), ("abc", "abcd"), ("abcabd, abe", "abd", "abe")),
    *(("aaab", "aab"), ("ababac", "abac"), ("xabcd", "bc", "abcd"), ("xabc", "bc", "abc")),
    *(("αβαγ", "βγ"), ("αβγ.", "βγ"), ("a\n\nb", "\n\n"), ("a" * 70, "a" * 64), ("", "a")),
)
"""Texts, each with up to two stop texts."""

_TURNS: tuple[tuple[str | None, str], ...] = (
    (None, "What is it?"),
    ("Be brief.", "the kernel"),
    ("", "<|im_end|></s>"),
    (None, "  in\n\nthe kernel  "),
)


def utf8() -> list[Table]:
    """Return the table of utf8.h."""
    rows: list[tuple[bytes | int | str, ...]] = []
    for text in _BYTES:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(text)
            tail, err = len(decoder.getstate()[0]), 0
        except UnicodeDecodeError:
            tail, err = 0, "-EILSEQ"  # type: ignore[assignment]
        out = text.decode("utf-8", "replace").encode()
        rows.append((text, len(text), tail, err, out, len(out)))
    fields = ("const char *text", "u32 n", "u32 tail", "int err", "const char *out", "u32 n_out")
    return [Table("utf8", fields, rows)]


def tokens() -> list[Table]:
    """Return the table of vocab.h: texts and their ids."""
    texts = [t.encode() for t in _TEXTS]
    texts += [b"ill\xff\xe2\x82formed \xf0\x9f\xa6"]
    rows: list[tuple[bytes | int | str | list[int], ...]] = []
    for text in texts:
        for model, encode in ((BPE_MODEL, bpe_encode), (SPM_MODEL, spm_encode)):
            ids = encode(text.decode("utf-8", "replace"))
            whole = text.decode("utf-8", "replace").encode() == text and "▁".encode() not in text
            rows.append((model.encode(), text, len(text), ids, len(ids), int(whole)))
    most = max(len(row[3]) for row in rows if isinstance(row[3], list))
    fields = ("const char *model", "const char *text", "u32 n", f"u32 ids[{most}]", "u32 n_ids")
    return [Table("token", (*fields, "bool reversible"), rows)]


def chat() -> list[Table]:
    """Return the table of chat.h: first texts of a dialogue, and their ids."""
    rows: list[tuple[bytes | int | str | list[int], ...]] = []
    for system, user in _TURNS:
        for model, name in ((BPE_MODEL, "CHATML"), (SPM_MODEL, "ZEPHYR")):
            ids = _turn(model, system, user)
            shown = "NULL" if system is None else system.encode()
            rows.append((model.encode(), f"LLAMA_CHAT_{name}", shown, user.encode(), ids, len(ids)))
    most = max(len(row[4]) for row in rows if isinstance(row[4], list))
    fields = (
        *("const char *model", "int family", "const char *system", "const char *user"),
        *(f"u32 ids[{most}]", "u32 n_ids"),
    )
    return [Table("turn", fields, rows)]


@cache
def _bpe(special: bool) -> Tokenizer:
    """Return Hugging Face's tokenizer for the shape "tiny"."""
    pieces, kinds, merges = bpe_pieces(SHAPES["tiny"].n_vocab)
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    if special:
        control = [t for t, kind in zip(pieces, kinds, strict=True) if kind == 3]
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in control])
    return tokenizer


def bpe_encode(text: str, special: bool = False) -> list[int]:
    """Return ids of the vocabulary of "tiny"; with ``special`` control tokens are recognised."""
    return list(_bpe(special).encode(text).ids)


def spm_encode(text: str) -> list[int]:
    """Return ids of the vocabulary of "tiny-spm"; the best pair merges, the leftmost of equals."""
    pieces, scores, kinds = spm_pieces(SHAPES["tiny-spm"].n_vocab)
    known = {p: i for i, (p, kind) in enumerate(zip(pieces, kinds, strict=True)) if kind == 1}
    symbols = list(("▁" + text).replace(" ", "▁")) if text else []
    while True:
        pairs = [known.get(a + b) for a, b in pairwise(symbols)]
        best = [(-scores[i], at) for at, i in enumerate(pairs) if i is not None]
        if not best:
            break
        at = min(best)[1]
        symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
    ids: list[int] = []
    for symbol in symbols:
        if symbol in known:
            ids.append(known[symbol])
        else:
            ids += [3 + byte for byte in symbol.encode()]
    return ids


def _turn(model: str, system: str | None, user: str) -> list[int]:
    """Return the ids of the rendered template; the user's text gives no control tokens."""
    # The user's text must give no control token: its names are single letters until the end.
    hidden = {"<|im_end|>": "\ue000", "</s>": "\ue001"}

    def hide(text: str) -> str:
        for word, letter in hidden.items():
            text = text.replace(word, letter)
        return text

    def show(text: str) -> str:
        for word, letter in hidden.items():
            text = text.replace(letter, word)
        return text

    messages = [] if system is None else [{"role": "system", "content": hide(system)}]
    messages.append({"role": "user", "content": hide(user)})
    source, eos = (CHATML, "<|im_end|>") if model == BPE_MODEL else (ZEPHYR, "</s>")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    text = environment.from_string(source).render(
        messages=messages, add_generation_prompt=True, eos_token=eos
    )
    if model == BPE_MODEL:
        parts = re.split(r"(<\|im_start\|>|<\|im_end\|>)", text)
        control = {"<|im_start|>": 1, "<|im_end|>": 2}
    else:
        parts = re.split(r"(</s>)", text)
        control = {"</s>": 2}
    encode = bpe_encode if model == BPE_MODEL else spm_encode
    ids = [] if model == BPE_MODEL else [1]
    for part in parts:
        ids += [control[part]] if part in control else encode(show(part))
    return ids


def stop() -> list[Table]:
    """Return the table of stop.h; an empty stop text is left out."""
    rows = []
    for whole, *stops in _STOPS:
        first, second = [*(s.encode() for s in stops), b"", b""][:2]
        out, done = cut(whole.encode(), [s for s in (first, second) if s])
        rows.append((whole.encode(), first, second, out, int(done)))
    fields = ("const char *text", "const char *first", "const char *second")
    return [Table("stop", (*fields, "const char *out", "bool done"), rows)]
