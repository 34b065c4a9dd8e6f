# SPDX-License-Identifier: GPL-2.0
"""Measure speed, latency and memory, beside llama.cpp if asked to.

  python -m harness bench smollm2 --peer llama.cpp
  python -m harness bench smollm2 --threads 1 --repeat 5 --json

MODEL is a GGUF file or a name: smollm2, or tinyllama-shape, which is a file of
TinyLlama-1.1B's shape with random weights in Q4_K_M.

Engines take turns, so that ratios are of neighbours; a round that other
processes disturb is measured again. --peer builds llama-cpp-python for this
processor, once, in some minutes. --on uml measures the module in User-mode
Linux beside the same code in userspace, on one thread.

--write-docs writes docs/benchmarks.md and its plots. `make bench` does it in parts:
`bench MODEL ... --json >FILE` for each model, then `bench --results FILE --write-docs`.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.bench import machine, report, uml
from harness.bench.engines import PEER, Engine, NativeEngine, PeerEngine
from harness.bench.measure import QUIET, check_isa, measure_model
from harness.bench.plan import N_CTX, Plan
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
        help="show what --json printed earlier, too; may be given again",
    )
    parser.add_argument(
        "--threads", default="", metavar="LIST", help="as 1,2 (default: 1 and every processor)"
    )
    parser.add_argument("--prompt-tokens", type=int, metavar="N", help="of prefill (default 512)")
    parser.add_argument("--gen-tokens", type=int, metavar="N", help="of decode (default 64)")
    parser.add_argument(
        "--depth", metavar="LIST", help="decode from these positions too (default 2000)"
    )
    parser.add_argument("--isa", metavar="NAME", help=f"of {', '.join(library.ISAS)}")
    parser.add_argument(
        "--on", choices=["native", "uml"], default="native", help="where (default native)"
    )
    parser.add_argument("--peer", choices=[PEER], help="measure it in alternation")
    parser.add_argument("--repeat", type=int, default=10, metavar="N", help="rounds (default 10)")
    parser.add_argument("--json", action="store_true", help="for programs, on standard output")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="plot speed against threads, context, batch"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")


def numbers(text: str, name: str, least: int, most: int) -> tuple[int, ...]:
    """A list of numbers like ``1,2,4``, without repetition. UsageError where it is none."""
    try:
        values = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UsageError(f"{name} {text!r} is no list of numbers: give it as 1,2") from None
    if values[0] < least or values[-1] > most:
        raise UsageError(f"{name} must be from {least} to {most}, not {text}")
    return tuple(values)


def _within(value: int | None, default: int, name: str, most: int) -> int:
    """An argument, or its default as far as a context allows."""
    if value is None:
        return min(default, most)
    if not 1 <= value <= most:
        raise UsageError(f"{name} must be from 1 to {most}, not {value}")
    return value


def plan(args: argparse.Namespace, name: str) -> Plan:
    """What to measure of a model. UsageError where the arguments do not fit it."""
    path = catalog.resolve(name)
    with session.Model(path) as model:
        most = model.n_ctx_train
    processors = len(os.sched_getaffinity(0))
    threads = numbers(args.threads or f"1,{processors}", "--threads", 1, session.MAX_THREADS)
    if args.on == "uml" and 1 not in threads:
        raise UsageError("--on uml has one processor: let --threads name 1")
    gen = _within(args.gen_tokens, 64, "--gen-tokens", most)
    prompt = _within(args.prompt_tokens, 512, "--prompt-tokens", most)
    if args.depth is None:
        depths = tuple(d for d in (DEPTH,) if d < most)
    else:
        depths = numbers(args.depth, "--depth", 0, most - 1)
    return Plan(
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
    """Who takes turns, ours first."""
    some: list[Engine] = [NativeEngine()]
    if args.on == "uml":
        packages.ensure(packages.KERNELS)
        some.insert(0, uml.UmlEngine())
    if args.peer:
        peer = PeerEngine()
        peer.command()  # builds it, so that nothing is measured meanwhile
        some.append(peer)
    return some


def command(args: argparse.Namespace, p: Plan) -> str:
    """What measures one model so again."""
    words = ["python -m harness bench", p.name, "--threads", ",".join(map(str, p.threads))]
    words += ["--prompt-tokens", str(p.prompt_tokens), "--gen-tokens", str(p.gen_tokens)]
    words += ["--depth", ",".join(map(str, p.depths))] if p.depths else []
    words += ["--isa", p.isa] if p.isa else []
    words += ["--on", args.on] if args.on != "native" else []
    words += ["--peer", args.peer] if args.peer else []
    return " ".join([*words, "--repeat", str(p.repeat)])


def measure(args: argparse.Namespace, plans: Sequence[Plan]) -> dict[str, Any]:
    """The result, as --json prints it."""
    some = engines(args)
    rows = []
    counts = sorted({threads for p in plans for threads in p.threads})
    rates = {n: machine.bandwidth(read_bandwidth, n, args.repeat, QUIET) for n in counts}
    for p in plans:
        rows += measure_model(p, some, rates)
    peer = next((e.about for e in some if e.name == PEER), None)
    about = {
        **machine.describe(),
        "read_bandwidth": {str(n): rate for n, rate in rates.items()},
        "peer": peer,
        "commands": {p.name: command(args, p) for p in plans},
    }
    return {"machine": about, "rows": rows}


def earlier(path: Path) -> dict[str, Any]:
    """What --json printed. UsageError where it is something else."""
    try:
        result: dict[str, Any] = json.loads(path.read_text())
        report.table(result)
    except OSError as error:
        raise UsageError(f"--results {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"--results {path} is not what --json prints") from error
    return result


def run(args: argparse.Namespace) -> int:
    """Do it."""
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
        json.dump(result, sys.stdout, indent=1)
        print()
    else:
        print(report.table(result), end="")
    if args.plots:
        args.plots.mkdir(parents=True, exist_ok=True)
        report.write_plots(result, args.plots)
    if args.write_docs:
        folder = ROOT / "docs"
        plots = report.write_plots(result, folder)
        (folder / "benchmarks.md").write_text(report.page(result, plots))
    return 0
