# SPDX-License-Identifier: GPL-2.0
"""The integers against double precision, on the real model and the text in the repository."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.bench import engines, quality
from harness.bench.quality import CLEAR, Q16, compare, kl_divergence, margins
from harness.cli import main
from harness.core.chat import BOS, Chat
from harness.models import packaged
from harness.models.synthetic import make_model
from harness.reference.float64 import Float64Model

FAKE_PEER = """
import numpy as np
from harness.bench.worker import Loaded, serve

class Fake:
    prefill = fill = decode = first_token = None
    def load(self, path, threads, n_ctx, isa):
        return Loaded(0.0, "native", f"fake peer, {n_ctx} positions")
    def logits(self, tokens, path):
        np.save(path, (np.arange(len(tokens) * N_VOCAB) % 7).reshape(len(tokens), N_VOCAB))

serve(Fake(), logits=Fake().logits)
"""


def test_smollm2_is_close_to_double_precision() -> None:
    """The difference is not zero, so that the core is not compared with itself."""
    (q,) = quality.measure(packaged.smollm2(), quality.TEXT.read_bytes())
    assert q.n_tokens >= 256
    assert 1e-9 < q.mean_kl <= 1e-5
    assert q.max_kl <= 1e-4
    assert q.clear_misses == 0
    assert q.perplexity < 25, "neither side is the language model that it should be"


def test_kl_divergence_of_known_distributions() -> None:
    """The two directions differ; a constant added to logits changes nothing."""
    p, q = [0.5, 0.25, 0.25], [0.1, 0.6, 0.3]
    want, got = np.log([p, q]), np.log([q, p])
    expected = [
        sum(x * math.log(x / y) for x, y in zip(a, b, strict=True)) for a, b in ((p, q), (q, p))
    ]
    assert abs(expected[0] - expected[1]) > 0.01
    np.testing.assert_allclose(kl_divergence(want, got), expected, rtol=1e-12)
    np.testing.assert_allclose(kl_divergence(want, want + 1000), 0, atol=1e-12)


def test_margins() -> None:
    np.testing.assert_array_equal(margins(np.array([[1.0, 5.0, 3.0], [2.0, 2.0, 0.0]])), [2, 0])


def test_misses_count_only_where_the_margin_is_clear() -> None:
    want = np.array([[0.0, CLEAR / 2], [0.0, 2 * CLEAR], [0.0, 1.0]])
    got = np.array([[9, 0], [9, 0], [0, 65536]], dtype=np.int32)
    q = compare(want, got, Q16, [0, 1, 0])
    assert (q.n_tokens, q.clear_misses) == (3, 1)
    assert q.same_top1 == pytest.approx(1 / 3)
    assert q.max_kl == pytest.approx(float(kl_divergence(want, got / 65536).max()))
    surprise = -(math.log(0.5) + math.log(0.5)) / 2  # all but the last two nearly even
    assert q.perplexity == pytest.approx(math.exp(surprise), rel=1e-2)


def test_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Test a random model of every block size, and both tokenizers."""
    text = tmp_path / "text"
    text.write_bytes("the kernel and the thing: ünï 12\n".encode())
    for shape, kind in (("tiny-256", "Q4_K_M"), ("tiny-spm", "Q8_0")):
        path = make_model(shape, kind, tmp_path / f"{shape}.gguf")
        assert main(["quality", str(path), "--text", str(text), "--json"]) == 0
        q = json.loads(capsys.readouterr().out)
        assert q["n_tokens"] > 10
        assert q["mean_kl"] < 1e-5
        assert main(["quality", str(path), "--text", str(text)]) == 0
        assert "mean KL" in capsys.readouterr().out


def test_the_peer_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer's logits are known and have nothing to do with the model's."""
    path = make_model("tiny", "Q4_0", tmp_path / "m.gguf")
    (tmp_path / "text").write_bytes(b"the kernel and the thing")
    with Chat(path.read_bytes()) as vocabulary:
        tokens = vocabulary.plain(b"the kernel and the thing", BOS)
    want = Float64Model(path).logits(tokens)
    program = FAKE_PEER.replace("N_VOCAB", str(want.shape[1]))
    monkeypatch.setattr(engines.PeerEngine, "command", lambda _: [sys.executable, "-c", program])
    arguments = ["quality", str(path), "--text", str(tmp_path / "text"), "--peer", "llama.cpp"]
    assert main([*arguments, "--json"]) == 0
    q = json.loads(capsys.readouterr().out)
    kl = kl_divergence(want, np.arange(want.size, dtype=np.float64).reshape(want.shape) % 7)
    assert q["peer"]["mean_kl"] == pytest.approx(kl.mean())
    assert q["peer"]["max_kl"] == pytest.approx(kl.max())
    assert (q["peer"]["engine"], q["peer"]["n_tokens"]) == ("llama.cpp", len(tokens))
    assert q["mean_kl"] < 1e-5 < q["peer"]["mean_kl"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"fake peer, {len(tokens)} positions"
    (line,) = (line for line in lines if line.startswith("mean KL"))
    assert line.endswith(f" {kl.mean():.2e}")


@pytest.mark.parametrize("text", [b"", b"e", b"the kernel " * 400])
def test_texts_that_do_not_fit(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_model("tiny", "Q4_0", tmp_path / "m.gguf")
    (tmp_path / "text").write_bytes(text)
    assert main(["quality", str(path), "--text", str(tmp_path / "text")]) == 2
    assert "tokens: give 2 to 256" in capsys.readouterr().err
