# SPDX-License-Identifier: GPL-2.0
"""The verb ``inspect``."""

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.models import malformed


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_a_sound_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = malformed.base()
    path = write(tmp_path / "base.gguf", image.bytes())
    assert main(["inspect", path, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["loads"] is True
    assert report["errno"] == 0
    assert report["why"] == ""
    assert report["file"] == len(image.bytes())
    assert report["n_vocab"] == report["header"]["vocabulary"] == 263
    assert report["n_ctx_train"] == report["header"]["context"] == malformed.N_CTX
    head_dim = malformed.N_EMBD // malformed.N_HEAD
    matrices = (
        2 * malformed.N_EMBD**2
        + 2 * malformed.N_EMBD * malformed.N_HEAD_KV * head_dim
        + 3 * malformed.N_EMBD * malformed.N_FF
    )
    norms = 2 * malformed.N_EMBD
    n_params = malformed.N_LAYER * (matrices + norms) + 263 * malformed.N_EMBD + malformed.N_EMBD
    assert report["n_params"] == report["header"]["parameters"] == n_params
    assert report["header"]["architecture"] == "llama"
    assert report["header"]["types"]["Q4_1"] == malformed.N_LAYER
    assert report["header"]["tokenizer"] == "gpt2"
    assert report["arena"] > 0
    assert report["kv_per_position"] > 0
    assert report["scratch"] > 0
    assert main(["inspect", path]) == 0
    text = capsys.readouterr().out
    assert "the kernel would take it" in text
    assert "2 layers, 32 wide, 4 heads over 2, 48 feed-forward" in text


@pytest.mark.parametrize("name", ["empty", "key-twice", "no-attn_q", "epsilon-nan"])
def test_a_refused_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = next(r for r in malformed.recipes() if r.name == name)
    path = write(tmp_path / "bad.gguf", recipe.make(malformed.base()))
    assert main(["inspect", path]) == 1
    text = capsys.readouterr().out
    assert "the kernel would refuse it: " in text
    assert recipe.expect in text
    assert main(["inspect", path, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["loads"] is False
    assert recipe.expect in report["why"]
    assert (report["header"] is None) == (name in ("empty", "key-twice"))


def test_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "/no/such/file"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "/no/such/file" in captured.err
