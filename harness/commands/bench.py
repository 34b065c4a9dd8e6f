# SPDX-License-Identifier: GPL-2.0
"""Measure speed, latency and memory, with --peer beside llama.cpp.

  python -m harness bench smollm2 --peer llama.cpp
  python -m harness bench smollm2 --threads 1 --repeat 5 --json

MODEL is a GGUF file or a name: smollm2, or tinyllama-shape, which is a file of
TinyLlama-1.1B's shape with random weights in Q4_K_M.

The engines take turns, so that ratios are of neighbouring samples; a round that
other processes disturb is measured again. --peer first builds llama-cpp-python
for this processor, which takes some minutes, once. --on uml measures the module
in User-mode Linux beside the same code in userspace, on one thread.

--write-docs writes docs/benchmarks.md and its plots. `make bench` works in parts:
`bench MODEL ... --json >FILE` for each model, then `bench --results FILE --write-docs`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.bench import machine, plots, report, uml
from harness.bench.engines import PEER, Engine, NativeEngine, PeerEngine
from harness.bench.measure import QUIET, check_isa, measure_model
from harness.bench.plan import N_CTX, BenchPlan
from harness.bench.results import BenchResult
from harness.bench.userspace import read_bandwidth
from harness.core import library, session
from harness.host import packages
from harness.host.errors import UsageError
from harness.host.paths import ROOT
from harness.models import catalog

DEPTH = 2000
CURVE_DEPTHS = (256, 512, 1024, 1536)
CURVE_BATCHES = (1, 2, 4, 8, 16, 32, 64)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", nargs="*", help=f"a GGUF file, or {', '.join(catalog.NAMES)}"
    )
    parser.add_argument(
        "--results",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="include what --json printed earlier; may be given several times",
    )
    parser.add_argument(
        "--threads",
        default="",
        metavar="LIST",
        help="numbers of threads, as 1,2 (default: 1 and all processors)",
    )
    parser.add_argument(
        "--prompt-tokens", type=int, metavar="N", help="tokens of prefill (default 512)"
    )
    parser.add_argument("--gen-tokens", type=int, metavar="N", help="tokens of decode (default 64)")
    parser.add_argument(
        "--depth", metavar="LIST", help="decode from these positions, too (default 2000)"
    )
    parser.add_argument(
        "--isa", metavar="NAME", help=f"path to compute with: {', '.join(library.ISAS)}"
    )
    parser.add_argument(
        "--on",
        choices=["native", "uml"],
        default="native",
        help="where to measure (default native)",
    )
    parser.add_argument("--peer", choices=[PEER], help="measure this engine, too")
    parser.add_argument("--repeat", type=int, default=10, metavar="N", help="rounds (default 10)")
    parser.add_argument("--json", action="store_true", help="print the result for programs")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="plot speed against threads, context, batch"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")


def numbers(text: str, name: str, least: int, most: int) -> tuple[int, ...]:
    """Return a list of numbers like ``1,2,4`` without repetition. UsageError if it is none."""
    try:
        values = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UsageError(f"{name} {text!r} is no list of numbers: give it as 1,2") from None
    if values[0] < least or values[-1] > most:
        raise UsageError(f"{name} must be from {least} to {most}, not {text}")
    return tuple(values)


def _within(value: int | None, default: int, name: str, most: int) -> int:
    """Return an argument, or its default as far as the context allows. UsageError if too large."""
    if value is None:
        return min(default, most)
    if not 1 <= value <= most:
        raise UsageError(f"{name} must be from 1 to {most}, not {value}")
    return value


def plan(args: argparse.Namespace, name: str) -> BenchPlan:
    """Return the measures of a model. UsageError if the arguments do not fit it."""
    path = catalog.resolve(name)
    with session.Model(path) as model:
        most = model.n_ctx_train
    threads = numbers(
        args.threads or f"1,{machine.processors()}", "--threads", 1, session.MAX_THREADS
    )
    if args.on == "uml" and 1 not in threads:
        raise UsageError("--on uml has one processor: let --threads name 1")
    gen = _within(args.gen_tokens, 64, "--gen-tokens", most)
    prompt = _within(args.prompt_tokens, 512, "--prompt-tokens", most)
    if args.depth is None:
        depths = tuple(d for d in (DEPTH,) if d < most)
    else:
        depths = numbers(args.depth, "--depth", 0, most - 1)
    return BenchPlan(
        name=name if name in catalog.NAMES else path.name,
        path=path,
        threads=threads,
        prompt_tokens=prompt,
        gen_tokens=gen,
        depths=depths,
        repeat=args.repeat,
        n_ctx=min(most, max(N_CTX, prompt, gen, *(d + 1 for d in depths))),
        isa=args.isa,
        curve_depths=tuple(d for d in CURVE_DEPTHS if d < most),
        curve_batches=CURVE_BATCHES,
    )


def engines(args: argparse.Namespace) -> list[Engine]:
    """Return the engines that take turns, Llamux's first."""
    some: list[Engine] = [NativeEngine()]
    if args.on == "uml":
        packages.ensure(packages.KERNELS)
        some.insert(0, uml.UmlEngine())
    if args.peer:
        peer = PeerEngine()
        peer.command()  # builds it before anything is measured
        some.append(peer)
    return some


def command(args: argparse.Namespace, p: BenchPlan) -> str:
    """Return the command that measures one model again."""
    words = ["python -m harness bench", p.name, "--threads", ",".join(map(str, p.threads))]
    words += ["--prompt-tokens", str(p.prompt_tokens), "--gen-tokens", str(p.gen_tokens)]
    words += ["--depth", ",".join(map(str, p.depths))] if p.depths else []
    words += ["--isa", p.isa] if p.isa else []
    words += ["--on", args.on] if args.on != "native" else []
    words += ["--peer", args.peer] if args.peer else []
    return " ".join([*words, "--repeat", str(p.repeat)])


def measure(args: argparse.Namespace, plans: Sequence[BenchPlan]) -> BenchResult:
    """Measure the models."""
    some = engines(args)
    counts = sorted({threads for p in plans for threads in p.threads})
    rates = {n: machine.bandwidth(read_bandwidth, n, args.repeat, QUIET) for n in counts}
    rows = [row for p in plans for row in measure_model(p, some, rates)]
    peer = next((e.about for e in some if e.name == PEER), None)
    about = machine.describe(rates, peer, {p.name: command(args, p) for p in plans})
    return BenchResult(about, tuple(rows))


def earlier(path: Path) -> BenchResult:
    """Return a result that --json printed. UsageError if the file is something else."""
    try:
        return BenchResult.from_json(json.loads(path.read_text()))
    except OSError as error:
        raise UsageError(f"--results {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--results {path} is not what --json prints: {error}") from error


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    if args.repeat < 1:
        raise UsageError(f"--repeat must be at least 1, not {args.repeat}")
    if not args.model and not args.results:
        raise UsageError(f"name a model: a GGUF file, or one of {', '.join(catalog.NAMES)}")
    check_isa(args.isa)
    plans = [plan(args, name) for name in args.model]
    results = [earlier(path) for path in args.results]
    if plans:
        results.append(measure(args, plans))
    result = report.merged(results)
    if args.json:
        json.dump(result.to_json(), sys.stdout, indent=1)
        print()
    else:
        print(report.table(result), end="")
    if args.plots:
        args.plots.mkdir(parents=True, exist_ok=True)
        plots.write(result, args.plots)
    if args.write_docs:
        folder = ROOT / "docs"
        files = plots.write(result, folder)
        (folder / "benchmarks.md").write_text(report.page(result, files))
    return 0
