# SPDX-License-Identifier: GPL-2.0
"""The Python client and its program, run by the host's Python inside User-mode Linux."""

import asyncio
import ctypes
import io
import json
import platform
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator

import guest_lab
import pytest
from guest_lab import loaded

from harness.core import Model, Options, Session
from harness.guest import Guest, Result
from harness.paths import ROOT, cache_dir
from llamux import abi, client
from llamux.__main__ import main

HOST = "/tmp/host"
UML_ONLY = pytest.mark.skipif(platform.machine() != "x86_64", reason="User-mode Linux is x86-64's")


def test_the_structures_are_the_headers() -> None:
    """Sizes, offsets and numbers, as the compiler sees them."""
    program = '#include <stddef.h>\n#include <stdio.h>\n#include "llamux.h"\nint main(void) {\n'
    expected = []
    for name, structure in (("options", abi.IocOptions), ("figures", abi.IocFigures)):
        c_name = f"struct llamux_ioc_{name}"
        program += f'printf("%zu\\n", sizeof({c_name}));\n'
        expected.append(ctypes.sizeof(structure))
        for field, *_ in structure._fields_:
            program += f'printf("%zu\\n", offsetof({c_name}, {field}));\n'
            expected.append(getattr(structure, field).offset)
    for name in ("GET_OPTIONS", "SET_OPTIONS", "FIGURES", "RESET"):
        program += f'printf("%lu\\n", (unsigned long)LLAMUX_IOC_{name});\n'
        expected.append(getattr(abi, name))
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
    for arguments in (["status"], ["ask", "x"], ["doctor"], ["models"], ["use", "x"], ["stats"]):
        assert main(arguments) == 1
        assert "insmod llamux.ko" in capsys.readouterr().err


def test_asking_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asynchronous ways, over a conversation that waits for the loop."""
    free = threading.Event()

    class Echo(client.Conversation):
        def __init__(self, options: client.Options | None = None, *, chat: bool = False) -> None:
            self._fd = -1

        def stream(self, text: str) -> Iterator[str]:
            for piece in text:
                assert free.wait(10)
                yield piece

    monkeypatch.setattr(client, "Conversation", Echo)

    async def ask() -> tuple[str, list[str]]:
        asyncio.get_running_loop().call_later(0.05, free.set)
        return await client.aquery("abc"), [piece async for piece in client.astream("de")]

    assert asyncio.run(ask()) == ("abc", ["d", "e"])


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
        options = Options(max_tokens=12, chat=1, temperature=round(0.8 * 65536), seed=7, system="s")
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
from llamux import Conversation, LlamuxError, Options, abi
for change in ({"temperature": 17.0}, {"top_p": 0.0}, {"max_tokens": 0}, {"model": "none"},
               {"speculate": 8}):
    try:
        Conversation(Options(**change))
    except LlamuxError as error:
        print(error)
with Conversation() as c:
    for field, value in (("reserved", 1), ("n_stops", 5), ("chat_template", 9), ("n_system", 5000)):
        packed = Options().packed()
        setattr(packed, field, value)
        try:
            fcntl.ioctl(c._fd, abi.SET_OPTIONS, packed)
        except OSError as error:
            print(error.errno)
    packed = Options(system="abc").packed()
    packed.system = b"a\\xff"
    packed.n_system = 2
    for command, argument in ((abi.SET_OPTIONS, packed), (0xBE63, 0), (abi.SET_OPTIONS, 1)):
        try:
            fcntl.ioctl(c._fd, command, argument)
        except OSError as error:
            print(error.errno)
    back = abi.IocOptions()
    fcntl.ioctl(c._fd, abi.GET_OPTIONS, back)
    print(bytes(back) == bytes(Options().packed()))
"""
        with loaded(uml):
            done = run(uml, sys.executable, "-c", program)
        assert done.exit_code == 0, done.errors
        lines = done.output.decode().splitlines()
        assert len(lines) == 13
        assert all("dmesg" in line for line in lines[:5])
        assert lines[5:] == ["22"] * 4 + ["84", "25", "14", "True"]

    def test_the_program(self, uml: Guest) -> None:
        short = ("--max-tokens", "6")
        with loaded(uml):
            plain = llamux(uml, "ask", "a\n\nwhy?", *short).output
            assert llamux(uml, "ask", "why?", *short, stdin=b"a\n").output == plain != b""
            turns = llamux(uml, "chat", *short, stdin=b"a\n/reset\na\n").output
            first = llamux(uml, "ask", "a", *short).output
            assert turns == 2 * first
            assert b"tiny" in llamux(uml, "models").output
            assert b"conversations" in llamux(uml, "status").output
            assert re.search(rb"^isa \w+$", llamux(uml, "stats").output, re.M)
            assert b"it answers" in llamux(uml, "doctor").output
            assert llamux(uml, "use", "tiny").exit_code == 0
            missing = llamux(uml, "use", "none")
            assert missing.exit_code == 1
            assert b"llamux models" in missing.errors
            assert llamux(uml, "ask", "x", "--model", "none").exit_code == 1
