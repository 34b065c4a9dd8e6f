# SPDX-License-Identifier: GPL-2.0
"""The Python client and its program, run by the host's Python inside User-mode Linux."""

import asyncio
import ctypes
import errno
import io
import json
import math
import os
import platform
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import pexpect
import pytest

from harness.core.options import Options as CoreOptions
from harness.core.session import Model, Session
from harness.guests.guest import Guest, Result
from harness.host import patience
from harness.host.paths import ROOT, cache_dir
from llamux import bench, client, doctor, errors, uapi
from llamux.cli import main
from llamux.options import Options
from tests.support import lab as guest_lab
from tests.support.lab import loaded

pytestmark = pytest.mark.debug_kernel("uml/kasan")

HOST = "/tmp/host"
UML_ONLY = pytest.mark.skipif(platform.machine() != "x86_64", reason="User-mode Linux is x86-64's")


def test_the_structures_are_the_headers() -> None:
    """Sizes, offsets and numbers, as the compiler sees them."""
    program = '#include <stddef.h>\n#include <stdio.h>\n#include "llamux.h"\nint main(void) {\n'
    expected = []
    for name, structure in (("options", uapi.IocOptions), ("figures", uapi.IocFigures)):
        c_name = f"struct llamux_ioc_{name}"
        program += f'printf("%zu\\n", sizeof({c_name}));\n'
        expected.append(ctypes.sizeof(structure))
        for field, *_ in structure._fields_:
            program += f'printf("%zu\\n", offsetof({c_name}, {field}));\n'
            expected.append(getattr(structure, field).offset)
    for name in ("GET_OPTIONS", "SET_OPTIONS", "FIGURES", "RESET"):
        program += f'printf("%lu\\n", (unsigned long)LLAMUX_IOC_{name});\n'
        expected.append(getattr(uapi, name))
    folder = cache_dir("native")
    target = folder / "uapi_check"
    subprocess.run(
        ["gcc", "-x", "c", "-", "-o", target, f"-I{ROOT / 'kmod' / 'include' / 'uapi'}"],
        input=(program + "}\n").encode(),
        check=True,
    )
    printed = subprocess.run([target], capture_output=True, check=True).stdout.split()
    assert [int(word) for word in printed] == expected


def test_without_the_module_it_says_how_to_load_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for arguments in (["status"], ["ask", "x"], ["doctor"], ["models"], ["use", "x"], ["stats"],
                      ["chat"], ["options"], ["options", "seed=1"], ["bench"]):  # fmt: skip
        assert main(arguments) == 1
        assert "insmod llamux.ko" in capsys.readouterr().err


def test_asking_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asynchronous ways, over a conversation whose answer waits for the loop."""
    free = threading.Event()
    threads = []

    def answer(end: socket.socket) -> None:
        with end:
            for byte in end.recv(64):
                assert free.wait(10)
                end.sendall(bytes([byte]))

    class Echo(client.Conversation):
        def __init__(self, options: Options | None = None, *, chat: bool = False) -> None:
            own, other = socket.socketpair()
            self._fd = own.detach()
            threads.append(threading.Thread(target=answer, args=(other,)))
            threads[-1].start()

    monkeypatch.setattr(client, "Conversation", Echo)

    async def ask() -> tuple[tuple[str, str], list[str]]:
        asyncio.get_running_loop().call_later(0.05, free.set)
        whole = await asyncio.gather(client.aquery("abc"), client.aquery("d"))
        return whole, [piece async for piece in client.astream("éf")]

    whole, pieces = asyncio.run(ask())
    for thread in threads:
        thread.join()
    assert list(whole) == ["abc", "d"]
    assert "".join(pieces) == "éf"
    assert all(pieces)


def test_options_come_back_as_they_went() -> None:
    for options in (
        Options(),
        Options(temperature=0.5, top_k=3, seed=2**64 - 1, system="", model="m"),
        Options(template="llama-3", stop=("a", "é" * 32, "c", "d"), system="s" * 4096),
    ):
        assert Options.unpacked(options.packed()) == options


@pytest.mark.parametrize(
    ("field", "takes", "wrong"),
    [
        ("temperature", "from 0 to 16", (-1e-9, 16.1, 65536.5, math.nan, math.inf, 10**400, "1")),
        ("top_p", "above 0 and at most 1", (0, 1e-9, -1, 1.01, 65536.5, math.nan, -math.inf)),
        ("min_p", "from 0 to 1", (-0.1, 1.01, 65536.5, math.nan, math.inf)),
        ("repeat_penalty", "from 0.5 to 16", (0, 0.4, -1, 16.1, 65537, math.nan, math.inf)),
        ("top_k", "a whole number from 0 to 4294967295", (-1, 2**32, 1.5, math.nan, "1")),
        ("max_tokens", "a whole number from 1 to 4294967295", (0, -1, 2**32, 7.0)),
        ("seed", "a whole number from 0 to 18446744073709551615", (-1, 2**64, 0.0)),
        ("speculate", "a whole number from 0 to 7", (-1, 8, 2**32, 1.0)),
        ("template", "one of auto, none, chatml, zephyr, llama-2, llama-3", ("", "llama", None)),
        ("stop", "up to 4 texts, not 5", (("a",) * 5,)),
        ("stop", "1 to 64 bytes", (("a", ""), ("é" * 33,))),
        ("stop", "not have a NUL", (("a", "b\0c"),)),
        ("stop", "UTF-8", (("\ud800",),)),
        ("system", "0 to 4096 bytes, not 4098", ("é" * 2049,)),
        ("system", "not have a NUL", ("\0", "a\0b")),
        ("system", "UTF-8", ("\udcff",)),
        ("model", "0 to 63 bytes", ("m" * 64,)),
        ("model", "not have a NUL", ("a\0b",)),
        ("model", "UTF-8", ("\udcff",)),
    ],
)
def test_options_that_do_not_fit_are_refused(
    field: str, takes: str, wrong: tuple[Any, ...]
) -> None:
    """None becomes another one on its way to the kernel."""
    for value in wrong:
        options = Options(**{field: value})
        with pytest.raises(errors.BadValueError, match=f"^{field} .*{re.escape(takes)}"):
            options.packed()


def test_options_at_their_limits_fit() -> None:
    least = Options(0, 0, 1 / uapi.RATIO, 0.0, 0.5, 0, 1, 0, "none", (), "", "")
    most = Options(16, 2**32 - 1, 1, 1, 16.0, 2**64 - 1, 2**32 - 1, 7, "llama-3")
    for options in (least, most):
        assert Options.unpacked(options.packed()) == options


class Recorder:
    """A conversation that says with what options it was asked."""

    session = Options(seed=3, top_k=9, template="zephyr", stop=("z",))
    asked: ClassVar[list[tuple[bool, Options]]] = []

    def __init__(self, *, chat: bool) -> None:
        self.chat = chat

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def options(self) -> Options:
        return self.session

    def set_options(self, options: Options) -> None:
        self.asked.append((self.chat, options))

    def stream(self, text: str) -> Iterator[str]:
        yield text.upper()


@pytest.mark.parametrize("verb", ["ask", "chat"])
def test_every_option_can_be_given(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check that options which are not given are those of the session."""
    monkeypatch.setattr("llamux.cli.Conversation", Recorder)
    given: dict[str, Any] = {
        "temperature": 0.5,
        "top_k": 0,
        "top_p": 0.25,
        "min_p": 0.125,
        "repeat_penalty": 1.5,
        "seed": 0,
        "max_tokens": 7,
        "speculate": 0,
        "template": "llama-2",
        "stop": ("a", "b"),
        "system": "",
        "model": "m",
    }
    assert set(given) == {field.name for field in fields(Options)}
    for some in ({}, given, *({name: value} for name, value in given.items())):
        words = [verb] if verb == "chat" else [verb, "hello"]
        monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n" if verb == "chat" else ""))
        for name, value in some.items():
            for each in value if isinstance(value, tuple) else (value,):
                words += [f"--{name.replace('_', '-')}", str(each)]
        assert main(words) == 0
        assert capsys.readouterr().out == "HELLO"
        assert Recorder.asked.pop() == (verb == "chat", replace(Recorder.session, **some))


def test_models_are_listed_and_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check the parsing and printing of the list of models, and the choice of a default."""
    monkeypatch.setattr(uapi, "ROOT", tmp_path)
    (tmp_path / "models").write_text(
        "a\tloaded\t0\t9437184\t64\tQ8_0\tA b\nb\tdefault\t3\t1048576\t2048\tF16\tC\td\n"
    )
    assert client.models() == [
        client.LoadedModel("a", False, 0, 9 << 20, 64, "Q8_0", "A b"),
        client.LoadedModel("b", True, 3, 1 << 20, 2048, "F16", "C\td"),
    ]
    assert main(["models"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown == [["a", "9", "MiB", "Q8_0", "A", "b"], ["*", "b", "1", "MiB", "F16", "C", "d"]]
    assert main(["use", "a"]) == 0
    assert (tmp_path / "control").read_text() == "default a\n"


def test_help_imports_little() -> None:
    """Check that the program imports what only some verbs need when they run."""
    program = """
import sys; from llamux import cli
slow = {"asyncio", "llamux.bench", "llamux.doctor"} & set(sys.modules)
sys.exit(f"imported: {slow}" if slow else 0)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("call", "number", "kind", "advice"),
    [
        (client.stats, errno.EACCES, errors.AccessError, "group"),
        (client.stats, errno.ENODEV, errors.NotLoadedError, "insmod"),
        (client.stats, errno.E2BIG, errors.LlamuxError, "newer module$"),
        (client.stats, errno.EIO, errors.LlamuxError, "Input/output error$"),
        (lambda: client.set_model("x"), errno.EACCES, errors.AccessError, "needs root"),
        (lambda: client.set_model("x"), errno.EPERM, errors.AccessError, "needs root"),
        (lambda: client.set_model("x"), errno.ENOENT, errors.NoModelError, "`llamux models`"),
        (lambda: client.set_model(""), errno.EINVAL, errors.NoModelError, "`llamux models`"),
        (lambda: client.set_session_options([]), errno.EINVAL, errors.BadValueError, "dmesg"),
        (lambda: client.set_session_options([]), errno.EBUSY, errors.BusyError, "being read"),
        (lambda: client.query("x"), errno.EUSERS, errors.BusyError, "too many conversations"),
    ],
)
def test_errors_have_a_kind_and_advice(
    call: Callable[[], object],
    number: int,
    kind: type[errors.LlamuxError],
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a file cannot be opened; guests tell the rest."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(uapi, "ROOT", tmp_path)
    for name in ("os.open", "pathlib.Path.read_text", "pathlib.Path.write_text"):
        monkeypatch.setattr(name, fail)
    with pytest.raises(errors.LlamuxError, match=advice) as caught:
        call()
    assert caught.type is kind


def test_options_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check that options are written to the file and printed from it."""
    monkeypatch.setattr(uapi, "ROOT", tmp_path)
    assert main(["options", "--reset", "seed=7", "system=a\\b\nc", "stop="]) == 0
    written = (tmp_path / "options").read_text()
    assert written == "reset\nseed 7\nsystem a\\\\b\\nc\nstop\n"
    assert main(["options"]) == 0
    assert capsys.readouterr().out == written


def test_a_terminal_is_watched(tmp_path: Path) -> None:
    """Each time on a cleared screen, until Ctrl-C."""
    (tmp_path / "stats").write_text("model m\nanswers 1\n")
    program = f"""
import sys; from pathlib import Path; from llamux import cli, uapi
uapi.ROOT = Path({str(tmp_path)!r})
sys.exit(cli.main(["stats", "--watch", "0.1"]))
"""
    child = pexpect.spawn(
        sys.executable,
        ["-c", program],
        cwd=str(ROOT),
        timeout=patience.scaled(60),
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    child.expect_exact("\x1b[H\x1b[Jmodel m\r\nanswers 1\r\n")
    (tmp_path / "new").write_text("model m\nanswers 2\n")
    (tmp_path / "new").rename(tmp_path / "stats")  # at once, or half of it might be read
    child.expect_exact("\x1b[H\x1b[Jmodel m\r\nanswers 2\r\n")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_others_are_told_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check that a watch into a pipe writes a paragraph each time."""
    monkeypatch.setattr(uapi, "ROOT", tmp_path)
    (tmp_path / "stats").write_text("model a b\nanswers 1\n")
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        (tmp_path / "stats").write_text("model a b\nanswers 2\n")
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", wait)
    assert main(["stats", "--watch"]) == 130
    assert waits == [2.0, 2.0]
    said = "model a b\nanswers 1\n\nmodel a b\nanswers 2\n\n\n"
    assert capsys.readouterr().out == said
    assert main(["stats"]) == 0
    assert capsys.readouterr().out == "model a b\nanswers 2\n"


def test_the_doctor_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check the list of things that are there or missing; it ends with how to load the module."""
    found = [doctor.Finding("the kernel is 6.12"), doctor.Finding("no model", "copy one")]
    monkeypatch.setattr(doctor, "findings", lambda: found)
    monkeypatch.setattr(uapi, "ROOT", tmp_path / "none")
    assert main(["doctor"]) == 1
    out, errors = capsys.readouterr()
    assert out == "ok       the kernel is 6.12\nmissing  no model\n         -> copy one\n"
    assert "insmod llamux.ko" in errors


def test_the_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    def missing() -> list[str]:
        return [found.what for found in doctor.findings(tmp_path, "6.12.1-x") if found.advice]

    rights = [] if os.geteuid() == 0 else ["you are not root, who alone may load modules"]
    assert missing() == [
        "no headers of this kernel",
        "no llamux.ko is here or installed",
        "no model is at /lib/firmware/llamux/model.gguf",
        *rights,
    ]
    build = tmp_path / "lib" / "modules" / "6.12.1-x" / "build"
    build.mkdir(parents=True)
    (build / "Makefile").touch()
    model = tmp_path / doctor.MODEL
    model.parent.mkdir(parents=True)
    model.write_bytes(bytes(1 << 20))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1000 kB\n")
    security = tmp_path / "sys" / "kernel" / "security"
    security.mkdir(parents=True)
    (security / "lockdown").write_text("none [integrity] confidentiality\n")
    assert missing() == [
        "no llamux.ko is here or installed",
        "/lib/firmware/llamux/model.gguf has 1 MiB, 0 MiB of memory are free",
        "the kernel loads signed modules alone",
        *rights,
    ]
    (security / "lockdown").write_text("[none] integrity confidentiality\n")
    enforced = tmp_path / "sys" / "module" / "module" / "parameters" / "sig_enforce"
    enforced.parent.mkdir(parents=True)
    enforced.write_text("Y\n")
    assert "the kernel loads signed modules alone" in missing()
    enforced.write_text("N\n")
    (tmp_path / "proc" / "meminfo").write_text("MemAvailable:    2000 kB\n")
    (build.parent / "updates").mkdir()
    (build.parent / "updates" / "llamux.ko.xz").touch()
    assert missing() == rights
    assert doctor.findings(tmp_path, "5.10.0")[0].advice == "boot Linux 6.1 or newer"


def test_the_doctor_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompt").touch()
    assert doctor.access(tmp_path) == doctor.Finding(f"you may use {tmp_path}")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for number, advice in ((0, "group="), (54321, "usermod -aG 54321 ")):
        monkeypatch.setattr(Path, "stat", lambda path, gid=number: SimpleNamespace(st_gid=gid))
        assert advice in doctor.access(tmp_path).advice


def test_rates_are_medians() -> None:
    def figures(prefill: float, decode: float, tokens: int = 11) -> client.Figures:
        return client.Figures(25, 5, tokens, 0, 0, prefill, prefill, decode, 0.0, 0.0)

    report = bench.report([figures(1.0, 2.0), figures(4.0, 1.0), figures(2.0, 10.0)])
    assert (report.prompt_tokens, report.tokens) == (25, 11)
    assert report.prefill == bench.Spread(10.0, 5.0, 20.0)
    assert report.decode == bench.Spread(5.0, 1.0, 10.0)
    assert report.first_token == bench.Spread(2.0, 1.0, 4.0)
    with pytest.raises(errors.LlamuxError, match="second token"):
        bench.report([figures(1.0, 2.0, 1)])


@pytest.fixture
def uml(lab: Guest) -> Iterator[Guest]:
    """A guest that sees the host's files, and its own /proc among them."""
    lab.check(f"mkdir -p {HOST}; mount -t hostfs none {HOST} -o /; mount -t proc proc {HOST}/proc")
    yield lab
    lab.check(f"umount {HOST}/proc {HOST}")


def run(guest: Guest, *words: str, stdin: bytes = b"") -> Result:
    """A program of the host's, from the project's folder."""
    command = f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(words)}"
    return guest.run(f"chroot {HOST} sh -c {shlex.quote(command)}", stdin=stdin, timeout=120)


def llamux(guest: Guest, *words: str, stdin: bytes = b"") -> Result:
    """The console program."""
    return run(guest, sys.executable, "-m", "llamux", *words, stdin=stdin)


@UML_ONLY
@pytest.mark.parametrize("arch", ["uml"], indirect=True)
class TestInUserModeLinux:
    """With the module."""

    def test_answers_are_the_librarys(self, uml: Guest) -> None:
        program = """
import json
from llamux import Conversation, Options, query
o = Options(max_tokens=12, template="chatml", temperature=0.8, seed=7, system="s")
with Conversation(o, chat=True) as c:
    turns = [c.ask("a"), c.ask("b")]
    figures = c.figures()
    c.reset()
    again = c.ask("a")
print(json.dumps([query("hello", o), turns, again, figures.reused_tokens, figures.log_prob]))
"""
        with loaded(uml):
            done = run(uml, sys.executable, "-c", program)
        assert done.exit_code == 0, done.errors
        one, turns, again, reused, log_prob = json.loads(done.output)
        options = CoreOptions(
            max_tokens=12, chat=1, temperature=round(0.8 * 65536), seed=7, system="s"
        )
        path = guest_lab.files()[guest_lab.TINY]
        assert not isinstance(path, bytes)
        with Model(path) as model, Session(model, 256) as session:
            right = b"".join(session.answer(b"hello", options)).decode()
            assert one == right
            session.forget()
            assert turns[0] == b"".join(session.answer(b"a", options)).decode() == again
        with Model(path) as model, Session(model, 256) as session:
            said = [b"".join(session.say(text, options)).decode() for text in (b"a", b"b")]
            assert turns == said
            assert reused == session.counts().reused
            sums = session.confidence()
            assert abs(log_prob - sums.log_prob / sums.tokens / 65536) < 1e-9

    def test_bad_options_are_refused(self, uml: Guest) -> None:
        program = """
import fcntl
from llamux import Conversation, NoModelError, Options, uapi
try:
    Conversation(Options(model="none"))
except NoModelError as error:
    print(error)
def refused(command, argument):
    try:
        fcntl.ioctl(c._fd, command, argument)
    except OSError as error:
        print(error.errno)
with Conversation() as c:
    for field, value in (("temperature", 17 * uapi.RATIO), ("top_p", 0), ("max_tokens", 0),
                         ("speculate", 8), ("reserved", 1), ("n_stops", 5), ("chat_template", 9),
                         ("n_system", 5000)):
        packed = Options().packed()
        setattr(packed, field, value)
        refused(uapi.SET_OPTIONS, packed)
    packed = Options(system="abc").packed()
    packed.system = b"a\\xff"
    packed.n_system = 2
    for command, argument in ((uapi.SET_OPTIONS, packed), (0xBE63, 0), (uapi.SET_OPTIONS, 1)):
        refused(command, argument)
    back = uapi.IocOptions()
    fcntl.ioctl(c._fd, uapi.GET_OPTIONS, back)
    print(bytes(back) == bytes(Options().packed()))
"""
        with loaded(uml):
            done = run(uml, sys.executable, "-c", program)
        assert done.exit_code == 0, done.errors
        lines = done.output.decode().splitlines()
        assert "`llamux models`" in lines[0]
        assert lines[1:] == ["22"] * 8 + ["84", "25", "14", "True"]

    def test_errors_say_what_to_do(self, uml: Guest) -> None:
        """Each by its own exception."""
        program = """
import json, os
from llamux import Conversation, LlamuxError, Options, query, set_model
o = Options(max_tokens=40, template="none")
def tell(call):
    try:
        call()
        print("nothing")
    except LlamuxError as error:
        print(type(error).__name__, error)
with Conversation(o) as a, Conversation(o) as b, Conversation(o) as c:
    pieces = a.stream("x")
    next(pieces)
    tell(lambda: a.ask("y"))
    tell(lambda: b.ask("y"))
    "".join(pieces)
    tell(lambda: b.ask("y"))
    tell(lambda: Conversation())
    tell(lambda: b.ask(""))
    tell(lambda: b.ask("\\n"))
    tell(lambda: b.ask("a\\0b"))
    tell(lambda: b.ask("z" * 2000))
    tell(lambda: b.ask("z" * 3000))
tell(lambda: set_model("none"))
tell(lambda: set_model("no name"))
os.setegid(54321)
os.seteuid(54321)
tell(lambda: set_model("tiny"))
tell(lambda: query("x"))
"""
        limits = "max_user_prompts=1 max_user_conversations=3 max_prompt=2500"
        with loaded(uml, arguments=limits):
            done = run(uml, sys.executable, "-c", program)
        assert done.exit_code == 0, done.errors
        expected = (
            ("BusyError", "an answer is being read"),
            ("BusyError", "max_user_prompts"),
            ("nothing", ""),
            ("BusyError", "too many conversations"),
            ("BadValueError", "there is no prompt"),
            ("BadValueError", "there is no prompt"),
            ("BadValueError", "must not have a NUL"),
            ("TooLongError", "n_ctx"),
            ("TooLongError", "max_prompt"),
            ("NoModelError", "`llamux models`"),
            ("NoModelError", "`llamux models`"),
            ("AccessError", "needs root"),
            ("AccessError", "group"),
        )
        lines = done.text.splitlines()
        for line, (kind, advice) in zip(lines, expected, strict=True):
            assert line.split()[0] == kind, lines
            assert advice in line

    def test_many_are_asked_in_one_loop(self, uml: Guest) -> None:
        """Asynchronous answers are the others, and the loop turns while they are made."""
        program = """
import asyncio, json
from llamux import Conversation, Options, aquery, astream, query
o = Options(max_tokens=40, template="none")
texts = ["one", "two", "three"]
async def main():
    turns = 0
    async def tick():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)
    ticking = asyncio.create_task(tick())
    answers = await asyncio.gather(*(aquery(text, o) for text in texts))
    before = turns
    pieces = [piece async for piece in astream("one", o)]
    turns -= before
    with Conversation(o, chat=True) as c:
        said = ["".join([piece async for piece in c.astream(text)]) for text in texts[:2]]
        c.reset()
        said.append(c.ask("one"))
    try:
        await aquery("")
    except Exception as error:
        failed = str(error)
    ticking.cancel()
    return answers, "".join(pieces), said, turns / len(pieces), failed
class Loop(asyncio.SelectorEventLoop):  # this kernel has no sockets to wake it up with
    _csock = None
    def _make_self_pipe(self): pass
    def _close_self_pipe(self): pass
with asyncio.Runner(loop_factory=Loop) as runner:
    found = runner.run(main())
print(json.dumps([found, [query(text, o) for text in texts]]))
"""
        with loaded(uml):
            done = run(uml, sys.executable, "-c", program)
        assert done.exit_code == 0, done.errors
        (answers, streamed, said, turns, failed), expected = json.loads(done.output)
        assert answers == expected
        assert streamed == expected[0] == said[0] == said[2]
        assert said[1]
        assert turns > 3  # one and a little, where the loop waits for each piece
        assert "there is no prompt" in failed

    def test_the_session_s_options(self, uml: Guest) -> None:
        """They count for `ask`, as for echo and cat; what `ask` is told goes before them."""
        here = f"cd {shlex.quote(str(ROOT))} && exec 2>&1; l='{sys.executable} -m llamux'; "
        script = here + (
            "$l options max_tokens=5 template=none; $l ask x | md5sum; $l ask --max-tokens 9 x"
            " | md5sum; echo x >/proc/llamux/prompt; md5sum </proc/llamux/prompt; $l options"
            " | head -7 | tail -1; $l options --reset; $l options | grep max; $l options seed=x"
        )
        with loaded(uml):
            done = uml.run(f"chroot {HOST} sh -c {shlex.quote(script)}", timeout=120)
            ask, longer, cat, changed, reset, bad = done.text.splitlines()
        assert ask == cat != longer
        assert (changed, reset) == ("max_tokens 5", "max_tokens 256")
        assert "dmesg" in bad

    def test_speed_is_the_modules_own(self, uml: Guest) -> None:
        few = ("--repeats", "3", "--words", "20", "--max-tokens", "8")
        with loaded(uml):
            report = json.loads(llamux(uml, "bench", *few, "--json").output)
            text = llamux(uml, "bench", *few).text
            tokens = int(guest_lab.stats(uml)["tokens_generated"])
        assert report["tokens"] == 8
        assert tokens >= 6 * 8
        for name in ("prefill", "decode", "first_token"):
            spread = report[name]
            assert 0 < spread["least"] <= spread["median"] <= spread["most"], report
        assert f"prompt of {report['prompt_tokens']} tokens" in text

    def test_the_program(self, uml: Guest) -> None:
        short = ("--max-tokens", "6")
        with loaded(uml):
            plain = llamux(uml, "ask", "a\n\nwhy?", *short).output
            assert llamux(uml, "ask", "why?", *short, stdin=b"a\n").output == plain != b""
            turns = llamux(uml, "chat", *short, stdin=b"a\n/reset\na\n").output
            first = llamux(uml, "ask", "a", *short).output
            assert turns == 2 * first
            assert b"conversations" in llamux(uml, "status").output
            assert re.search(rb"^isa \w+$", llamux(uml, "stats").output, re.M)
            assert b"it answers" in llamux(uml, "doctor").output
            uml.check(f"echo load {guest_lab.TINY_SPM} >{guest_lab.CONTROL}")
            assert [line[:2] for line in llamux(uml, "models").text.splitlines()] == ["* ", "  "]
            assert llamux(uml, "use", "tiny-spm").exit_code == 0
            assert "* tiny-spm " in llamux(uml, "models").text
            assert "tiny-spm\tdefault" in uml.check("cat /proc/llamux/models")
            missing = llamux(uml, "use", "none")
            assert missing.exit_code == 1
            assert b"llamux models" in missing.errors
            missing = llamux(uml, "ask", "x", "--model", "none")
            assert missing.exit_code == 1
            assert b"llamux models" in missing.errors

    def test_the_program_s_options_are_the_samplers(self, uml: Guest) -> None:
        """An answer that every option given has changed."""
        words = "--temperature 1.5 --top-k 40 --top-p 0.9 --min-p 0.2 --repeat-penalty 1.25"
        more = "--seed 11 --max-tokens 30 --template zephyr --system s --speculate 0"
        with loaded(uml):
            done = llamux(uml, "ask", "hello", *words.split(), *more.split())
        assert done.exit_code == 0, done.errors
        options = CoreOptions(
            temperature=round(1.5 * uapi.RATIO),
            top_k=40,
            top_p=round(0.9 * uapi.RATIO),
            min_p=round(0.2 * uapi.RATIO),
            repeat_penalty=round(1.25 * uapi.RATIO),
            seed=11,
            max_tokens=30,
            chat=2,
            system="s",
            speculate=0,
        )
        path = guest_lab.files()[guest_lab.TINY]
        assert not isinstance(path, bytes)
        with Model(path) as model:
            with Session(model, 256) as session:
                assert done.output == b"".join(session.answer(b"hello", options))
            for name in {field.name for field in fields(CoreOptions)} - {"speculate", "stops"}:
                with Session(model, 256) as session:
                    other = replace(options, **{name: getattr(CoreOptions(), name)})
                    assert done.output != b"".join(session.answer(b"hello", other)), name
