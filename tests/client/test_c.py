# SPDX-License-Identifier: GPL-2.0
"""The C client: libllamux, by way of its example, on the host and in guests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.options import Options
from harness.core.session import Model, Session
from harness.guests.guest import Guest, Result
from harness.host.paths import HOST_PROGRAMS, INCLUDE, LIBRARY
from tests.support import lab as guest_lab
from tests.support.lab import EXAMPLE, loaded

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml"),
]

PROMPTS = (b"hello", b"why?", "änd 🦙".encode())
SHORT = Options(max_tokens=24)
"""Options as the example sets them."""

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")


@pytest.mark.parametrize("compiler", ["gcc", "clang", "aarch64-linux-gnu-gcc"])
@pytest.mark.parametrize("source", ["llamux.c", "example.c"])
def test_compilers_have_nothing_to_say(compiler: str, source: str, tmp_path: Path) -> None:
    command = [compiler, *STRICT, f"-I{INCLUDE}", "-O2", "-c", str(LIBRARY / source)]
    subprocess.run([*command, "-o", str(tmp_path / "object.o")], check=True)


def test_the_header_is_for_cpp_too(tmp_path: Path) -> None:
    program = '#include "llamux.h"\nint main() { return !llamux_strerror(-1); }\n'
    command = ["g++", "-Wall", "-Werror", f"-I{LIBRARY}", "-x", "c++", "-c", "-"]
    subprocess.run([*command, "-o", str(tmp_path / "x.o")], input=program.encode(), check=True)


def test_it_is_built_and_installed(tmp_path: Path) -> None:
    """With sanitizers, and without the module it says how to load it."""
    for file in LIBRARY.glob("*"):
        if file.suffix in (".c", ".h") or file.name == "Makefile":
            (tmp_path / "libllamux").mkdir(exist_ok=True)
            (tmp_path / "libllamux" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "kmod").mkdir()
    (tmp_path / "kmod" / "include").symlink_to(INCLUDE)
    make = ["make", "-s", "-C", str(tmp_path / "libllamux")]
    sanitize = "-g -fsanitize=address,undefined"
    subprocess.run([*make, f"CFLAGS={sanitize}", f"LDFLAGS={sanitize}"], check=True)
    subprocess.run([*make, "install", f"PREFIX={tmp_path}"], check=True)
    assert (tmp_path / "lib" / "libllamux.a").exists()
    assert (tmp_path / "include" / "llamux.h").exists()
    for words in (["query", "x"], ["stream", "x"], ["poll", "x", "y"], ["chat", "x"],
                  ["stats"], ["models"], ["use", "x"]):  # fmt: skip
        done = subprocess.run(
            [tmp_path / "libllamux" / "example", *words], capture_output=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.startswith(b"the module is not loaded: insmod llamux.ko"), done


def test_its_memory_is_sound(tmp_path: Path) -> None:
    """Against files that only look like the module's, with sanitizers."""
    program = tmp_path / "check"
    source = HOST_PROGRAMS / "libllamux_check.c"
    sanitize = "-fsanitize=address,undefined"
    command = ["clang", "-g", "-Wall", "-Wextra", "-Werror", sanitize, "-fno-sanitize-recover=all"]
    subprocess.run([*command, f"-I{INCLUDE}", str(source), "-o", str(program)], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def example(lab: Guest) -> Iterator[Guest]:
    """A guest with the module, a tiny model, and the example."""
    lab.check(f"chmod 755 {EXAMPLE}")
    with loaded(lab):
        yield lab


@pytest.fixture
def session() -> Iterator[Session]:
    """The same model in the userspace library."""
    path = guest_lab.files()[guest_lab.TINY]
    assert not isinstance(path, bytes)
    with Model(path) as model, Session(model, 256) as session:
        yield session


def run(guest: Guest, *words: bytes) -> Result:
    """The example, each word in quotation marks."""
    return guest.run(" ".join([EXAMPLE, *(f"'{word.decode()}'" for word in words)]), timeout=120)


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_answers_are_the_librarys(example: Guest, session: Session) -> None:
    answers = [b"".join(session.answer(prompt, SHORT)) for prompt in PROMPTS]
    assert len(set(answers)) == len(answers)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        for verb in (b"query", b"stream", b"poll"):
            done = run(example, verb, prompt)
            assert (done.exit_code, done.output) == (0, answer), done
    assert run(example, b"poll", *PROMPTS).output == b"".join(answers)


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_a_dialogue_remembers(example: Guest, session: Session) -> None:
    turns = [b"".join(session.say(prompt, SHORT)) for prompt in PROMPTS]
    counts, sums = session.counts(), session.confidence()
    figures = (
        f"[{counts.reused} of {counts.prompt} tokens were known, "
        f"{counts.accepted} of {counts.drafted} guesses were right; "
        f"log-probability {sums.log_prob / sums.tokens / 65536:.6f}, "
        f"margin {sums.margin / sums.tokens / 65536:.6f}]\n"
    )
    assert run(example, b"chat", *PROMPTS).output == b"".join(turns) + figures.encode()


def test_a_dialogue_begins_anew(example: Guest, session: Session) -> None:
    turns = [b"".join(session.say(prompt, SHORT)) for prompt in PROMPTS[:2]]
    done = run(example, b"chat", *PROMPTS[:2], b"/reset", PROMPTS[0])
    assert done.output.startswith(b"".join(turns) + turns[0] + b"[")


def test_statistics_and_models(example: Guest) -> None:
    run(example, b"query", b"x")
    stats = guest_lab.stats(example)
    expected = (
        f"{stats['model']} with {stats['isa']}: {stats['n_ctx']} tokens of context, "
        f"{stats['answers']} answers, {stats['tokens_generated']} tokens made\n"
    )
    assert run(example, b"stats").text == expected
    assert int(stats["tokens_generated"]) > 0
    example.check(f"echo load {guest_lab.TINY_SPM} >{guest_lab.CONTROL}")
    for chosen in ("tiny-spm", "tiny"):
        assert run(example, b"use", chosen.encode()).exit_code == 0
        listed = ""
        for line in example.check("cat /proc/llamux/models").splitlines():
            name, state, users, size, n_ctx, kind, title = line.split("\t")
            assert state == ("default" if name == chosen else "loaded")
            mark = " (default)" if name == chosen else ""
            listed += f"{name}{mark}: {title} in {kind}, {size} bytes, "
            listed += f"{n_ctx} tokens of context, {users} users\n"
        assert listed.count("\n") == 2
        assert run(example, b"models").text == listed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((b"query", b""), "there is no prompt"),
        ((b"query", b"z" * 2000), "the text is too long"),
        ((b"use", b"none"), "there is no such model"),
        ((b"use", b"x" * 64), "there is no such model"),
        ((b"use", b"no name"), "there is no such model"),
    ],
)
def test_errors_say_what_to_do(example: Guest, words: tuple[bytes, ...], message: str) -> None:
    done = run(example, *words)
    assert done.exit_code == 1
    assert done.errors.decode().startswith(message), done


def test_others_are_told_what_they_lack(example: Guest) -> None:
    for command, message in (
        (f"su user -c '{EXAMPLE} query x'", "not allowed: be root, or in the group"),
        (f"su user -c '{EXAMPLE} use tiny'", "not allowed: this needs root"),
        (f"printf 'a\\377' | xargs {EXAMPLE} query", "the text is not UTF-8"),
        (
            f"exec 3<>{guest_lab.PROMPT} 4<>{guest_lab.PROMPT}; {EXAMPLE} query x",
            "too many conversations",
        ),
    ):
        if message.startswith("too many"):
            example.check("rmmod llamux")
            assert guest_lab.insmod(example, arguments="max_conversations=2").exit_code == 0
        done = example.run(command, timeout=60)
        assert done.exit_code, command
        assert message in done.errors.decode(), done
