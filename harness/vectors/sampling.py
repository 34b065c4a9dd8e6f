# SPDX-License-Identifier: GPL-2.0
"""Vectors of the sampler and of confidence, from their twins."""

from harness.reference.sampler import ONE, Parameters, Sampler, parse_q16
from harness.reference.score import log_prob, margin
from harness.vectors import Table, Words

N_VOCAB = 48
DRAWS = 12

_PARAMETERS = (
    Parameters(temperature=0),
    Parameters(temperature=0, repeat_penalty=2 * ONE),
    Parameters(seed=1),
    Parameters(temperature=ONE // 2, top_k=5, seed=2),
    Parameters(temperature=2 * ONE, top_p=ONE * 9 // 10, seed=3),
    Parameters(min_p=ONE // 20, seed=4),
    Parameters(temperature=1, seed=5),
    Parameters(ONE * 7 // 10, 40, ONE * 95 // 100, ONE // 50, ONE * 11 // 10, (1 << 64) - 1),
)

_DECIMALS = ("0", "0.7", "1.", ".5", "32767.99999", "0.0000076293945", "00012.50")
_NO_DECIMALS = ("", ".", "-1", "1e3", "32768", "1.2.3", " 1", "1 ", "0x1")


def sampler() -> list[Table]:
    """Return the tables of sampler.h; each draw is accepted before the next."""
    words = Words(4)
    rows = []
    for i, p in enumerate(_PARAMETERS):
        logits = [words.signed(19) for _ in range(N_VOCAB)]
        logits[7] = logits[30] = max(logits)
        allowed = (1 << N_VOCAB) - 1 if i % 2 == 0 else words.below(1 << N_VOCAB) | 1
        mask = [bool(allowed >> token & 1) for token in range(N_VOCAB)]
        twin = Sampler(p)
        draws = []
        for _ in range(DRAWS):
            token = twin.sample(logits, mask)
            assert token is not None
            twin.accept(token)
            draws.append(token)
        rows.append(
            (
                *(p.temperature, p.top_k, p.top_p, p.min_p, p.repeat_penalty, p.seed),
                *(allowed, logits, draws),
            )
        )
    fields = (
        *("u32 temperature", "u32 top_k", "u32 top_p", "u32 min_p", "u32 repeat_penalty"),
        *("u64 seed", "u64 mask", f"s32 logits[{N_VOCAB}]", f"u32 draws[{DRAWS}]"),
    )
    decimals: list[tuple[bytes, int, int | str]] = []
    decimals += [(text.encode(), parse_q16(text), 0) for text in _DECIMALS]
    decimals += [(text.encode(), 0, "-EINVAL") for text in _NO_DECIMALS]
    return [
        Table("draw", fields, rows),
        Table("decimal", ("const char *text", "u32 v", "int err"), decimals),
    ]


def confidence() -> list[Table]:
    """Return the table of confidence.h; logits are filled up with zeros."""
    words = Words(10)
    rows = []
    for n, bits in ((2, 1), (3, 31), (31, 10), (47, 18), (N_VOCAB, 20), (N_VOCAB, 31)):
        logits = [words.signed(bits) for _ in range(n)]
        likeliest = max(range(n), key=logits.__getitem__)
        for token in sorted({0, likeliest, words.below(n), n - 1}):
            padded = logits + [0] * (N_VOCAB - n)
            rows.append((n, padded, token, log_prob(logits, token), margin(logits, token)))
    fields = ("u32 n_vocab", f"s32 logits[{N_VOCAB}]", "u32 token", "s64 log_prob", "s64 margin")
    return [Table("confidence", fields, rows)]
