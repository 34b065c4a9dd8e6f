# SPDX-License-Identifier: GPL-2.0
"""Texts to tokenize: every kind of character, in every order."""

import random

SCRAPS = [
    *"abcxyzABCXYZ0123456789",
    *("the", "Hello", " world", "don't", "I'LL", "we've", "they're", "she'd", "it's", "I'm"),
    *(" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\u00a0", "\u2003", "\u3000", "\x0b"),
    *("1", "12", "1234567", "3.14", "1,000", "½", "²", "٣", "Ⅷ", "１２", "0x1F"),
    *(
        "é",
        "e\u0301",
        "ñ",
        "ß",
        "ſ",
        "'ſ",
        "Ω",
        "Ж",
        "ا",
        "ש",
        "क्षि",
        "ก็",
        "한국어",
        "漢字",
        "かな",
        "ｶﾅ",
    ),
    *("😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "🦙", "\U0001f1e9\U0001f1ea"),
    *("\x04", "a\x16b", "\x1d\x1d"),  # bytes that SmolLM2's vocabulary lacks
    *("\u0301", "\u200b", "\u200d", "\ufeff", "\u2028", "\x00", "\x7f", "\x85", "\u2581", "▁▁"),
    *(
        "!",
        "?!",
        "...",
        "'",
        "''",
        '"',
        "#include <stdio.h>",
        "if (x) {\n\treturn y;\n}",
        "a_b",
        "C++",
    ),
    *("def f(x):\n    return x**2\n", "=>", "//", "/* */", "\\n", "$", "€", "{}", "[]", "()", "--"),
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<s>",
        "</s>",
        "<unk>",
        "<0x41>",
        "<|endoftext|>",
        "<file_sep>",
    ),
    *("\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\u0378"),
]
BAD = [
    b"\xff",
    b"\xc0\x80",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xed\xa0\x80",
    b"\x80",
    b"\xf5",
    b"\xe2",
]


def texts(n: int, seed: int) -> list[bytes]:
    """Return ``n`` texts, one in five with ill-formed bytes, a few of 100 kB."""
    draw = random.Random(seed)
    out: list[bytes] = []
    for i in range(n - len(LONG)):
        parts = [
            draw.choice(SCRAPS).encode()
            if draw.random() < 0.85
            else chr(draw.choice(_RANGES)(draw)).encode("utf-8", "replace")
            for _ in range(draw.randint(0, 24))
        ]
        if i % 5 == 0:
            parts.insert(draw.randint(0, len(parts)), draw.choice(BAD))
        out.append(b"".join(parts))
    return out + LONG


_RANGES = [
    lambda d: d.randint(0x20, 0x7E),
    lambda d: d.randint(0xA0, 0x24F),
    lambda d: d.randint(0x300, 0x6FF),
    lambda d: d.randint(0x900, 0x1FFF),
    lambda d: d.randint(0x2000, 0x2BFF),
    lambda d: d.randint(0x3040, 0x9FFF),
    lambda d: d.randint(0x1F300, 0x1FAFF),
]

_MIXED = "".join(random.Random(1).choices(SCRAPS, k=30000)).encode()[:100000]

LONG = [
    b"a" * 100000,
    b" " * 100000,
    b"ab" * 50000,
    b"7" * 100000,
    "漢字".encode() * 16667,
    b"\xff" * 33000,
    "😀".encode() * 25000,
    b"\n" * 100000,
    _MIXED,
]
