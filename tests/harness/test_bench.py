# SPDX-License-Identifier: GPL-2.0
"""Benchmarks: measures, engines and reports; times themselves are not tested."""

import dataclasses
import itertools
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from harness.bench import engines, llama_cpp_build, plan, plots, report
from harness.bench import machine as bench_machine
from harness.bench import measure as bench
from harness.bench.results import BenchResult, Row
from harness.bench.uml import UmlEngine
from harness.bench.userspace import Native, read_bandwidth
from harness.bench.worker import tokens
from harness.cli import main
from harness.commands import bench as verb
from harness.core import library, session
from harness.core.chat import BOS, Chat
from harness.host.errors import HarnessError, SetupError
from harness.models.synthetic import make_model

FAKE_PEER = """
import sys
from harness.bench.worker import Loaded, serve

class Fake:
    def load(self, path, threads, n_ctx, isa):
        print("a library that talks")
        return Loaded(4.0, "native", f"fake peer, {threads} threads")
    def prefill(self, n, batch):
        return n / 100.0
    def fill(self, n):
        self.n_past = n
    def decode(self, n, depth):
        if depth != self.n_past:
            raise ValueError(f"position {depth} of {self.n_past}")
        return n / 10.0
    def first_token(self, tokens, kept):
        return 2.0 - (kept > 0)

serve(Fake())
"""

ENGINES = ("llamux", "llama.cpp")
KEYS = {
    "engine",
    "model",
    "on",
    "isa",
    "threads",
    "kind",
    "tokens_per_second",
    "spread",
    "ratio_to_peer",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model that computes quickly."""
    return make_model("tiny", "Q4_0", tmp_path_factory.mktemp("bench") / "tiny.gguf")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a small buffer for the bandwidth, count any machine as idle, restore the path."""
    monkeypatch.setattr("harness.bench.machine.last_level_cache", lambda: 1 << 16)
    monkeypatch.setattr("harness.bench.measure.QUIET", 1e9)
    yield
    library.select_isa(None)


@pytest.fixture
def fake_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the peer by one with known figures: 100 tokens/s, 10 tokens/s, 4 s, 2 s or 1 s."""
    monkeypatch.setattr(engines.PeerEngine, "command", lambda _: [sys.executable, "-c", FAKE_PEER])


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return the output of --json."""
    assert main(["bench", *arguments, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def rows(result: dict[str, Any], **want: object) -> list[dict[str, Any]]:
    """Return the rows with these values."""
    return [r for r in result["rows"] if all(r[k] == v for k, v in want.items())]


@pytest.mark.usefixtures("fake_peer")
def test_json_has_a_row_for_each_engine_thread_count_and_kind(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measured(
        capsys,
        *(str(model), "--threads", "2,1", "--repeat", "1", "--peer", "llama.cpp"),
        *("--prompt-tokens", "100", "--gen-tokens", "3", "--depth", "200"),
    )
    assert set(result) == {"machine", "rows"}
    assert {"cpu", "flags", "cores", "memory", "kernel", "compiler"} <= set(result["machine"])
    assert all(rate > 0 for rate in result["machine"]["read_bandwidth"].values())
    assert all(set(r) >= KEYS for r in result["rows"])
    kinds = {"load", "prefill", "first-token", "first-token-kept", "decode", "decode@200", "memory"}
    listed = [(r["engine"], r["threads"], r["kind"], r["curve"]) for r in result["rows"]]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {
        *itertools.product(ENGINES, (1, 2), kinds, [False]),
        *itertools.product(ENGINES, [2], (f"prefill/{n}" for n in verb.CURVE_BATCHES), [True]),
    }
    for row in result["rows"]:
        assert (row["model"], row["on"]) == ("tiny.gguf", "native")
        assert row["spread"][0] <= row["median"] <= row["spread"][1]
        assert (row["tokens_per_second"] is None) == (row["unit"] != "tokens/s")
    assert result["machine"]["peer"] == "fake peer, 2 threads"
    assert rows(result, engine="llamux", kind="decode")[0]["isa"] in library.ISAS
    assert rows(result, engine="llama.cpp", kind="prefill")[0]["tokens_per_second"] == 100
    assert rows(result, engine="llama.cpp", kind="first-token-kept")[0]["median"] == 1


@pytest.mark.usefixtures("fake_peer")
def test_ratio_is_of_pairs_and_above_one_where_ours_is_better(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measured(capsys, str(model), "--threads", "1", "--repeat", "3", "--peer", "llama.cpp")
    for row in rows(result, engine="llamux"):
        (peer,) = rows(result, engine="llama.cpp", kind=row["kind"])
        assert peer["ratio_to_peer"] is None
        better = row["unit"] == "tokens/s"
        pairs = list(zip(row["samples"], peer["samples"], strict=True))
        assert len(pairs) == (1 if row["kind"] == "memory" else 3)
        want = [a / b if better else b / a for a, b in pairs]
        assert row["ratios_to_peer"] == pytest.approx(want)
        assert row["ratio_to_peer"] == pytest.approx(sorted(want)[len(want) // 2])
    # Tiny against 10 tokens a second and four seconds.
    (decode,) = rows(result, engine="llamux", kind="decode")
    (load,) = rows(result, engine="llamux", kind="load")
    assert decode["ratio_to_peer"] > 1
    assert load["ratio_to_peer"] > 1
    share = decode["bytes_per_second"] / result["machine"]["read_bandwidth"]["1"]
    assert decode["of_bandwidth"] == pytest.approx(share)


class Scripted(engines.Engine):
    """An engine that records its turns."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.on, self.log = name, "native", log

    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        return 1.0

    def prefill(self, n: int, batch: int = 0) -> float:
        self.log.append(self.name)
        return 1.0

    def fill(self, n: int) -> None: ...

    def decode(self, n: int, depth: int) -> float:
        return 1.0

    def first_token(self, prompt: engines.Prompt, kept: int) -> float:
        return 1.0

    def memory(self) -> int:
        return 1

    def pids(self) -> list[int]:
        return []

    def close(self) -> None: ...


class Neighbours(bench_machine.Elsewhere):
    """Other processes that are as busy as told, round by round."""

    def __init__(self, shares: Sequence[float]) -> None:
        self.shares = list(shares)

    def start(self) -> None: ...

    def share(self) -> float:
        return self.shares.pop(0)


def take_turns(shares: Sequence[float], repeat: int) -> tuple[list[str], list[float]]:
    """Return the order of turns, and how busy others were in the rounds that counted."""
    log: list[str] = []
    some = [Scripted("a", log), Scripted("b", log)]
    measure = plan.BenchMeasure("prefill", "tokens/s", 1, lambda e: e.prefill(1))
    samples = bench.take_turns(some, measure, repeat, Neighbours(shares), patience=3)
    assert [len(v) for v in samples.values] == [len(samples.elsewhere)] * 2
    return log, samples.elsewhere


def test_engines_take_turns_after_a_sample_that_does_not_count() -> None:
    assert take_turns([0] * 3, 3) == (list("ab" + "ab" + "ba" + "ab"), [0] * 3)


def test_disturbed_round_is_measured_again_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.bench.measure.QUIET", 0.05)
    assert take_turns([0, 0.5, 0.04], 2)[1] == [0, 0.04]
    assert take_turns([0.5] * 6, 2)[1] == [0.5, 0.5]


def test_elsewhere_sees_others_and_not_those_who_measure() -> None:
    elsewhere = bench_machine.Elsewhere(lambda: [])
    total, own = 0.0, 0.0
    elsewhere._all = lambda: total  # type: ignore[method-assign]
    elsewhere._own = lambda: own  # type: ignore[method-assign]
    elsewhere.start()
    elsewhere._begin = elsewhere._begin[0] - 10, elsewhere._begin[1]
    total, own = 10.0, 10.0
    assert elsewhere.share() == 0
    total = 15.0
    assert elsewhere.share() == pytest.approx(0.5, rel=0.1)


def test_what_ended_processes_took_was_no_other_s() -> None:
    """A load starts a new process and ends the one before."""
    elsewhere = bench_machine.Elsewhere(lambda: [])
    before = elsewhere._own()
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert elsewhere._own() - before > 0.25


def test_native_worker_decodes_as_the_core_does(model: Path) -> None:
    """The loop in C takes the likeliest token after each, whatever the cache held before."""
    worker = Native()
    assert worker.load(str(model), 1, 64, "generic").isa == "generic"
    worker.fill(40)
    assert worker.decode(8, 16) > 0
    with session.Model(model) as m:
        ids = tokens(17, m.n_vocab)
        ids[16] = ids[0]
        for _ in range(7):
            ids.append(int(m.logits(ids)[-1].argmax()))
        want = m.logits(ids)[-1]
    assert (worker._logits[0] == want).all()


def test_native_worker_keeps_a_prefix(model: Path) -> None:
    worker = Native()
    worker.load(str(model), 2, 64, None)
    ids = list(range(3, 30))
    worker.first_token(ids, 9)
    kept = worker._logits.copy()
    worker.prefill(20, 7)
    worker.first_token(ids, 0)
    assert (worker._logits == kept).all()


def test_prompt_has_twenty_tokens_after_a_head_that_never_changes(model: Path) -> None:
    prompt = plan.chat_prompt(model)
    with Chat(model.read_bytes()) as chat:
        assert prompt.tokens == tuple(chat.turn(prompt.text, system=chat.default_system))
        other = chat.turn(b"Something else", system=chat.default_system)
    assert prompt.tokens[: prompt.head] == tuple(other[: prompt.head])
    assert prompt.tokens[prompt.head] != other[prompt.head]
    assert plan.TEXT_TOKENS - 8 < prompt.n_text <= plan.TEXT_TOKENS
    assert prompt.n_text < len(prompt.tokens) - prompt.head + 1 < prompt.n_text + 20


def test_weights_read_for_a_token(tmp_path: Path) -> None:
    """An embedding that is only looked up is not read; one that is also the output is."""
    embedding = 300 * 64 // 32 * 18
    untied = plan.weight_bytes(make_model("tiny", "Q4_0", tmp_path / "a.gguf"))
    tied = plan.weight_bytes(make_model("tiny-tied", "Q4_0", tmp_path / "b.gguf"))
    assert untied == tied  # one has an output, the other's embedding serves as such
    assert embedding < untied < (tmp_path / "a.gguf").stat().st_size - embedding


def test_bandwidth_counts_every_byte_once() -> None:
    assert read_bandwidth(1 << 20, 2, 3) > 0
    with pytest.raises(HarnessError, match="no memory"):
        read_bandwidth(4096, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--threads", "1,x"], "--threads '1,x' is no list of numbers: give it as 1,2"),
        (["--threads", "0"], "--threads must be from 1 to 64, not 0"),
        (["--threads", "65"], "--threads must be from 1 to 64, not 65"),
        (["--isa", "mmx"], "this machine cannot compute with 'mmx': generic"),
        (["--repeat", "0"], "--repeat must be at least 1, not 0"),
        (["--prompt-tokens", "257"], "--prompt-tokens must be from 1 to 256, not 257"),
        (["--gen-tokens", "-1"], "--gen-tokens must be from 1 to 256, not -1"),
        (["--depth", "256"], "--depth must be from 0 to 255, not 256"),
    ],
)
def test_bad_argument_is_explained(
    arguments: list[str], complaint: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(model), *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_unknown_model_and_peer_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "no-such-model"]) == 2
    assert "one of smollm2, tinyllama-shape" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["bench", "smollm2", "--peer", "nobody"])
    assert stop.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_peer_that_cannot_be_built_is_explained(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LLAMUX_CACHE", str(tmp_path))
    monkeypatch.setattr("harness.host.packages.ensure", lambda _: None)
    monkeypatch.setattr(llama_cpp_build, "REQUIREMENT", "./no/such/package")
    assert main(["bench", str(model), "--peer", "llama.cpp"]) == SetupError.exit_code
    error = capsys.readouterr().err
    assert "./no/such/package cannot be built; all of it in" in error
    assert not (tmp_path / "peer" / "made-from").exists()


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("import sys; sys.exit(3)", "llama.cpp ended during load with exit code 3"),
        (FAKE_PEER.replace("depth != self.n_past", "True"), "llama.cpp, decode: ValueError: posit"),
    ],
)
def test_peer_that_fails_is_explained(
    program: str,
    complaint: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(engines.PeerEngine, "command", lambda _: [sys.executable, "-c", program])
    arguments = ["--threads", "1", "--repeat", "1", "--peer", "llama.cpp"]
    assert main(["bench", str(model), *arguments]) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.usefixtures("fake_peer")
def test_earlier_results_are_shown_together(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs, with one thread and with two, are merged; a model's rows stay together."""
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for n, file in enumerate(files, 1):
        quick = ["--threads", str(n), "--repeat", "1", "--gen-tokens", "2", "--depth", "0"]
        file.write_text(json.dumps(measured(capsys, str(model), *quick)))
    one, two = (json.loads(file.read_text()) for file in files)
    assert main(["bench", "--json", "--results", str(files[0]), "--results", str(files[1])]) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["rows"] == one["rows"] + two["rows"]
    assert set(both["machine"]["read_bandwidth"]) == {"1", "2"}
    lacking = json.dumps(one | {"rows": [one["rows"][0], {"engine": "llamux"}]})
    wrong = json.dumps(one | {"rows": [one["rows"][0] | {"samples": [1, "2"]}]})
    for bad, reason in (
        ("{}", "machine is missing"),
        ("[]", "the whole is not an object"),
        ("no JSON", "Expecting value"),
        ('{"machine": 1, "rows": []}', "machine is not an object"),
        (json.dumps(one | {"more": 1}), "more is unknown"),
        (lacking, "rows[1].model is missing"),
        (wrong, "rows[0].samples[1] is not a number"),
    ):
        files[0].write_text(bad)
        assert main(["bench", "--results", str(files[0])]) == 2
        assert f"is not what --json prints: {reason}" in capsys.readouterr().err
    assert main(["bench", "--results", str(tmp_path / "none")]) == 2
    assert main(["bench"]) == 2
    assert "name a model" in capsys.readouterr().err


def test_module_takes_part_where_it_can(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(model), "--on", "uml", "--threads", "2"]) == 2
    assert "--on uml has one processor: let --threads name 1" in capsys.readouterr().err


@pytest.mark.usefixtures("fake_peer")
def test_table_and_page_show_every_figure(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(model), "--threads", "1", "--repeat", "2", "--peer", "llama.cpp"]
    result = BenchResult.from_json(measured(capsys, *arguments))
    text = report.table(result)
    page = report.page(result, {"tiny.gguf": Path("docs/tiny.png")})
    for row in result.rows:
        assert report.figure(row) in text
        assert row.curve or f"| {report.figure(row)} |" in page
    assert "llamux / llama.cpp" in text
    assert "% of the" in text
    assert "2 rounds" in text
    assert "![Speed of tiny.gguf](tiny.png)" in page
    (command,) = result.machine.commands.values()
    assert f"```\n{command}\n```" in page
    assert str(model.parent) not in page
    assert verb.numbers("4,1,4", "--threads", 1, 4) == (1, 4)


def made(kind: str, threads: int, median: float, **of: Any) -> Row:
    """Return a row made by hand."""
    row = Row(
        engine="llamux",
        model="a",
        on="native",
        isa="avx2",
        threads=threads,
        kind=kind,
        tokens_per_second=median,
        spread=(median - 1, median + 2),
        ratio_to_peer=None,
        unit="tokens/s",
        median=median,
        tokens=64,
        curve="@" in kind or "/" in kind,
        samples=(median,),
        elsewhere=0.0,
    )
    return dataclasses.replace(row, **of)


def test_sections_name_their_own_bandwidth_and_commands() -> None:
    """Each section has the figures of its run, not the machine's in another run."""
    results = []
    for model, rate, threads in (("a", 10e9, 1), ("b", 20e9, 1), ("b", 40e9, 2)):
        commands = {model: f"bench {model} --threads {threads}"}
        machine = bench_machine.describe({threads: rate}, None, commands)
        figures = {"bytes_per_second": 5e9, "of_bandwidth": 5e9 / rate}
        some = (made("decode", threads, 100.0, model=model, **figures),)
        results.append(BenchResult(machine, some))
    page = report.page(report.merged(results), {})
    before, a, b = page.split("\n## ")[1:]
    assert "GB/s" not in before
    assert "```\nbench a --threads 1\n```" in a
    assert "```\nbench b --threads 1\nbench b --threads 2\n```" in b
    assert re.findall("[0-9]+% of the [0-9.]+ GB/s", a) == ["50% of the 10.0 GB/s"]
    assert re.findall("[0-9]+% of the [0-9.]+ GB/s", b) == [
        "25% of the 20.0 GB/s",
        "12% of the 40.0 GB/s",
    ]


def test_plots_show_each_engine_s_points(tmp_path: Path) -> None:
    peer = {"engine": "llama.cpp"}
    some = [
        *(made("decode", n, 100.0 * n) for n in (1, 2)),
        *(made("decode", n, 50.0 * n, **peer) for n in (1, 2)),
        made("decode", 1, 90.0, on="uml"),
        *(made("prefill", n, 400.0 * n) for n in (1, 2)),
        *(made(f"decode@{n}", 2, 200.0 - n / 10) for n in (512, 256)),
        *(made(f"prefill/{n}", 2, 100.0 + n, **peer) for n in (1, 8)),
        made("load", 1, 1.0, unit="s"),
    ]
    shown = {}
    for axes in plots.draw("a", some).axes:
        curves = {}
        for curve in axes.containers:
            assert isinstance(curve, ErrorbarContainer)
            line, _, (spread,) = curve.lines
            points = curves[curve.get_label()] = np.array(line.get_xydata()).tolist()
            ends = [[[x, y - 1], [x, y + 2]] for x, y in points]
            assert np.array(spread.get_segments()).tolist() == ends
        shown[axes.get_title(), axes.get_xlabel()] = curves
    assert shown == {
        ("decode", "threads"): {
            "llamux": [[1, 100], [2, 200]],
            "llama.cpp": [[1, 50], [2, 100]],
            "llamux on uml": [[1, 90]],
        },
        ("prefill", "threads"): {"llamux": [[1, 400], [2, 800]]},
        ("decode, 2 threads", "position"): {
            "llamux": [[0, 200], [256, 174.4], [512, 148.8]],
            "llama.cpp": [[0, 100]],
        },
        ("prefill, 2 threads", "tokens in a pass"): {"llama.cpp": [[1, 101], [8, 108]]},
    }
    assert plots.draw("a", some).axes[0].get_ylabel() == "tokens per second"
    more = [dataclasses.replace(row, model="b.gguf") for row in some]
    result = BenchResult(bench_machine.describe({}, None, {}), (*some, *more))
    files = plots.write(result, tmp_path)
    assert files == {"a": tmp_path / "benchmarks-a.png", "b.gguf": tmp_path / "benchmarks-b.png"}
    first = files["a"].read_bytes()
    assert first.startswith(b"\x89PNG")
    assert plots.write(result, tmp_path)["a"].read_bytes() == first


@pytest.mark.usefixtures("fake_peer")
def test_page_and_plots_are_written_from_results(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`make bench` measures each model by itself and then writes the page of all."""
    quick = ["--threads", "1,2", "--repeat", "1", "--gen-tokens", "2", "--peer", "llama.cpp"]
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(measured(capsys, str(model), *quick)))
    monkeypatch.setattr("harness.commands.bench.ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    folder = tmp_path / "some" / "plots"
    arguments = ["--results", str(file), "--write-docs", "--plots", str(folder)]
    assert main(["bench", *arguments]) == 0
    result = report.merged([BenchResult.from_json(json.loads(file.read_text()))])
    picture = tmp_path / "docs" / "benchmarks-tiny.png"
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert page == report.page(result, {"tiny.gguf": picture})
    assert "](benchmarks-tiny.png)" in page
    assert picture.read_bytes() == (folder / "benchmarks-tiny.png").read_bytes()
    titles = [axes.get_title() for axes in plots.draw("tiny.gguf", result.rows).axes]
    assert titles == ["decode", "prefill", "decode, 2 threads", "prefill, 2 threads"]


class Module(Scripted):
    """An engine whose loads take longer each time."""

    def __init__(self) -> None:
        super().__init__("llamux", [])
        self.on = "uml"

    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        self.log.append(f"load {threads}")
        return 2.0 ** len(self.log)


@pytest.mark.usefixtures("fake_peer")
def test_module_s_figures_stand_beside_those_of_userspace(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The module takes part with one thread, except for positions and passes of others' choice."""
    module = Module()
    monkeypatch.setattr("harness.bench.uml.UmlEngine", lambda: module)
    monkeypatch.setattr("harness.host.packages.ensure", lambda _: None)
    arguments = ["--threads", "1", "--on", "uml", "--peer", "llama.cpp", "--repeat", "3"]
    result = measured(capsys, str(model), *arguments, "--depth", "100")
    ours = rows(result, on="uml")
    kinds = {"load", "prefill", "first-token", "first-token-kept", "decode"}
    assert [(r["engine"], r["kind"]) for r in ours] == [("llamux", r["kind"]) for r in ours]
    assert len(ours) == len(kinds)
    assert {r["kind"] for r in ours} == kinds
    assert {r["kind"] for r in rows(result, on="native")} > kinds | {"memory", "decode@100"}
    assert module.log == ["load 1"] * 4 + ["llamux"] * 4  # one each does not count
    for row in ours:
        (native,) = rows(result, engine="llamux", on="native", kind=row["kind"])
        assert "ratio_to_native" not in native
        pairs = zip(row["samples"], native["samples"], strict=True)
        want = [a / b if row["unit"] == "tokens/s" else b / a for a, b in pairs]
        assert row["ratios_to_native"] == pytest.approx(want)
        assert row["ratio_to_native"] == pytest.approx(statistics.median(want))
        assert row["ratio_to_peer"] is not None
    assert ours[0]["samples"] == [4, 8, 16]
    read = BenchResult.from_json(result)
    page = report.page(read, {})
    assert "| llamux on uml | llamux | llama.cpp | llamux on uml / llama.cpp | " in page
    assert " | llamux on uml / native | " in page
    assert f" | {report.ratio(read.rows[0], 'native')} | " in page
    assert "--on uml" in result["machine"]["commands"]["tiny.gguf"]


def test_module_gives_its_own_figures(model: Path) -> None:
    """The figures come from User-mode Linux; a cold sample follows a load of its own."""
    with UmlEngine() as engine:
        assert engine.load(model, 1, 256, "swar") > 0
        assert engine.isa == "swar"
        before = engine.pids()
        assert before
        assert engine.prefill(100) > 0
        assert len(engine._text(100).split()) > 10
        with Chat(model.read_bytes()) as chat:
            assert 90 < len(chat.plain(engine._text(100), BOS)) <= 100
        assert engine.decode(60, 60) > 0
        assert engine._stats()["last_tokens"] == "61"
        assert engine._stats()["last_drafted"] == "0"
        with pytest.raises(HarnessError, match="too little to say"):
            engine.decode(60, 50)  # after which this model ends at once
        assert engine.memory() > model.stat().st_size
        prompt = plan.chat_prompt(model)
        assert engine.first_token(prompt, prompt.head) > 0
        assert engine.pids()[0] == before[0]
        assert engine.first_token(prompt, 0) > 0
        assert engine.pids()[0] != before[0]
    assert engine.pids() == []
    with pytest.raises(HarnessError, match="no model has been loaded"):
        engine.memory()
