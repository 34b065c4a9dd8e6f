# SPDX-License-Identifier: GPL-2.0
"""Check the sampler against its twin, bit for bit, and both against the definitions."""

import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from harness.core import sampler
from harness.host import patience
from harness.host.errors import UsageError
from harness.reference import fixedpoint as fp
from harness.reference import sampler as twin

ONE = 1 << 16
MAX, MIN = (1 << 31) - 1, -(1 << 31)

# Few distinct values, so that ties and equal weights are common, and the extremes.
tied = st.sampled_from([0, 1, -1, ONE, -ONE, 3 * ONE, 7, MAX, MIN, MAX - 1, MIN + 1])
near = st.integers(-20 * ONE, 20 * ONE)
rows = st.one_of(
    st.lists(tied, min_size=1, max_size=200),
    st.lists(near, min_size=1, max_size=200),
    st.lists(st.integers(MIN, MAX), min_size=1, max_size=70),
)
parameters = st.builds(
    twin.Parameters,
    temperature=st.one_of(
        st.sampled_from([0, 1, 2, ONE // 2, ONE, 16 * ONE]), st.integers(0, 16 * ONE)
    ),
    top_k=st.one_of(st.sampled_from([0, 1, 2, 40, (1 << 32) - 1]), st.integers(0, 220)),
    top_p=st.one_of(st.sampled_from([1, ONE // 2, ONE - 1, ONE]), st.integers(1, ONE)),
    min_p=st.one_of(st.sampled_from([0, 1, ONE // 20, ONE]), st.integers(0, ONE)),
    repeat_penalty=st.one_of(
        st.sampled_from([ONE, ONE // 2, 16 * ONE, ONE + 1]), st.integers(ONE // 2, 16 * ONE)
    ),
    seed=st.one_of(st.sampled_from([0, 1, (1 << 64) - 1]), st.integers(0, (1 << 64) - 1)),
)


def core(p: twin.Parameters) -> sampler.Sampler:
    return sampler.Sampler(
        temperature=p.temperature,
        top_k=p.top_k,
        top_p=p.top_p,
        min_p=p.min_p,
        repeat_penalty=p.repeat_penalty,
        seed=p.seed,
    )


@settings(max_examples=1000, deadline=None)
@given(parameters, rows, st.lists(st.integers(0, 220), max_size=80), st.data())
def test_equals_the_twin(
    p: twin.Parameters, logits: list[int], window: list[int], data: st.DataObject
) -> None:
    allowed = data.draw(
        st.one_of(
            st.none(),
            st.lists(st.booleans(), min_size=len(logits), max_size=len(logits)),
        )
    )
    expected = twin.Sampler(p)
    with core(p) as s:
        for token in window:
            s.accept(token)
            expected.accept(token)
        for _ in range(3):
            chosen = expected.sample(logits, allowed)
            assert s.sample(logits, allowed) == chosen
            assert s.state == expected.state
            if chosen is not None:
                s.accept(chosen)
                expected.accept(chosen)


@settings(max_examples=15, deadline=None)
@given(parameters, st.integers(0, 2**32), st.sampled_from([1, 100, ONE, 4 * ONE, 1 << 29]))
@example(twin.Parameters(temperature=1), 1, ONE)
@example(twin.Parameters(temperature=16 * ONE, top_p=ONE * 9 // 10), 2, 1 << 29)
@example(twin.Parameters(top_k=40, top_p=ONE * 9 // 10), 3, ONE)
@example(twin.Parameters(top_k=4999), 4, 1)
def test_equals_the_twin_on_a_large_vocabulary(p: twin.Parameters, seed: int, scale: int) -> None:
    normal = np.random.default_rng(seed).standard_normal(20_000)
    logits = np.clip(normal * scale, MIN, MAX).astype(np.int64)
    expected = twin.Sampler(p)
    with core(p) as s:
        for token in range(0, 20_000, 311):
            s.accept(token)
            expected.accept(token)
        for _ in range(2):
            assert s.sample(logits) == expected.sample(logits)


def test_the_generator_is_splitmix64() -> None:
    # The first outputs for the seed 1234567, as published for splitmix64.
    quoted = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    generator = twin.Sampler(twin.Parameters(seed=1234567))
    assert [generator.random() for _ in quoted] == quoted


def test_a_known_choice() -> None:
    """Check a choice worked out by hand, since core and twin could share an error.

    At temperature 1 the logits ln 4, ln 2, ln 2 (Q16) have the weights 1/2, 1/4 and 1/4, so that
    the two highest bits of the random number select the token.
    """
    logits = [45426, 90852, 45426]
    generator = twin.Sampler(twin.Parameters(seed=5))
    tops = [generator.random() >> 62 for _ in range(50)]
    with sampler.Sampler(seed=5) as s:
        assert [s.sample(logits) for _ in tops] == [(1, 1, 0, 2)[t] for t in tops]


def seed_for(r: int) -> int:
    """Return the seed for which the generator's first number is r."""

    def undo(z: int, shift: int) -> int:
        x = z
        for _ in range(64 // shift + 1):
            x = z ^ (x >> shift)
        return x

    z = undo(r, 31) * pow(0x94D049BB133111EB, -1, 1 << 64) % (1 << 64)
    z = undo(z, 27) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) % (1 << 64)
    return (undo(z, 30) - 0x9E3779B97F4A7C15) % (1 << 64)


def draw_at(logits: ArrayLike, position: int, total: int, **options: int) -> int | None:
    """Return the token at which the running sum of weights passes ``position`` of ``total``."""
    r = -(-(position << 64) // total)
    assert r * total >> 64 == position
    seed = seed_for(r)
    with sampler.Sampler(seed=seed, **options) as s:
        token = s.sample(logits)
    assert token == twin.Sampler(twin.Parameters(seed=seed, **options)).sample(logits)
    return token


def test_the_draw_is_exact_at_its_boundaries() -> None:
    logits = [0, 0, -ONE]
    w = [1 << 30, 1 << 30, int(twin.weights(np.array([ONE]), ONE)[0])]
    total = sum(w)
    sums = [0, w[0], w[0] + w[1], total]
    for token in range(3):
        assert draw_at(logits, sums[token], total) == token
        assert draw_at(logits, sums[token + 1] - 1, total) == token


def test_the_faintest_weights_count() -> None:
    """Check 1000 tokens of weight 1, the smallest that is not 0, and one token of weight 0."""
    differences = np.arange(16 * ONE, 24 * ONE)
    weights = twin.weights(differences, ONE)
    one, nought = (int(differences[weights == w][0]) for w in (1, 0))
    logits = [0] + [-one] * 1000 + [-nought]
    total = (1 << 30) + 1000
    assert [draw_at(logits, total - 1000 + i, total) for i in (-1, 0, 999)] == [0, 1, 1000]


def test_top_p_is_rounded_up() -> None:
    """Check a first weight that is a fraction of a unit below top_p of the sum."""
    difference, top_p = 22849, 33125
    weight = int(twin.weights(np.array([difference]), 16 * ONE)[0])
    total = (1 << 30) + weight
    assert 0 < total * top_p - (1 << 46) < ONE
    options = {"temperature": 16 * ONE, "top_p": top_p}
    assert draw_at([0, -difference], total - 1, total, **options) == 1


@pytest.mark.parametrize("k", [1, 16383, 16384, 16385, 19999, 20000, 20001])
def test_top_k_at_the_edges_of_the_histogram(k: int) -> None:
    """Check top-k where one range of the histogram holds 16384 differences."""
    logits = -np.arange(20_000)
    weights = twin.weights(np.arange(min(k, 20_000)), 16 * ONE)
    total = int(weights.sum())
    options = {"temperature": 16 * ONE, "top_k": k}
    assert draw_at(logits, total - 1, total, **options) == min(k, 20_000) - 1
    assert draw_at(logits[::-1], total - 1, total, **options) == 20_000 - min(k, 20_000)


def test_greedy_takes_the_lowest_of_equal_ids_and_leaves_the_generator() -> None:
    with sampler.Sampler(temperature=0, seed=9) as s:
        assert s.sample([1, 5, 5, 2]) == 1
        assert s.sample([1, 5, 5, 2], [True, False, True, True]) == 2
        assert s.sample([MIN, MIN, MIN], [False, True, True]) == 1
        assert s.state == 9


def test_no_candidate_is_no_token() -> None:
    for temperature in (0, ONE):
        with sampler.Sampler(temperature=temperature, seed=3) as s:
            assert s.sample([1, 2, 3], [False] * 3) is None
            assert s.sample([], None) is None
            assert s.state == 3


def test_mask_bits_beyond_the_vocabulary_do_nothing() -> None:
    with sampler.Sampler(temperature=0) as s:
        assert s.sample([1, 9, 3] * 30, np.ones(128, dtype=bool)) == 1
        assert s.sample([7], [False] + [True] * 63) is None


def test_frequencies_follow_the_weights() -> None:
    logits = np.array([0, ONE, 2 * ONE, -ONE])
    exact = np.exp(logits / ONE / 0.8)
    exact /= exact.sum()
    with sampler.Sampler(temperature=round(0.8 * ONE), seed=1) as s:
        drawn = [s.sample(logits) for _ in range(20_000)]
    counts = np.bincount(np.array(drawn), minlength=4)
    assert np.all(np.abs(counts / 20_000 - exact) < 0.012)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"top_k": 1}, {3}),
        ({"top_k": 2}, {1, 3}),  # 1 and 2 are equal: the lower id stays
        ({"top_k": 3}, {1, 2, 3}),
        ({"top_p": 1}, {3}),
        ({"top_p": ONE // 2 + 1}, {1, 3}),
        ({"min_p": ONE}, {3}),
        ({"min_p": ONE // 4}, {1, 2, 3}),
        ({"min_p": ONE // 2 + 1}, {3}),
    ],
)
def test_each_filter_keeps_its_tokens(options: dict[str, int], kept: set[int]) -> None:
    # Weights 1/16, 1/4, 1/4, 1/2 of about 1.06.
    logits = [0, 90852, 90852, 136278]
    with sampler.Sampler(seed=2, **options) as s:
        assert {s.sample(logits) for _ in range(300)} == kept


@pytest.mark.parametrize(
    ("logit", "penalty", "result"),
    [
        (ONE, 2 * ONE, ONE // 2),
        (-ONE, 2 * ONE, -2 * ONE),
        (3, 2 * ONE, 2),  # 1.5, rounded up
        (-3, 3 * ONE // 2, -4),  # -4.5, rounded up
        (MAX, ONE // 2, MAX),
        (MIN, 16 * ONE, MIN),
        (MIN, ONE // 2, MIN // 2),
        (12345, ONE, 12345),
        (-12345, ONE, -12345),
    ],
)
def test_repetition_penalty(logit: int, penalty: int, result: int) -> None:
    """Check the penalised logit by the rivals that it still beats."""
    assert twin.penalized(logit, penalty) == result
    with sampler.Sampler(temperature=0, repeat_penalty=penalty) as s:
        s.accept(1)
        s.accept(1)  # a token counts once, however often it occurs
        assert s.sample([result, logit]) == 0  # a tie
        if result > MIN:
            assert s.sample([result - 1, logit]) == 1
        assert s.sample([MIN, logit, min(result + 1, MAX)]) == (2 if result < MAX else 1)


def test_the_window_forgets_after_64_tokens() -> None:
    with sampler.Sampler(temperature=0, repeat_penalty=2 * ONE) as s:
        s.accept(0)
        for _ in range(63):
            s.accept(5000)  # ids beyond the vocabulary are ignored
        assert s.sample([10 * ONE, 9 * ONE]) == 1
        s.accept(5000)
        assert s.sample([10 * ONE, 9 * ONE]) == 0


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("temperature", [0, 16 * ONE], [16 * ONE + 1, (1 << 32) - 1]),
        ("top_p", [1, ONE], [0, ONE + 1]),
        ("min_p", [0, ONE], [ONE + 1]),
        ("repeat_penalty", [ONE // 2, 16 * ONE], [0, ONE // 2 - 1, 16 * ONE + 1]),
    ],
)
def test_ranges(name: str, good: list[int], bad: list[int]) -> None:
    for value in good:
        with sampler.Sampler(**{name: value}):
            twin.Parameters(**{name: value})
    for value in bad:
        with pytest.raises(UsageError, match=name):
            sampler.Sampler(**{name: value})
        with pytest.raises(ValueError, match=name):
            twin.Parameters(**{name: value})


def test_weights_never_grow_with_the_difference() -> None:
    """Check the property that lets top-k, min-p and top-p keep a prefix of one ranking."""
    edges = (np.arange(1, 31 * 64)[:, None] << 14) + np.arange(-3, 3)
    w = fp.i64(fp.exp2_neg(edges.ravel()))
    assert np.all(np.diff(w) <= 0)
    inside = fp.i64(fp.exp2_neg(np.arange(1 << 20)))
    assert np.all(np.diff(inside) <= 0)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 32767), st.text("0123456789", max_size=30), st.booleans(), st.integers(0, 3))
@example(0, "00000762939453125", True, 0)  # exactly half a unit
@example(0, "000007629394531249999999", True, 0)
@example(32767, "99999999999", True, 0)
def test_decimals_round_to_nearest(whole: int, digits: str, point: bool, zeros: int) -> None:
    text = "0" * zeros + str(whole) + ("." + digits if point else "")
    value = Fraction(text.removesuffix("."))
    expected = (value * ONE + Fraction(1, 2)).__floor__()
    assert sampler.parse_q16(text) == expected == twin.parse_q16(text)


@pytest.mark.parametrize(("text", "value"), [(".5", ONE // 2), ("5.", 5 * ONE), ("007", 7 * ONE)])
def test_decimals_at_the_edge(text: str, value: int) -> None:
    assert sampler.parse_q16(text) == value == twin.parse_q16(text)


BAD_DECIMALS = ["", ".", "-1", "+1", "1e3", "1.2.3", "32768", "99999999999999999999", " 1", "1 "]
BAD_DECIMALS += ["0x1", "1,5", "nan", "1\0", "٣", "1..", "..1"]


@pytest.mark.parametrize("text", BAD_DECIMALS)
def test_bad_decimals(text: str) -> None:
    with pytest.raises(UsageError):
        sampler.parse_q16(text)
    with pytest.raises(ValueError, match=r"decimal|large"):
        twin.parse_q16(text)


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789.-e ", max_size=8))
def test_decimals_are_taken_or_refused_alike(text: str) -> None:
    try:
        expected = twin.parse_q16(text)
    except ValueError:
        with pytest.raises(UsageError):
            sampler.parse_q16(text)
    else:
        assert sampler.parse_q16(text) == expected


def test_a_large_vocabulary_is_fast() -> None:
    """Check the processor time of the worst case: 2 to 4 ms natively; the limit is 20 ms."""
    logits = (np.random.default_rng(1).standard_normal(128_256) * 3 * ONE).astype(np.int32)
    with sampler.Sampler(temperature=16 * ONE, top_p=ONE - 1, seed=1) as s:
        times = [time.process_time()]
        for _ in range(10):
            s.sample(logits)
            times.append(time.process_time())
    assert min(b - a for a, b in pairwise(times)) < 0.02 * patience.slowness()
