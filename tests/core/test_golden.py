# SPDX-License-Identifier: GPL-2.0
"""Check the golden logits in userspace and in the twin, and the models that produce them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from harness.cli import main
from harness.core.library import select_isa, usable_isas
from harness.core.session import Model
from harness.host.errors import HarnessError
from harness.models.synthetic import SHAPES, TYPES, make_model
from harness.reference.twin import Twin
from harness.vectors import goldens
from harness.vectors.goldens import Golden

GOLDENS = goldens.load()
EVERY = pytest.mark.parametrize("golden", GOLDENS, ids=lambda g: g.name)
TINY = pytest.mark.parametrize("golden", [g for g in GOLDENS if g.tiny], ids=lambda g: g.name)


def test_every_recipe_has_its_file() -> None:
    assert {g.name for g in GOLDENS} == {r.name for r in goldens.RECIPES}
    for golden, recipe in zip(GOLDENS, sorted(goldens.RECIPES, key=lambda r: r.name), strict=True):
        assert list(golden.tokens) == recipe.tokens()
    kinds = {g.recipe.kind for g in GOLDENS if g.recipe.shape == "tiny-256"}
    assert kinds == set(TYPES)
    assert len({g.sha256 for g in GOLDENS}) == len(GOLDENS)


@EVERY
def test_userspace(golden: Golden) -> None:
    """Check batches of one token and of the largest size."""
    with Model(golden.model_path()) as model:
        for batch in (1, 64):
            logits = model.logits(golden.tokens, batch)
            assert goldens.logits_sha256(logits) == golden.sha256, f"batches of {batch}"
    assert logits.shape == (len(golden.tokens), golden.n_vocab)
    assert tuple(logits[-1, : len(golden.first)].tolist()) == golden.first


@TINY
def test_every_instruction_set(golden: Golden) -> None:
    with Model(golden.model_path()) as model:
        for isa in usable_isas():
            select_isa(isa)
            assert goldens.logits_sha256(model.logits(golden.tokens)) == golden.sha256, isa
    select_isa(None)


@TINY
def test_twin(golden: Golden) -> None:
    logits = Twin(golden.model_path()).logits(golden.tokens)
    assert goldens.logits_sha256(logits) == golden.sha256


def test_digest_is_of_little_endian_integers() -> None:
    logits = np.array([[1, -2], [3, 1 << 30]], dtype=np.int32)
    data = b"".join(int(v).to_bytes(4, "little", signed=True) for v in (1, -2, 3, 1 << 30))
    assert goldens.logits_sha256(logits) == hashlib.sha256(data).hexdigest()
    assert goldens.logits_sha256(logits[:, ::-1]) != goldens.logits_sha256(logits)


def test_another_answer_is_noticed() -> None:
    golden = next(g for g in GOLDENS if g.name == "tiny-Q4_0")
    assert goldens.check(golden)
    assert not goldens.check(replace(golden, tokens=(*golden.tokens[:-1], 7)))


def test_another_model_is_noticed() -> None:
    golden = next(g for g in GOLDENS if g.name == "tiny-Q4_0")
    with pytest.raises(HarnessError, match="SHA-256"):
        replace(golden, model_sha256="0" * 64).model_path()


def test_seeds_and_names_matter(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> dict[str, bytes]:
        path = make_model("tiny", "Q4_0", tmp_path / name, seed)
        return {t.name: t.data.tobytes() for t in GGUFReader(path).tensors}

    first, second = weights("a", 1), weights("b", 2)
    assert weights("c", 1) == first
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()
    assert len({*first.values(), *second.values()}) == 2 * len(first)
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "c"}


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.startswith("tiny-")] + ["tiny"])
def test_the_core_takes_every_tiny_shape(shape: str, tmp_path: Path) -> None:
    with Model(make_model(shape, "F16", tmp_path / "m.gguf")) as model:
        assert model.n_vocab == SHAPES[shape].n_vocab
        assert model.n_embd == SHAPES[shape].n_embd


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny-odd", "Q4_0"], "whole blocks of Q4_0"),
        (["tiny", "Q6_K"], "whole blocks of Q6_K"),
        (["tiny", "F16", "--seed", "-1"], "seed"),
    ],
)
def test_impossible_models_are_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "m.gguf"
    assert main(["make-model", *arguments[:2], str(out), *arguments[2:]]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_logits_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = next(g for g in GOLDENS if g.name == "tiny-256-Q4_K_M")
    tokens, out = tmp_path / "tokens.json", tmp_path / "out"
    tokens.write_text(json.dumps(golden.tokens))
    arguments = ["logits", str(golden.model_path()), str(tokens), str(out)]
    assert main([*arguments, "--isa", "generic", "--batch", "5"]) == 0
    assert capsys.readouterr().out == ""
    logits = np.load(out)
    assert (logits.dtype, logits.shape) == (np.float64, (len(golden.tokens), golden.n_vocab))
    assert goldens.logits_sha256((logits * 65536).astype(np.int32)) == golden.sha256


@pytest.mark.parametrize(
    ("tokens", "options", "message"),
    [
        ("[]", [], "not a JSON list"),
        ("[1, 2.5]", [], "not a JSON list"),
        ("[true]", [], "not a JSON list"),
        ("{", [], "tokens.json"),
        ("[300]", [], "from 0 to 299"),
        ("[-1]", [], "from 0 to 299"),
        ("[1]", ["--batch", "0"], "from 1 to 64"),
        ("[1]", ["--batch", "65"], "from 1 to 64"),
        ("[1]", ["--isa", "mmx"], "generic"),
    ],
)
def test_logits_verb_refuses(
    tokens: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = next(g for g in GOLDENS if g.name == "tiny-Q4_0").model_path()
    path = tmp_path / "tokens.json"
    path.write_text(tokens)
    assert main(["logits", str(model), str(path), str(tmp_path / "out.npy"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.npy").exists()
