# SPDX-License-Identifier: GPL-2.0
"""Check that the core's whole forward pass equals the integer twin, bit for bit."""

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.core.library import select_isa, usable_isas
from harness.core.ops import Ops
from harness.core.session import Model
from harness.reference.fixedpoint import I64
from harness.reference.twin import Twin
from harness.reference.weights import FLOATS
from tests.support.model_files import ModelRecipe, write
from tests.support.weight_bytes import STYLES, TYPES

OPS = Ops()

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

EVERY_TYPE = pytest.mark.parametrize("kind", TYPES, ids=lambda t: t.name)

ODD = ModelRecipe(n_embd=60, n_head=6, n_head_kv=3, n_ff=44)
"""Recipe in which no dimension is a multiple of 32."""

WHOLE_BLOCKS = ModelRecipe(n_embd=256, n_head=4, n_head_kv=2, n_ff=512)
"""Recipe whose dimensions suit every type."""


def ids(recipe: ModelRecipe, n: int) -> list[int]:
    """Return token ids, including the first and the last of the vocabulary."""
    rng = np.random.default_rng(recipe.seed)
    return [int(i) for i in [recipe.n_vocab - 1, 0, *rng.integers(0, recipe.n_vocab, n)][:n]]


def agree(
    recipe: ModelRecipe, n: int = 20, batches: tuple[int, ...] = (1, 3, 64), threads: int = 1
) -> I64:
    """Check core against twin, ``n`` tokens, on every path and batch size; return the logits."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(recipe, Path(folder) / "model.gguf")
        tokens = ids(recipe, n)
        want = Twin(path).logits(tokens)
        with Model(path) as model:
            for isa, batch in itertools.product(usable_isas(), batches):
                select_isa(isa)
                got = model.logits(tokens, batch, threads)
                np.testing.assert_array_equal(got, want, err_msg=f"{isa}, batches of {batch}")
    return want.astype(np.int64)


def tells(logits: I64) -> None:
    """Check that the logits have a real model's size and differ between all positions."""
    assert len(np.unique(logits, axis=0)) == len(logits)
    assert (logits.std(axis=1) > 2**14).all()


@EVERY_TYPE
def test_every_type(kind: Type) -> None:
    tells(agree(replace(WHOLE_BLOCKS, kind=kind)))


@EVERY_TYPE
@pytest.mark.parametrize("style", [s for s in STYLES if s != "ordinary"])
def test_extreme_weights(kind: Type, style: str) -> None:
    """Check largest, smallest, very different and zero weights: saturation and empty rows."""
    shape = ODD if kind in FLOATS else WHOLE_BLOCKS
    agree(replace(shape, kind=kind, style=style, n_layer=1), n=6, batches=(1, 6))


@pytest.mark.parametrize("kind", list(FLOATS), ids=lambda t: t.name)
def test_dimensions_that_are_no_multiples(kind: Type) -> None:
    tells(agree(replace(ODD, kind=kind)))


@pytest.mark.parametrize(
    "recipe",
    [
        ModelRecipe(tied=True),
        ModelRecipe(n_head_kv=1),
        ModelRecipe(n_head_kv=4),
        ModelRecipe(n_head=3, n_head_kv=1, n_embd=48, n_head_dim=24),
        ModelRecipe(n_head=2, n_head_kv=2, n_embd=36, n_head_dim=26),
        ModelRecipe(n_rot=8),
        ModelRecipe(n_rot=2),
        ModelRecipe(rope_base=500000.0),
        ModelRecipe(rope_base=1.5),
        ModelRecipe(rope_factor=4.0),
        ModelRecipe(rope_factor=0.3),
        ModelRecipe(rope_factor=0.3, rope_scaling="none"),
        ModelRecipe(rope_scale_linear=2.5),
        ModelRecipe(rope_freqs=(1.0, 0.9, 2.5, 8.0, 1e-30, 1e30, 32.0, 7.7)),
        ModelRecipe(rope_factor=3.3, rope_freqs=(1.0, 1.0, 2.5, 8.0, 1.5, 1.6, 32.0, 7.7)),
        ModelRecipe(eps=1e-12),
        ModelRecipe(eps=0.75),
        ModelRecipe(norm_kind=Type.F16),
        ModelRecipe(n_layer=1, n_ff=1000, n_embd=8, n_head=1, n_head_kv=1),
        ModelRecipe(n_layer=1, n_embd=2, n_head=1, n_head_kv=1, n_ff=1),
        ModelRecipe(n_layer=1, n_embd=256, n_head=1, n_head_kv=1),
    ],
    ids=lambda r: ",".join(
        f"{k}={v}" for k, v in vars(r).items() if v != getattr(ModelRecipe(), k)
    ),
)
def test_every_hyper_parameter(recipe: ModelRecipe) -> None:
    agree(recipe)


def test_rope_scaling_matters() -> None:
    """Check that each scaling key changes the logits, and that "none" does not."""
    plain = agree(ModelRecipe(), batches=(64,))
    for change in (
        replace(ModelRecipe(), rope_base=500.0),
        replace(ModelRecipe(), rope_factor=4.0),
        replace(ModelRecipe(), rope_scale_linear=4.0),
        replace(ModelRecipe(), rope_freqs=(2.0,) * 8),
        replace(ModelRecipe(), n_rot=8),
    ):
        assert (agree(change, batches=(64,)) != plain).any()
    same = replace(ModelRecipe(), rope_factor=4.0, rope_scaling="none")
    assert (agree(same, batches=(64,)) == plain).all()


def test_mixed_types() -> None:
    """Check a file that mixes types as Q4_K_M does."""
    types = {
        "token_embd": Type.Q8_0,
        "attn_q": Type.Q4_K,
        "attn_k": Type.Q5_0,
        "attn_v": Type.Q6_K,
        "attn_output": Type.Q5_K,
        "ffn_gate": Type.Q3_K,
        "ffn_up": Type.Q4_1,
        "ffn_down": Type.Q2_K,
        "output": Type.Q5_1,
    }
    tells(agree(replace(WHOLE_BLOCKS, types=types)))


def test_longest_context() -> None:
    """Check every position of the context, over many chunks of the KV cache."""
    recipe = ModelRecipe(n_ctx=1030, n_embd=32, n_head=2, n_head_kv=1, n_ff=32, n_layer=1)
    tells(agree(recipe, n=1030, batches=(1, 3, 64)))


def test_widest_heads() -> None:
    """Check more keys than fit in the vector registers at a time, and the values behind them."""
    recipe = ModelRecipe(n_ctx=600, n_embd=32, n_head=2, n_head_kv=1, n_head_dim=256, n_layer=1)
    tells(agree(recipe, n=600, batches=(3, 64)))


# Each test checks one operation: all others are switched off or act as the identity.

WIDE_STYLES = st.sampled_from(
    ["ordinary", "spread", "columns", "any", "zero", "largest", "smallest"]
)


@settings(max_examples=40)
@given(
    n_embd=st.integers(1, 50).map(lambda k: 2 * k),
    style=WIDE_STYLES,
    norm=st.sampled_from(["ordinary", "any", "zero", "largest", "smallest"]),
    size=st.sampled_from([0, -29]),
    eps=st.tuples(st.floats(1, 1.875, width=32), st.integers(-62, -1)).map(
        lambda p: p[0] * 2 ** p[1]
    ),
    seed=st.integers(0, 2**32 - 1),
)
@example(n_embd=20, style="ordinary", norm="ordinary", size=-29, eps=2.0**-55, seed=0)
@example(n_embd=20, style="ordinary", norm="ordinary", size=-29, eps=2.0**-126, seed=1)
def test_rmsnorm(n_embd: int, style: str, norm: str, size: int, eps: float, seed: int) -> None:
    """Check RMSNorm of embedding rows through an output matrix that keeps every bit."""
    styles = {"token_embd": style, "output_norm": norm, "attn_output": "null", "ffn_down": "null"}
    recipe = ModelRecipe(
        kind=Type.F32, n_embd=n_embd, n_head=1, n_head_kv=1, n_ff=1, n_layer=1, eps=eps,
        seed=seed, styles=styles, middles={"token_embd": size, "output": 9},
    )  # fmt: skip
    agree(recipe, n=20, batches=(20,))


@settings(max_examples=100)
@given(
    n_head_dim=st.integers(1, 40).map(lambda k: 2 * k),
    group=st.integers(1, 3),
    embedding=st.sampled_from(["ordinary", "spread"]),
    query=WIDE_STYLES,
    key=WIDE_STYLES,
    value=WIDE_STYLES,
    score=st.integers(-6, 3),
    gain=st.sampled_from([6, 30]),
    n=st.integers(1, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_attention(
    n_head_dim: int,
    group: int,
    embedding: str,
    query: str,
    key: str,
    value: str,
    score: int,
    gain: int,
    n: int,
    seed: int,
) -> None:
    """Check attention of one key-value head over its history, with a gain that hides the embedding.

    With spread embeddings and columns, positions differ by many powers of two.
    """
    styles = {
        "token_embd": embedding,
        "attn_q": query,
        "attn_k": key,
        "attn_v": value,
        "ffn_down": "null",
    }
    recipe = ModelRecipe(
        kind=Type.F32, n_embd=20, n_head=group, n_head_kv=1, n_head_dim=n_head_dim, n_ff=1,
        n_layer=1, n_ctx=100, rope_base=30.0, seed=seed, styles=styles,
        middles={"attn_q": score, "attn_k": score, "attn_v": -2, "attn_output": gain, "output": 9},
    )  # fmt: skip
    agree(recipe, n=n, batches=(n,) if n <= 64 else (50,))


@settings(max_examples=60)
@given(n=st.integers(2, 8), seed=st.integers(0, 2**32 - 1))
def test_attention_over_values_of_every_size(n: int, seed: int) -> None:
    """Check tokens with separate columns, so that keys and values differ by a factor of 2^40."""
    styles = {
        "token_embd": "one",
        "attn_norm": "ramp",
        "attn_v": "ramp",
        "ffn_down": "null",
    }
    recipe = ModelRecipe(
        kind=Type.F32, n_embd=64, n_head=1, n_head_kv=1, n_head_dim=4, n_ff=1, n_layer=1,
        seed=seed, styles=styles,
        middles={"attn_norm": 12, "attn_v": 12, "attn_output": 20, "output": 9},
    )  # fmt: skip
    agree(recipe, n=n, batches=(n,))


@settings(max_examples=40)
@given(
    n_ff=st.integers(1, 100),
    gate=WIDE_STYLES,
    up=WIDE_STYLES,
    size=st.integers(-4, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_swiglu(n_ff: int, gate: str, up: str, size: int, seed: int) -> None:
    """Check SwiGLU with gates from zero to far beyond the sigmoid's saturation."""
    styles = {"ffn_gate": gate, "ffn_up": up, "attn_output": "null"}
    recipe = ModelRecipe(
        kind=Type.F32, n_embd=20, n_head=1, n_head_kv=1, n_ff=n_ff, n_layer=1, seed=seed,
        styles=styles, middles={"ffn_gate": size, "ffn_up": 0, "ffn_down": 6, "output": 9},
    )  # fmt: skip
    agree(recipe, n=20, batches=(20,))


@settings(max_examples=25)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_model(data: st.DataObject, seed: int) -> None:
    """Check random shapes, types, weights and thread counts, tensor by tensor."""
    kinds = st.sampled_from(TYPES)
    names = ["token_embd", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up",
             "ffn_down", "output"]  # fmt: skip
    n_head_kv = data.draw(st.integers(1, 3))
    recipe = ModelRecipe(
        n_embd=256,
        n_ff=256,
        n_head=n_head_kv * data.draw(st.integers(1, 3)),
        n_head_kv=n_head_kv,
        n_head_dim=256,
        n_rot=2 * data.draw(st.integers(1, 128)),
        n_layer=data.draw(st.integers(1, 2)),
        rope_base=data.draw(st.floats(1.5, 2**30, width=32)),
        eps=data.draw(st.floats(2**-40, 0.5, width=32)),
        tied=data.draw(st.booleans()),
        seed=seed,
        types={name: data.draw(kinds) for name in names},
        styles={name: data.draw(st.sampled_from(STYLES)) for name in [*names, "attn_norm"]},
    )
    agree(recipe, n=19, batches=(1, 5, 19), threads=data.draw(st.integers(1, 4)))
