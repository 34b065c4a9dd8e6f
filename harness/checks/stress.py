# SPDX-License-Identifier: GPL-2.0
"""Many clients of /proc/llamux at once in a guest, and every answer compared.

The guest's side is a program, harness/programs/guest/stress; its table of kinds says how
clients behave. What each question's answer has to be is computed beforehand by the
userspace library, one by one.
"""

import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core import chat
from harness.core.options import MAX_DRAFT, TEMPLATE_AUTO, Options
from harness.core.sampler import parse_q16
from harness.core.session import Model, Session
from harness.guests.guest import MODULE_PATH, Guest
from harness.host import patience
from harness.host.errors import HarnessError
from harness.host.paths import GUEST_PROGRAMS, cache_dir
from harness.host.progress import step
from harness.kernels import module as kbuild_module
from harness.models import catalog, packaged
from harness.models.synthetic import make_model
from harness.native import cross

PROGRAM = GUEST_PROGRAMS / "stress"
PROCESSORS = 4
MEMORY = 1024
"""MiB of the guest."""

GROUP = 1000
"""User id of the clients that are not root; the program has the same."""

_GRACE = 300  # seconds for what is under way at the end, many times that on a slow kernel
_END = 100  # and for what comes after
_DEFAULT_N_CTX = 2048
_PHRASES = ("the kernel", "a lock", "is it", "änd süß", "模块", "🦙", "page fault", "?", "42")


@dataclass(frozen=True)
class Load:
    """A model under stress. ``share`` is of the time, ``crowd`` of the clients."""

    model: str
    share: float
    crowd: float
    max_tokens: int
    n_phrases: int = 7
    n_texts: int = 150
    n_logits: int = 30
    n_ids: int = 40
    n_dialogues: int = 30
    other: str = "tiny"
    """A model that is loaded beside it now and then."""

    def path(self) -> Path:
        """The model's file, made or fetched if need be."""
        return _path(self.model)


def _path(model: str) -> Path:
    if model in packaged.MODELS:
        return catalog.resolve(model)
    return make_model(model, "Q8_0", cache_dir("lab") / f"{model}.gguf")


LOADS = (
    Load("tiny", 0.5, 1, 60, other="tiny-spm"),
    Load("tiny-spm", 0.25, 1, 60),
    Load("smollm2", 0.25, 0.1, 3, n_phrases=2, n_texts=40, n_logits=6, n_ids=3, n_dialogues=5),
)
"""Loads of a run without options."""


@dataclass(frozen=True)
class Question:
    """Prompt of a client, and the answer that it must read."""

    options: bytes
    prompt: bytes
    answer: bytes

    def packed(self) -> bytes:
        """Return the bytes that the guest's program reads."""
        return b"".join(
            struct.pack("<I", len(part)) + part for part in (self.options, self.prompt, self.answer)
        )


@dataclass(frozen=True)
class Questions:
    """Texts with their options, token ids with their logits, and more texts."""

    texts: Sequence[Question]
    logits: Sequence[Question]
    dialogues: Sequence[Question]
    """Turns; those that go on with a dialogue have no options."""
    others: Sequence[Question]
    """Questions to another model."""

    def packed(self) -> bytes:
        """Return the bytes that the guest's program reads."""
        return b"".join(
            struct.pack("<I", len(some)) + b"".join(question.packed() for question in some)
            for some in (self.texts, self.logits, self.dialogues, self.others)
        )


@dataclass
class Report:
    """Operations on one model. ``failures`` are in words; there must be none."""

    model: str
    seconds: int
    clients: int
    operations: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def _options(draw: random.Random, max_tokens: int) -> dict[str, str]:
    """The lines of an options file that make an answer."""
    return {
        "temperature": draw.choice(["0", "0", "0.7", "1", "1.5"]),
        "top_k": draw.choice(["0", "0", "5", "40"]),
        "top_p": draw.choice(["1", "1", "0.9"]),
        "min_p": draw.choice(["0", "0", "0.05"]),
        "repeat_penalty": draw.choice(["1", "1", "1.1"]),
        "seed": str(draw.getrandbits(64)),
        "max_tokens": str(draw.randint(1, max_tokens)),
        "speculate": str(draw.choice([0, 1, MAX_DRAFT, MAX_DRAFT])),
        "template": draw.choice(["auto", "auto", "none", "none", "chatml", "zephyr"]),
        **({"system": "Be brief."} if draw.random() < 0.2 else {}),
    }


def _native(options: Mapping[str, str]) -> Options:
    """The same for the userspace library."""
    template = options["template"]
    return Options(
        temperature=parse_q16(options["temperature"]),
        top_k=int(options["top_k"]),
        top_p=parse_q16(options["top_p"]),
        min_p=parse_q16(options["min_p"]),
        repeat_penalty=parse_q16(options["repeat_penalty"]),
        seed=int(options["seed"]),
        max_tokens=int(options["max_tokens"]),
        chat=TEMPLATE_AUTO if template == "auto" else chat.by_name(template),
        system=options.get("system"),
        speculate=int(options["speculate"]),
    )


def _session(model: Model) -> Session:
    """With the context that the module gives a conversation."""
    return Session(model, min(_DEFAULT_N_CTX, model.n_ctx_train))


def _prompt(load: Load, draw: random.Random) -> bytes:
    return f"{' '.join(draw.choices(_PHRASES, k=draw.randint(1, load.n_phrases)))}.".encode()


def _lines(options: Mapping[str, str]) -> bytes:
    """Return the lines that are written to the file of options."""
    return "".join(["reset\n", *(f"{key} {value}\n" for key, value in options.items())]).encode()


def _texts(load: Load, model: Model, draw: random.Random, n: int) -> Iterator[Question]:
    with _session(model) as session:
        for _ in range(n):
            options = _options(draw, load.max_tokens)
            prompt = _prompt(load, draw)
            answer = b"".join(session.answer(prompt, _native(options)))
            newline = draw.choice([b"", b"\n"])  # which `echo` puts there
            yield Question(_lines(options), prompt + newline, answer)


def _dialogues(load: Load, model: Model, draw: random.Random) -> Iterator[Question]:
    """Some of them with more turns than the tiny models' contexts have room for."""
    for _ in range(load.n_dialogues):
        options = _options(draw, load.max_tokens)
        lines = _lines(options)
        with _session(model) as session:
            for _ in range(draw.randint(2, 4)):
                prompt = _prompt(load, draw)
                yield Question(lines, prompt, b"".join(session.say(prompt, _native(options))))
                lines = b""


def _logits(load: Load, model: Model, draw: random.Random) -> Iterator[Question]:
    for _ in range(load.n_logits):
        ids = [draw.randrange(model.n_vocab) for _ in range(draw.randint(1, load.n_ids))]
        expected = model.logits(ids).astype("<i4").tobytes()
        yield Question(b"", " ".join(map(str, ids)).encode(), expected)


def questions(load: Load, seed: int) -> Questions:
    """Return the questions of a load; the same for the same seed."""
    draw = random.Random(f"{load.model} {seed}")
    with Model(load.path()) as model, Model(_path(load.other)) as other:
        return Questions(
            list(_texts(load, model, draw, load.n_texts)),
            list(_logits(load, model, draw)),
            list(_dialogues(load, model, draw)),
            list(_texts(load, other, draw, 30)),
        )


def parse(output: str, report: Report) -> None:
    """Take what the guest's program printed. HarnessError where that is something else."""
    tables = {"operation": report.operations, "count": report.counts, "error": report.errors}
    for line in output.splitlines():
        what, _, rest = line.partition(" ")
        if what == "failure":
            report.failures.append(rest)
        elif what in tables:
            key, _, value = rest.partition(" ")
            tables[what][key] = int(value)
        else:
            raise HarnessError(f"the guest's program printed {line!r}")


def _settled(guest: Guest) -> dict[str, str]:
    """The module's figures when it has looked for sessions that are gone, as every open does."""
    lines = guest.check(
        "(: 3<>/proc/llamux/prompt); cat /proc/llamux/stats", timeout=120
    ).splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _under(guest: Guest, load: Load, report: Report, seed: int) -> None:
    """Load the module, let the clients loose, and look at what they leave behind."""
    most = max(2, report.clients * 3 // 4)  # fewer than they want
    guest.check(
        f"insmod {MODULE_PATH} model=/stress/{load.model}.gguf max_conversations={most}"
        f" group={GROUP}",
        timeout=300,
    )
    guest.check(  # the beginning that prompts share stays
        "setsid sh -c 'echo max_tokens 1 >/proc/llamux/options; exec 3<>/proc/llamux/prompt;"
        " echo a >&3; cat <&3 >/dev/null'",
        timeout=300,
    )
    before = _settled(guest)
    grace = round(patience.scaled(_GRACE * guest.kernel.slowness))
    done = guest.run(
        f"/stress/stress /stress/{load.model}.questions {report.seconds} {grace} {report.clients}"
        f" {seed} /stress/{load.model}.gguf /stress/{load.other}.gguf",
        timeout=report.seconds + grace + _END,
    )
    if not done.output:
        raise HarnessError(
            f"the guest's program ended with {done.exit_code}: "
            f"{done.errors.decode(errors='replace').strip()}"
        )
    parse(done.text, report)
    after = _settled(guest)
    for key in ("conversations", "memory_bytes"):
        if after[key] != before[key]:
            report.failures.append(f"{key} was {before[key]}, and is {after[key]} at the end")
    gone = guest.run("rmmod llamux", timeout=60)
    if gone.exit_code:
        report.failures.append(f"rmmod: {gone.errors.decode(errors='replace').strip()}")
    elif "llamux" in guest.check("cat /proc/vmallocinfo"):
        report.failures.append("memory of the module is left")
    guest.assert_clean_log()


def run(
    seconds: int,
    *,
    arch: str = "x86_64",
    kernel: str | None = None,
    clients: int = 100,
    seed: int = 0,
    loads: Sequence[Load] = LOADS,
    ask: Mapping[str, Questions] | None = None,
) -> list[Report]:
    """Boot a guest and put the module under each load for its share of ``seconds``.

    ``ask`` has questions by model, in the place of :func:`questions`. Raises GuestError where
    the kernel breaks, its log is not clean, or the guest is lost.
    """
    module = kbuild_module.build_module(arch, kernel)
    files: dict[str, bytes | Path] = {"/stress/program": cross.program(PROGRAM, arch)}
    with step("answers to compare with"):
        for load in loads:
            files[f"/stress/{load.model}.gguf"] = load.path()
            files[f"/stress/{load.other}.gguf"] = _path(load.other)
            asked = ask[load.model] if ask else questions(load, seed)
            files[f"/stress/{load.model}.questions"] = asked.packed()
    whole = sum(load.share for load in loads)
    reports = []
    with Guest(
        arch,
        kernel,
        load_module=False,
        module=module,
        smp=PROCESSORS,
        memory=MEMORY,
        files=files,
    ) as guest:
        guest.check("cp /stress/program /stress/stress && chmod 755 /stress/stress")
        for load in loads:
            share = max(1, round(seconds * load.share / whole))
            report = Report(load.model, share, max(1, round(clients * load.crowd)))
            with step(f"{report.clients} clients of {load.model} for {share} s"):
                _under(guest, load, report, seed)
            reports.append(report)
    return reports
