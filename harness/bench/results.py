# SPDX-License-Identifier: GPL-2.0
"""Results of a benchmark, and their JSON, which ``bench --json`` prints and ``--results`` reads."""

from dataclasses import asdict, dataclass
from typing import Any

from harness.host import records


@dataclass(frozen=True)
class Machine:
    """The machine that figures were measured on; nothing here identifies it."""

    cpu: str
    architecture: str
    flags: tuple[str, ...]
    """Features of the processor that engines compute with."""
    cores: int
    """Number of processors that this process may use."""
    last_level_cache: int
    """Bytes."""
    memory: int
    """Bytes."""
    kernel: str
    compiler: str
    read_bandwidth: dict[str, float]
    """Bytes read from memory in a second, by the number of threads."""
    peer: str | None
    """Description of the other engine, or None."""
    commands: dict[str, str]
    """Command that measures a model again, by the model's name."""


@dataclass(frozen=True)
class Row:
    """Figure of one engine: all samples of a measure with one number of threads."""

    engine: str
    model: str
    on: str
    """"native" or "uml"."""
    isa: str
    threads: int
    kind: str
    tokens_per_second: float | None
    """Median, or None if the unit is another one."""
    spread: tuple[float, float]
    """First and third quartile."""
    ratio_to_peer: float | None
    """Median over pairs of samples; above 1 is in favour of this engine."""
    unit: str
    """"tokens/s", "s" or "bytes"."""
    median: float
    tokens: int
    """Tokens of a sample."""
    curve: bool
    """Whether only plots show the figure."""
    samples: tuple[float, ...]
    elsewhere: float
    """Most processors that other processes kept busy during a round that counts."""
    ratios_to_peer: tuple[float, ...] | None = None
    ratio_to_native: float | None = None
    """Median over pairs of samples of the module and of the core in userspace."""
    ratios_to_native: tuple[float, ...] | None = None
    bytes_per_second: float | None = None
    """Bytes of weights that decoding reads in a second."""
    of_bandwidth: float | None = None
    """Share of the memory's bandwidth that this is."""

    @property
    def column(self) -> str:
        """Name of the engine with its place, as tables and plots show it."""
        return self.engine if self.on == "native" else f"{self.engine} on {self.on}"

    def ratios(self, to: str) -> tuple[float, ...] | None:
        """Return the ratios to "peer" or to "native"; None if there are no pairs."""
        return self.ratios_to_peer if to == "peer" else self.ratios_to_native

    def to_json(self) -> dict[str, Any]:
        """Return the fields; those that do not apply are left out."""
        row = asdict(self)
        for name in ("ratios_to_peer", "ratio_to_native", "ratios_to_native"):
            if row[name] is None:
                del row[name]
        if self.of_bandwidth is None:
            del row["bytes_per_second"], row["of_bandwidth"]
        return row


@dataclass(frozen=True)
class BenchResult:
    """Everything that a run has measured."""

    machine: Machine
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        return {"machine": asdict(self.machine), "rows": [row.to_json() for row in self.rows]}

    @classmethod
    def from_json(cls, value: object) -> "BenchResult":
        """Return the result that :meth:`to_json` gave.

        ValueError in one line if ``value`` is something else.
        """
        return records.read(cls, value)
