# SPDX-License-Identifier: GPL-2.0
"""Measures of speed, memory and latency, engine against engine.

Engines take turns: every round has one sample of each, the order turned round by round, so
that whatever changes over time meets them alike, and ratios are of neighbours.
"""

import statistics
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from harness.bench.engines import PEER, Engine
from harness.bench.machine import Elsewhere
from harness.bench.plan import Measure, Plan, weight_bytes
from harness.core import library
from harness.host.progress import say

QUIET = 0.05
"""Processors that others may keep busy during a round that counts."""

Numbers = list[float]


@dataclass
class Samples:
    """Rounds of one measure: of each engine its samples, in the same order."""

    values: list[Numbers]
    elsewhere: Numbers = field(default_factory=list)


def take_turns(
    engines: Sequence[Engine], measure: Measure, repeat: int, elsewhere: Elsewhere, patience: int
) -> Samples:
    """``repeat`` rounds. One that others disturbed is measured again, within patience."""
    for engine in engines:
        measure.prepare(engine)
        measure.run(engine)
    samples = Samples([[] for _ in engines])
    spare = repeat * (patience - 1)
    for i in range(repeat * patience):
        order = list(range(len(engines)))
        if i % 2:
            order.reverse()
        elsewhere.start()
        values = {k: measure.value(engines[k]) for k in order}
        busy = elsewhere.share()
        if busy > QUIET and spare:
            spare -= 1
            continue
        for k, kept in enumerate(samples.values):
            kept.append(values[k])
        samples.elsewhere.append(busy)
        if len(samples.elsewhere) == repeat:
            break
    return samples


def counted(n: int, noun: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third."""
    if len(values) < 2:
        return values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[2]


def _ratios(unit: str, ours: Numbers, others: Numbers) -> Numbers:
    """How many times better ours are, pair by pair: above 1 is better, whatever the unit."""
    pairs = zip(ours, others, strict=True)
    return [a / b if unit == "tokens/s" else b / a for a, b in pairs]


def rows_of(
    plan: Plan, threads: int, engines: Sequence[Engine], measure: Measure, samples: Samples
) -> list[dict[str, Any]]:
    """A row for each engine. The others' figures are relative to the first one's pairs."""
    rows = []
    for engine, values in zip(engines, samples.values, strict=True):
        median = statistics.median(values)
        row: dict[str, Any] = {
            "engine": engine.name,
            "model": plan.name,
            "on": engine.on,
            "isa": engine.isa,
            "threads": threads,
            "kind": measure.kind,
            "tokens_per_second": median if measure.unit == "tokens/s" else None,
            "spread": list(quartiles(values)),
            "ratio_to_peer": None,
            "unit": measure.unit,
            "median": median,
            "tokens": measure.tokens,
            "curve": measure.curve,
            "samples": values,
            "elsewhere": max(samples.elsewhere, default=0.0),
        }
        for other, theirs in zip(engines, samples.values, strict=True):
            if other is engine or engine.name == PEER:
                continue
            ratios = _ratios(measure.unit, values, theirs)
            key = "peer" if other.name == PEER else other.on
            if key == "peer" or engine.on == "uml":
                row[f"ratio_to_{key}"] = statistics.median(ratios)
                row[f"ratios_to_{key}"] = ratios
        rows.append(row)
    return rows


def _with_roofline(row: dict[str, Any], n_bytes: int, bandwidth: float) -> dict[str, Any]:
    """A decode row, with the weights' bytes read a second and their share of the bandwidth."""
    if row["kind"] == "decode":
        row["bytes_per_second"] = row["median"] * n_bytes
        row["of_bandwidth"] = row["bytes_per_second"] / bandwidth
    return row


def _memory_row(plan: Plan, threads: int, engines: Sequence[Engine]) -> list[dict[str, Any]]:
    """The peak of the processes that made all the other rows, which no kernel has made alone."""
    measure = Measure("memory", "bytes", 0, lambda e: e.memory())
    able = [e for e in engines if e.on == "native"]
    return rows_of(plan, threads, able, measure, Samples([[measure.value(e)] for e in able]))


def measure_model(
    plan: Plan, engines: Sequence[Engine], bandwidths: dict[int, float]
) -> list[dict[str, Any]]:
    """Every row of a model. ``bandwidths`` are in bytes a second, by threads."""
    rows: list[dict[str, Any]] = []
    n_bytes = weight_bytes(plan.path)
    with ExitStack() as stack:
        for engine in engines:
            stack.enter_context(engine)
        for threads in plan.threads:
            some = [e for e in engines if threads == 1 or e.on == "native"]
            for engine in engines:
                engine.close()

            def pids(some: Iterable[Engine] = tuple(some)) -> list[int]:
                return [pid for engine in some for pid in engine.pids()]

            elsewhere = Elsewhere(pids)
            for measure, repeat in plan.measures(threads):
                say(f"{plan.name}, {counted(threads, 'thread')}: {measure.kind}")
                able = [e for e in some if e.on == "native" or not measure.native]
                samples = take_turns(able, measure, repeat, elsewhere, plan.patience)
                for row in rows_of(plan, threads, able, measure, samples):
                    rows.append(_with_roofline(row, n_bytes, bandwidths[threads]))
            rows += _memory_row(plan, threads, some)
    return rows


def check_isa(name: str | None) -> None:
    """Raise UsageError where this machine cannot compute so."""
    try:
        library.select_isa(name)
    finally:
        library.select_isa(None)
