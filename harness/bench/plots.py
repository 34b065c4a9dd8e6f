# SPDX-License-Identifier: GPL-2.0
"""Plots of measured rows: speed against threads, context and tokens in a pass."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bench.results import BenchResult, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = list[tuple[float, Row]]


def _curve(rows: Iterable[Row], at: Callable[[Row], float | None]) -> dict[str, Points]:
    """Return the points of each engine, sorted by their position on the axis."""
    curves: dict[str, Points] = {}
    for row in rows:
        x = at(row)
        if x is not None:
            curves.setdefault(row.column, []).append((x, row))
    for points in curves.values():
        points.sort(key=lambda p: p[0])
    return curves


def _threads_of(kind: str) -> Callable[[Row], float | None]:
    return lambda r: r.threads if r.kind == kind else None


def _depth(row: Row) -> float | None:
    kind, _, depth = row.kind.partition("@")
    return float(depth or 0) if kind == "decode" else None


def _batch(row: Row) -> float | None:
    kind, _, batch = row.kind.partition("/")
    return float(batch) if kind == "prefill" and batch else None


def draw(model: str, rows: Sequence[Row]) -> "Figure":
    """Plot speed against threads, context and batch, with a curve for each engine."""
    from matplotlib.figure import Figure  # noqa: PLC0415 # slow, and only needed here

    most = max(r.threads for r in rows)
    of_most = [r for r in rows if r.threads == most]
    panels = [
        ("decode", "threads", _curve(rows, _threads_of("decode"))),
        ("prefill", "threads", _curve(rows, _threads_of("prefill"))),
        (f"decode, {most} threads", "position", _curve(of_most, _depth)),
        (f"prefill, {most} threads", "tokens in a pass", _curve(of_most, _batch)),
    ]
    panels = [p for p in panels if p[2]]
    colours = {e: f"C{i}" for i, e in enumerate(dict.fromkeys(r.column for r in rows))}
    drawing = Figure(figsize=(4 * len(panels), 3.4), layout="constrained")
    axes = drawing.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, x_label, curves) in zip(axes, panels, strict=True):
        for engine, points in curves.items():
            x = [p[0] for p in points]
            y = [p[1].median for p in points]
            low = [max(0, p[1].median - p[1].spread[0]) for p in points]
            high = [max(0, p[1].spread[1] - p[1].median) for p in points]
            ax.errorbar(
                x, y, yerr=(low, high), marker="o", capsize=3, label=engine, color=colours[engine]
            )
        if x_label == "threads":
            ax.set_xticks(sorted({int(p[0]) for c in curves.values() for p in c}))
        elif x_label == "tokens in a pass":
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set(title=title, xlabel=x_label)
        ax.set_ylim(bottom=0)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("tokens per second")
    axes[0].legend()
    drawing.suptitle(model)
    return drawing


def write(result: BenchResult, folder: Path) -> dict[str, Path]:
    """Write a plot for each model; return the files by model."""
    files: dict[str, Path] = {}
    for model, some in groupby(result.rows, key=lambda r: r.model):
        stem = "".join(c if c.isalnum() else "-" for c in Path(model).stem)
        path = files[str(model)] = folder / f"benchmarks-{stem}.png"
        # Without a version in the file the same figures give the same bytes.
        draw(str(model), list(some)).savefig(path, dpi=110, metadata={"Software": None})
    return files
