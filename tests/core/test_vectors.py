# SPDX-License-Identifier: GPL-2.0
"""Check the userspace library against the vector tables of the KUnit suites."""

import errno
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type

from harness.codegen.vectors import HEADERS
from harness.core import sampler, stop, utf8
from harness.core.chat import Chat
from harness.core.library import CoreError, select_isa, usable_isas
from harness.core.ops import Ops
from harness.host.errors import UsageError
from harness.vectors import Table, goldens, products

OPS = Ops()


@cache
def tables() -> dict[str, Table]:
    """Return every table, keyed by its name."""
    return {table.name: table for make in HEADERS.values() for table in make()}


def rows(name: str) -> list[tuple[Any, ...]]:
    return list(tables()[name].rows)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("shift_round", OPS.shift_round),
        ("scale_to_q32", OPS.scale_to_q32),
        ("exp2_neg", OPS.exp2_neg),
        ("sigmoid_from_exp", OPS.sigmoid_from_exp),
        ("isqrt", OPS.isqrt),
        ("rope_frequency", OPS.rope_frequency),
        ("turn_div_f32", OPS.turn_div_f32),
    ],
)
def test_fixed_point(name: str, function: Callable[..., Any]) -> None:
    results = [int(np.ravel(function(*row[:-1]))[0]) for row in rows(name)]
    assert results == [row[-1] for row in rows(name)]


def test_sines() -> None:
    for phase, sin, cos in rows("sincos_turn"):
        assert [int(v[0]) for v in OPS.sincos_turn(phase)] == [sin, cos]


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
def test_parts(kind: str) -> None:
    refused = 0
    for bits, m, e, err in rows(f"{kind}_parts"):
        if err:
            refused += 1
            with pytest.raises(CoreError):
                OPS.parts(kind, bits)
        else:
            assert [int(v[0]) for v in OPS.parts(kind, bits)] == [m, e]
    assert refused


def test_block_floating_point() -> None:
    for v, e, q, h, e_q, q1, e_q1, a, shift in rows("bfp"):
        codes, shifts, exponent = OPS.quantize(v, e)
        assert (codes.tolist(), shifts.tolist(), exponent) == (q, h, e_q)
        codes, exponent = OPS.quantize1(v, e)
        assert (codes.tolist(), exponent) == (q1, e_q1)
        elements, s = OPS.normalize(v)
        assert (elements.tolist(), s) == (a, shift)


@pytest.mark.parametrize("isa", usable_isas())
def test_products(isa: str) -> None:
    stream = np.array([v for (v,) in rows("product_input")])
    select_isa(isa)
    try:
        for name, _, n, size, data, y in rows("product"):
            raw = np.array(data, dtype="<u8").view(np.uint8)[:size].reshape(products.ROWS, -1)
            v = [stream[t : t + n] for t in range(products.TOKENS)]
            with OPS.weights(Type[name.decode()], raw, n) as matrix:
                product = matrix.mul(v, [products.EXPONENT] * products.TOKENS)
            assert product.reshape(-1).tolist() == y, name
    finally:
        select_isa(None)


def test_draws() -> None:
    for temperature, top_k, top_p, min_p, penalty, seed, mask, logits, draws in rows("draw"):
        allowed = [bool(mask >> token & 1) for token in range(len(logits))]
        with sampler.Sampler(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repeat_penalty=penalty,
            seed=seed,
        ) as s:
            for draw in draws:
                assert s.sample(logits, allowed) == draw
                s.accept(draw)


def test_decimals() -> None:
    for text, value, err in rows("decimal"):
        if err:
            with pytest.raises(UsageError):
                sampler.parse_q16(text.decode())
        else:
            assert sampler.parse_q16(text.decode()) == value


@pytest.mark.parametrize("isa", usable_isas())
def test_confidence(isa: str) -> None:
    select_isa(isa)
    try:
        for n, logits, token, log_prob, margin in rows("confidence"):
            assert OPS.confidence(logits[:n], token) == (log_prob, margin)
    finally:
        select_isa(None)


def test_stop_texts() -> None:
    for text, first, second, out, done in rows("stop"):
        for step in range(1, 5):
            state = stop.Filter([s.decode() for s in (first, second) if s])
            passed, stopped, at = b"", False, 0
            while at < len(text) and not stopped:
                piece, stopped = state.push(text[at : at + step])
                passed, at = passed + piece, at + step
            passed += b"" if stopped else state.end()
            assert (passed, stopped) == (out, bool(done)), (text, step)


def test_utf8() -> None:
    for text, _, tail, err, out, _ in rows("utf8"):
        assert utf8.check(text) == (None if err else tail)
        with utf8.Stream() as stream:
            pieces = [stream.push(bytes([b])) for b in text]
            assert b"".join([*pieces, stream.end()]) == out


@cache
def vocabulary(name: bytes) -> Chat:
    """Return the vocabulary of a golden model."""
    (golden,) = (g for g in goldens.load() if g.name == name.decode())
    return Chat(golden.model_path().read_bytes())


def test_tokens() -> None:
    for model, text, _, ids, _, reversible in rows("token"):
        assert vocabulary(model).plain(text) == ids, text
        if reversible:
            assert vocabulary(model).text(ids) == text


def test_turns() -> None:
    for model, family, system, user, ids, _ in rows("turn"):
        prompt = None if system == "NULL" else system
        assert family == ("LLAMA_CHAT_CHATML", "LLAMA_CHAT_ZEPHYR")[vocabulary(model).family - 1]
        assert vocabulary(model).turn(user, system=prompt) == ids, user


def test_errors_are_known_to_c() -> None:
    """Check that every error in a table has the name of an errno."""
    names = {
        cell.removeprefix("-")
        for table in tables().values()
        for row in table.rows
        for cell in row
        if isinstance(cell, str) and cell.startswith("-")
    }
    assert names == {"ERANGE", "EILSEQ", "EINVAL"} <= set(errno.errorcode.values())
