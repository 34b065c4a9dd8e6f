# SPDX-License-Identifier: GPL-2.0
"""Reports of measured rows: a table for a terminal, and docs/benchmarks.md."""

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from harness.bench.engines import PEER
from harness.bench.measure import QUIET, counted
from harness.bench.results import BenchResult, Machine, Row

LABELS = {
    "load": "load",
    "prefill": "prefill",
    "decode": "decode",
    "first-token": "first token, cold",
    "first-token-kept": "first token, prefix kept",
    "memory": "peak memory",
}
_UNITS: dict[str, tuple[str, float]] = {
    "tokens/s": ("tokens/s", 1),
    "s": ("ms", 1e3),
    "bytes": ("MiB", 1 / (1 << 20)),
}


def label(row: Row) -> str:
    """Return the readable name of the figure that a row holds."""
    kind = row.kind
    if kind.startswith("decode@"):
        return f"decode at position {kind.removeprefix('decode@')}"
    if kind.startswith("prefill/"):
        return f"prefill, {kind.removeprefix('prefill/')} at a time"
    text = LABELS.get(kind, kind)
    return f"{text}, {row.tokens} tokens" if row.tokens else text


def number(value: float) -> str:
    """Format with about three significant digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def figure(row: Row) -> str:
    """Return the median with its quartiles, in the unit of the table."""
    _, scale = _UNITS[row.unit]
    low, high = (number(v * scale) for v in row.spread)
    median = number(row.median * scale)
    return median if low == high == median else f"{median} ({low} to {high})"


def ratio(row: Row, to: str) -> str:
    """Return the median ratio of pairs, with the least and the greatest; empty without pairs."""
    ratios = row.ratios(to)
    if not ratios:
        return ""
    middle = f"{statistics.median(ratios):.2f}"
    return middle if len(ratios) < 2 else f"{middle} ({min(ratios):.2f} to {max(ratios):.2f})"


def grid(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return the heads and lines of one model's table, with a column for each engine."""
    engines = list(dict.fromkeys(r.column for r in rows))
    ratios = [
        (f"{r.column} / {PEER if to == 'peer' else 'native'}", r.column, to)
        for r in rows
        for to in ("peer", "native")
        if r.ratios(to)
    ]
    ratios = list(dict.fromkeys(ratios))
    heads = ["", "threads", "unit", *engines, *(r[0] for r in ratios)]
    lines = []
    for (threads, _), some in groupby(rows, key=lambda r: (r.threads, r.kind)):
        of = {r.column: r for r in some}
        first = next(iter(of.values()))
        cells = [figure(of[e]) if e in of else "" for e in engines]
        cells += [ratio(of[e], to) if e in of else "" for _, e, to in ratios]
        lines.append([label(first), str(threads), _UNITS[first.unit][0], *cells])
    return heads, lines


def rooflines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the share of the memory bandwidth that decoding uses, a line for each row."""
    for row in rows:
        if row.bytes_per_second is not None and row.of_bandwidth is not None:
            # The bandwidth of this row's run: merged results come from several runs.
            bandwidth = row.bytes_per_second / row.of_bandwidth
            yield (
                f"{row.model}, {row.column}, {counted(row.threads, 'thread')}: "
                f"decoding reads {row.bytes_per_second / 1e9:.1f} GB/s of weights, "
                f"{row.of_bandwidth:.0%} of the {bandwidth / 1e9:.1f} GB/s that as many "
                "threads read from memory in the same run"
            )


def facts(machine: Machine) -> Iterator[str]:
    """Yield the lines that describe the machine."""
    yield f"{machine.cpu}, {machine.cores} processors ({', '.join(machine.flags)})"
    yield (
        f"{machine.memory / (1 << 30):.0f} GiB of memory, "
        f"last-level cache {machine.last_level_cache >> 20} MiB"
    )
    yield f"{machine.kernel}, {machine.compiler}"
    if machine.peer:
        yield re.sub(r"\s+", " ", machine.peer).replace(" = 1 |", ",").rstrip(" ,")


def table(result: BenchResult) -> str:
    """Return the whole report as text for a terminal."""
    out = list(facts(result.machine))
    for model, some in groupby(result.rows, key=lambda r: r.model):
        rows = list(some)
        heads, lines = grid(rows)
        heads[0] = str(model)
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        out.append("")
        for line in (heads, *lines):
            out.append("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
        out += ["", *rooflines(rows)]
    out += ["", *remarks(result)]
    return "\n".join(out) + "\n"


def merged(results: Sequence[BenchResult]) -> BenchResult:
    """Merge results of several runs on one machine; the first one describes the machine."""
    machines = [result.machine for result in results]
    commands: dict[str, list[str]] = {}
    for one in machines:
        for model, command in one.commands.items():
            commands.setdefault(model, []).append(command)
    machine = replace(
        machines[0],
        read_bandwidth={k: v for one in reversed(machines) for k, v in one.read_bandwidth.items()},
        commands={k: "\n".join(dict.fromkeys(v)) for k, v in commands.items()},
        peer=next((one.peer for one in machines if one.peer), None),
    )
    every = [row for result in results for row in result.rows]
    order = list(dict.fromkeys(row.model for row in every))
    return BenchResult(machine, tuple(sorted(every, key=lambda row: order.index(row.model))))


def remarks(result: BenchResult) -> Iterator[str]:
    """Yield the explanation of the figures, and a warning if the machine was not idle."""
    yield "Medians, with the first and third quartile; ratios are medians of pairs, with the range."
    yield f"A ratio above 1 is in favour of the engine named first; {commonest(result)}."
    yield from warnings(result)


def warnings(result: BenchResult) -> Iterator[str]:
    """Yield a warning if other processes disturbed a round."""
    busy = [r.elsewhere for r in result.rows]
    disturbed = sum(share > QUIET for share in busy)
    if disturbed:
        yield (
            f"Not idle: in {disturbed} of {counted(len(busy), 'row')} a round that counts was "
            f"disturbed; other processes took up to {max(busy):.2f} processors."
        )


def commonest(result: BenchResult) -> str:
    """Return the most common number of rounds, in words."""
    counts = [len(r.samples) for r in result.rows if r.kind == "decode"] or [0]
    return counted(statistics.mode(counts), "round")


_INTRODUCTION = """\
# Benchmarks

`make bench` measures everything on this page and writes the page. Each section names the command
that gives its figures alone; `make bench` uses one thread, and as many threads as there are
processors.

**Method.** Each engine runs in a process of its own, which sleeps while it is not asked. The
engines take turns: each round takes one sample of every engine, in reverse order in every second
round, after one sample of each that is not counted. A round during which other processes used more
than a twentieth of a processor is measured again, up to twice as often as there are rounds. Rounds
shorter than 0.2 s cannot be checked for this.

**Figures.** A value is the median of as many rounds as `--repeat` says, with the first and the
third quartile; points that only the plots show are medians of three. A ratio is the median over
pairs of neighbouring samples, with the least and the greatest. A ratio above 1 is in favour of the
engine named first, whatever the unit.

- *prefill*: a prompt is evaluated for the logits of its last token, in passes of the engine's
  choice.
- *decode*: tokens are generated one by one, from position 0 or from the position named. Llamux also
  chooses each token (greedily); llama.cpp gets the tokens.
- *first token*: from the tokens of a chat prompt to the first token of its answer. The prompt is a
  text of at most 20 tokens in the model's template, with the template's own system prompt if it has
  one. *Cold*: no token of the prompt is in the cache. *Prefix kept*: the tokens that the template
  puts before every text are in the cache, and the row's number counts the other tokens.
- *load*: in a fresh process, from the page cache, until a conversation can start.
- *peak memory*: one sample of the process that gave the other figures of its column: resident
  memory, minus that before the load. Pages of a mapped file count.

**On uml.** These are the module's own figures, from `/proc/llamux/stats` of a User-mode Linux
guest. The text of a prefill has about as many tokens as the row says. Decoding runs without
speculation (`speculate 0`). The first token counts from the text to the first bytes of the answer;
*cold* is the first answer after a load. Memory is left out, because cold samples boot new guests
and no guest gives all figures.

**llama.cpp** uses its defaults: repacked weights where it supports them, a mapped file, flash
attention by its own choice, batches of 512, built for this processor (`GGML_NATIVE`).
"""


def _markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for line in lines:
        yield f"| {' | '.join(line)} |"


def page(result: BenchResult, plots: dict[str, Path]) -> str:
    """Return the text of docs/benchmarks.md."""
    machine = result.machine
    out = [_INTRODUCTION, "## Machine", ""]
    out += [f"- {line}" for line in facts(machine)]
    out += [f"- {line}" for line in warnings(result)]
    for model, some in groupby(result.rows, key=lambda r: r.model):
        rows = list(some)
        out += ["", f"## {model}", "", "```", machine.commands[model], "```", ""]
        out += _markdown(*grid([r for r in rows if not r.curve]))
        out += ["", *(f"- {line}" for line in rooflines(rows))]
        if model in plots:
            out += ["", f"![Speed of {model}]({plots[model].name})"]
    return "\n".join(out) + "\n"
