# SPDX-License-Identifier: GPL-2.0
"""Speed, memory and latency, engine against engine.

Engines take turns: every round has one sample of each, in reverse order in every second round.
What changes over time then meets all engines alike, and ratios are of neighbours.
"""

import statistics
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from harness.bench.engines import PEER, Engine
from harness.bench.machine import Elsewhere
from harness.bench.plan import BenchMeasure, BenchPlan, weight_bytes
from harness.bench.results import Row
from harness.core import library
from harness.host.progress import say

QUIET = 0.05
"""Number of processors that others may keep busy during a round that counts."""

Numbers = list[float]


@dataclass
class Samples:
    """Rounds of one measure."""

    values: list[Numbers]
    """Samples of each engine, in the order of the engines."""
    elsewhere: Numbers = field(default_factory=list)
    """Processors that others kept busy, for each round."""


def take_turns(
    engines: Sequence[Engine],
    measure: BenchMeasure,
    repeat: int,
    elsewhere: Elsewhere,
    patience: int,
) -> Samples:
    """Take ``repeat`` rounds; repeat a disturbed one up to ``patience`` times as often."""
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
    """Return a number with its noun: ``1 thread``, ``2 threads``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile."""
    if len(values) < 2:
        return values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[2]


def _ratios(unit: str, ours: Numbers, others: Numbers) -> Numbers:
    """Return how many times better ours are, pair by pair; above 1 is better in any unit."""
    pairs = zip(ours, others, strict=True)
    return [a / b if unit == "tokens/s" else b / a for a, b in pairs]


def rows_of(
    plan: BenchPlan,
    threads: int,
    engines: Sequence[Engine],
    measure: BenchMeasure,
    samples: Samples,
) -> list[Row]:
    """Return a row for each engine; ratios are to the samples of the same round."""
    rows = []
    for engine, values in zip(engines, samples.values, strict=True):
        median = statistics.median(values)
        row = Row(
            engine=engine.name,
            model=plan.name,
            on=engine.on,
            isa=engine.isa,
            threads=threads,
            kind=measure.kind,
            tokens_per_second=median if measure.unit == "tokens/s" else None,
            spread=quartiles(values),
            ratio_to_peer=None,
            unit=measure.unit,
            median=median,
            tokens=measure.tokens,
            curve=measure.curve,
            samples=tuple(values),
            elsewhere=max(samples.elsewhere, default=0.0),
        )
        for other, theirs in zip(engines, samples.values, strict=True):
            if other is engine or engine.name == PEER:
                continue
            ratios = tuple(_ratios(measure.unit, values, theirs))
            middle = statistics.median(ratios)
            if other.name == PEER:
                row = replace(row, ratio_to_peer=middle, ratios_to_peer=ratios)
            elif engine.on == "uml":
                row = replace(row, ratio_to_native=middle, ratios_to_native=ratios)
        rows.append(row)
    return rows


def _with_roofline(row: Row, n_bytes: int, bandwidth: float) -> Row:
    """Return a decode row with the weights' bytes a second and their share of the bandwidth."""
    if row.kind != "decode":
        return row
    rate = row.median * n_bytes
    return replace(row, bytes_per_second=rate, of_bandwidth=rate / bandwidth)


def _memory_row(plan: BenchPlan, threads: int, engines: Sequence[Engine]) -> list[Row]:
    """Return the peak of each process that made all other rows; no single kernel makes them."""
    measure = BenchMeasure("memory", "bytes", 0, lambda e: e.memory())
    able = [e for e in engines if e.on == "native"]
    return rows_of(plan, threads, able, measure, Samples([[measure.value(e)] for e in able]))


def measure_model(
    plan: BenchPlan, engines: Sequence[Engine], bandwidths: dict[int, float]
) -> list[Row]:
    """Return every row of a model. ``bandwidths`` are in bytes a second, by threads."""
    rows: list[Row] = []
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
    """Raise UsageError if this machine cannot compute with the path ``name``."""
    try:
        library.select_isa(name)
    finally:
        library.select_isa(None)
