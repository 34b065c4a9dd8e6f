# SPDX-License-Identifier: GPL-2.0
"""Times for which vector registers are held: every section is counted."""

from pathlib import Path

import pytest

from harness.bench import sections
from harness.core import library
from harness.host.errors import HarnessError
from harness.models.synthetic import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a tiny model."""
    return make_model("tiny", "Q8_0", tmp_path_factory.mktemp("sections") / "tiny.gguf")


def test_sections_are_counted(model: Path) -> None:
    isa = library.usable_isas()[-1]
    rows = sections.measure(model, isa)
    assert [(row.isa, row.work) for row in rows] == [(isa, "prefill"), (isa, "decode")]
    for row in rows:
        assert 0 < row.p50_ns <= row.p99_ns <= row.max_ns
    assert [row.count for row in sections.measure(model, isa)] == [row.count for row in rows]


def test_a_path_without_vectors_is_refused(model: Path) -> None:
    with pytest.raises(HarnessError, match="generic: this path holds no vector registers"):
        sections.measure(model, "generic")
    with pytest.raises(HarnessError, match="sse9: this machine does not have that path"):
        sections.measure(model, "sse9")
