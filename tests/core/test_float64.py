# SPDX-License-Identifier: GPL-2.0
"""Check the float64 reference: its parts by their properties, the whole against plain loops."""

import math
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, quants

from harness.models.synthetic import SHAPES, Shape, make_model
from harness.reference import float64 as ref
from harness.reference.float64 import F64, Float64Model
from tests.support.model_files import ModelRecipe, write

TOKENS = [3, 299, 17, 17, 120, 64, 5, 88]


def some(*shape: int) -> F64:
    return np.random.default_rng(len(shape)).standard_normal(shape)


def weights(path: Path) -> dict[str, list[list[float]]]:
    """Return every tensor as rows of Python floats, keyed by its name without the suffix."""
    out = {}
    for t in GGUFReader(path).tensors:
        values = quants.dequantize(t.data, t.tensor_type).astype(np.float64)
        out[t.name.removesuffix(".weight")] = values.reshape(-1, int(t.shape[0])).tolist()
    return out


def dot(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def times(matrix: list[list[float]], x: list[float]) -> list[float]:
    return [dot(row, x) for row in matrix]


def norm(x: list[float], w: list[float], eps: float) -> list[float]:
    scale = 1 / math.sqrt(dot(x, x) / len(x) + eps)
    return [v * scale * g for v, g in zip(x, w, strict=True)]


def turn(head: list[float], position: int, s: Shape, divisors: list[float]) -> list[float]:
    """Return a vector after RoPE, computed as a complex product for each pair of neighbours."""
    out = list(head)
    n_rot = s.n_rot or s.n_head_dim
    for i in range(n_rot // 2):
        angle = position * s.rope_base ** (-2 * i / n_rot) / (s.rope_factor or 1) / divisors[i]
        z = complex(head[2 * i], head[2 * i + 1]) * complex(math.cos(angle), math.sin(angle))
        out[2 * i], out[2 * i + 1] = z.real, z.imag
    return out


def literal_logits(path: Path, s: Shape, tokens: list[int]) -> list[list[float]]:
    """Return the logits of the model, computed token by token in loops over Python floats."""
    w, d, eps = weights(path), s.n_head_dim, float(np.float32(s.eps))  # files hold float32
    divisors = w["rope_freqs"][0] if s.rope_freqs else [1.0] * d
    past: list[list[tuple[list[float], list[float]]]] = [[] for _ in range(s.n_layer)]
    result = []
    for position, token in enumerate(tokens):
        x = w["token_embd"][token]
        for layer in range(s.n_layer):
            blk = f"blk.{layer}."
            n = norm(x, w[blk + "attn_norm"][0], eps)
            q, k, v = (times(w[f"{blk}attn_{name}"], n) for name in "qkv")
            heads = [
                (turn(k[h * d : (h + 1) * d], position, s, divisors), v[h * d : (h + 1) * d])
                for h in range(s.n_head_kv)
            ]
            past[layer] += heads
            out = []
            for h in range(s.n_head):
                query = turn(q[h * d : (h + 1) * d], position, s, divisors)
                history = past[layer][h * s.n_head_kv // s.n_head :: s.n_head_kv]
                p = [math.exp(dot(query, key) / math.sqrt(d)) for key, _ in history]
                out += [dot([v[c] for _, v in history], p) / math.fsum(p) for c in range(d)]
            x = [a + b for a, b in zip(x, times(w[blk + "attn_output"], out), strict=True)]
            n = norm(x, w[blk + "ffn_norm"][0], eps)
            gate, up = times(w[blk + "ffn_gate"], n), times(w[blk + "ffn_up"], n)
            inner = [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up, strict=True)]
            x = [a + b for a, b in zip(x, times(w[blk + "ffn_down"], inner), strict=True)]
        result.append(times(w.get("output", w["token_embd"]), norm(x, w["output_norm"][0], eps)))
    return result


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("tiny", "Q4_1"),
        ("tiny-odd", "F32"),
        ("tiny-rope", "F16"),
        ("tiny-mha", "Q8_0"),
        ("tiny-tied", "BF16"),
    ],
)
def test_whole_model_by_plain_loops(shape: str, kind: str, tmp_path: Path) -> None:
    path = make_model(shape, kind, tmp_path / "m.gguf")
    got = Float64Model(path).logits(TOKENS)
    want = np.array(literal_logits(path, SHAPES[shape], TOKENS))
    assert got.std() > 0.1
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


def test_causal(tmp_path: Path) -> None:
    """Check that a token changes no logits before it and all logits from its position on."""
    model = Float64Model(make_model("tiny", "F16", tmp_path / "m.gguf"))
    a, b = model.logits(TOKENS), model.logits([*TOKENS[:5], 9, *TOKENS[6:]])
    np.testing.assert_allclose(a[:5], b[:5], rtol=0, atol=1e-12)
    assert (np.abs(a[5:] - b[5:]).max(axis=-1) > 1e-3).all()


def test_products_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that products of big matrices, computed some rows at a time, equal whole products."""
    model = Float64Model(make_model("tiny", "Q5_1", tmp_path / "m.gguf"))
    whole = model.logits(TOKENS)
    monkeypatch.setattr(ref, "_CHUNK", 64 * 7)
    np.testing.assert_allclose(model.logits(TOKENS), whole, rtol=0, atol=1e-12)


def test_rope_keeps_lengths_and_sees_distances_only() -> None:
    q, k = some(1, 3, 16), some(1, 3, 16)

    def angles(position: int) -> F64:
        return ref.rope_angles(np.array([position]), 16, 10000.0, 2.0, np.ones(8))

    def score(m: int, n: int) -> F64:
        product: F64 = (ref.rotate(q, angles(m)) * ref.rotate(k, angles(n))).sum(axis=-1)
        return product

    np.testing.assert_allclose(score(9, 4), score(1009, 1004), atol=1e-10)
    assert np.abs(score(9, 4) - score(9, 5)).min() > 1e-3
    lengths = np.linalg.norm(ref.rotate(q, angles(77)), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(q, axis=-1))
    np.testing.assert_array_equal(ref.rotate(q, angles(0)), q)


def test_rope_leaves_later_dimensions_unchanged() -> None:
    x = some(2, 3, 16)
    y = ref.rotate(x, np.ones((2, 4)))
    np.testing.assert_array_equal(y[..., 8:], x[..., 8:])
    assert (y[..., :8] != x[..., :8]).all()


def scaled(
    path: Path, factor: float | None, older: float | None, scaling: str = "linear"
) -> Float64Model:
    recipe = ModelRecipe(
        kind=Type.F32, rope_factor=factor, rope_scale_linear=older, rope_scaling=scaling
    )
    return Float64Model(write(recipe, path))


def test_both_names_of_linear_scaling(tmp_path: Path) -> None:
    """Check that the older key needs no type, the newer key wins, and "none" disables scaling."""
    plain, want = (scaled(tmp_path / "m", f, None).logits(TOKENS) for f in (None, 4.0))
    assert np.abs(want - plain).max() > 1e-3
    older = scaled(tmp_path / "m", None, 4.0).logits(TOKENS)
    np.testing.assert_array_equal(older, want)
    both = scaled(tmp_path / "m", 4.0, 2.0).logits(TOKENS)
    np.testing.assert_array_equal(both, want)
    none = scaled(tmp_path / "m", 4.0, None, "none").logits(TOKENS)
    np.testing.assert_array_equal(none, plain)


def test_other_scalings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="yarn"):
        scaled(tmp_path / "m", 4.0, None, "yarn")


def test_shared_heads_are_repeated_heads() -> None:
    q, k, v = some(5, 6, 4), some(5, 2, 4), some(5, 2, 4)
    repeated = ref.attention(q, np.repeat(k, 3, axis=1), np.repeat(v, 3, axis=1))
    np.testing.assert_allclose(ref.attention(q, k, v), repeated, atol=1e-14)


def test_attention_averages() -> None:
    """Check that equal keys average the values, and that one position returns its own value."""
    v = some(4, 1, 3)
    out = ref.attention(some(4, 1, 3), np.ones((4, 1, 3)), v)
    means = np.cumsum(v, axis=0) / np.arange(1, 5)[:, None, None]
    np.testing.assert_allclose(out, means, atol=1e-14)


def test_softmax_of_large_numbers() -> None:
    p = ref.softmax(np.array([[1000.0, 1000.0 + math.log(3), -np.inf]]))
    np.testing.assert_allclose(p, [[0.25, 0.75, 0.0]], atol=1e-12)


def test_rmsnorm() -> None:
    np.testing.assert_allclose(
        ref.rmsnorm(np.array([3.0, 4.0]), np.array([1.0, 2.0]), 0.0),
        [3 / math.sqrt(12.5), 8 / math.sqrt(12.5)],
    )
    assert ref.rmsnorm(np.zeros(2), np.ones(2), 1e-5).tolist() == [0, 0]


def test_swiglu() -> None:
    gate = np.array([0.0, 2.0, -2.0, 2000.0, -2000.0])
    want = [0.0, 6 / (1 + math.exp(-2)), -6 / (1 + math.exp(2)), 6000.0, 0.0]
    np.testing.assert_allclose(ref.swiglu(gate, np.full(5, 3.0)), want, atol=1e-12)
