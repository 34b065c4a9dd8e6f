# SPDX-License-Identifier: GPL-2.0
"""A program of the host succeeds, or one line says why it failed."""

import os
import sys
from pathlib import Path

import pytest

from harness.host.errors import ProgramError, SetupError
from harness.host.run import KEPT_LOGS, run, shown


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("LLAMUX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def shell(text: str, **options: object) -> str:
    """Run a shell command that fails; return the error's text."""
    with pytest.raises(ProgramError) as caught:
        run(["sh", "-c", text], **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_output_and_errors_are_apart_or_merged(tmp_path: Path) -> None:
    done = run(["sh", "-c", "cat; echo bad >&2"], stdin=b"in\xff")
    assert (done.exit_code, done.output, done.errors) == (0, b"in\xff", b"bad\n")
    assert (done.text, done.error_text) == ("in\ufffd", "bad\n")
    merged = run(["sh", "-c", "echo a; echo b >&2; echo c"], merge=True)
    assert (merged.output, merged.errors) == (b"a\nb\nc\n", b"")
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    assert len(run(["cat"], stdin=tmp_path / "file").output) == 100_000
    assert run(["pwd"], cwd=tmp_path).text.strip() == str(tmp_path)
    assert run(["env"], env={"ONE": "1", "PATH": os.environ["PATH"]}).text.count("ONE=1") == 1


def test_an_error_is_one_line_and_the_log_has_the_rest(cache: Path) -> None:
    message = shell("echo first; echo last >&2; exit 3", what="a trial", advice="try again")
    assert message.startswith("a trial: `sh -c ")
    assert "failed: " in message
    assert message.endswith("; try again")
    (log,) = (cache / "logs").iterdir()
    assert f"(all output: {log})" in message
    text = log.read_text()
    assert "first\nlast\n" in text
    assert text.endswith("exit code 3\n")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo a; echo 'b ' ; echo; exit 1", "failed: b ("),
        ("echo 'x.c:3: error: bad'; echo 'y.c:4: error: worse'; exit 1", "x.c:3: error: bad ("),
        ("echo 'undefined x'; echo 'make[2]: *** [all] Error 1'; exit 2", "undefined x ("),
        ("exit 7", "exit code 7 and no output"),
        ("kill -9 $$", "signal 9 and no output"),
    ],
)
def test_the_reason_is_the_line_that_tells_most(command: str, reason: str) -> None:
    assert reason in shell(command)


def test_exit_codes_may_be_expected() -> None:
    assert run(["sh", "-c", "exit 1"], accept=(0, 1)).exit_code == 1
    assert run(["sh", "-c", "exit 9"], check=False).exit_code == 9
    assert "exit code 2" in shell("exit 2", accept=(0, 1))


def test_a_missing_program_is_named() -> None:
    with pytest.raises(SetupError, match="no-such-program is missing; install it: apt-get"):
        run(["no-such-program", "x"], error=SetupError)
    with pytest.raises(ProgramError, match="is missing; ask somebody"):
        run(["no-such-program"], advice="ask somebody")
    with pytest.raises(FileNotFoundError):
        run(["true"], cwd=Path("/no/such/folder"))


def test_a_program_ends_at_its_time_limit() -> None:
    assert "still ran after 0.2 s" in shell("sleep 20", timeout=0.2)


def test_old_logs_are_removed(cache: Path) -> None:
    for _ in range(KEPT_LOGS + 3):
        shell("exit 1")
    assert len(list((cache / "logs").iterdir())) == KEPT_LOGS


def test_a_long_command_is_cut() -> None:
    assert shown(["echo", "a b"]) == "`echo 'a b'`"
    assert len(shown([sys.executable, *["word"] * 100])) < 100
