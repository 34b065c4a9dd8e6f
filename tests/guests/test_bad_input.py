# SPDX-License-Identifier: GPL-2.0
"""Check bad input in a guest: every row of the table in docs/procfs-abi.md."""

import ctypes
import errno
import os
import re
from typing import Any

import pytest

from harness.guests.guest import Guest
from harness.guests.spec import MODEL_PATH as SMOLLM2
from harness.host.paths import INCLUDE, ROOT
from harness.models import malformed
from llamux import uapi
from tests.support import lab as guest_lab
from tests.support.lab import (
    CHAT,
    CONTROL,
    LOGITS,
    OPTIONS,
    PROMPT,
    TINY,
    ask,
    available_kib,
    insmod,
    loaded,
    new_lines,
)

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml"),
]


def fails(guest: Guest, command: str, error: int) -> None:
    """Check that the command fails and prints the text of `error`."""
    done = guest.run(command, timeout=30)
    assert done.exit_code, command
    assert os.strerror(error) in done.errors.decode(errors="replace"), (command, done)


def file_call(
    guest: Guest, path: str, words: str, data: bytes = b"", mode: str = "<>", before: str = ""
) -> tuple[int, bytes]:
    """Return errno and output of a call on a file opened in `mode`, after the command `before`."""
    command = f"chmod +x /file_call; exec 3{mode}{path}\n{before}\nexec /file_call {words}"
    done = guest.run(command, stdin=data)
    assert not done.errors, done
    return done.exit_code, done.output


def refuses(guest: Guest, error: int, message: str, model: str = TINY, arguments: str = "") -> None:
    """Check that insmod fails with `error` and one line in the log, which matches `message`."""
    with new_lines(guest) as lines:
        done = insmod(guest, model, arguments)
    assert done.exit_code == error, (model, arguments, done)
    # After a refusal, busybox's insmod tries a second system call.
    assert len(set(lines)) == 1, lines
    assert re.fullmatch(message, lines[0]), lines
    assert guest.run("grep -q ^llamux /proc/modules").exit_code


# --- prompts ------------------------------------------------------------------


def test_a_read_without_a_prompt(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"cat {PROMPT}", errno.ENODATA)
        fails(lab, f"exec 3<>{PROMPT}; cat <&3", errno.ENODATA)


def test_an_empty_prompt(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f": >{PROMPT}; printf '' >{PROMPT}")
        fails(lab, f"cat {PROMPT}", errno.ENODATA)
        lab.check(f"echo >{PROMPT}")
        fails(lab, f"cat {PROMPT}", errno.ENODATA)
        assert ask(lab, "not empty")


def test_an_over_long_prompt(lab: Guest) -> None:
    with loaded(lab, arguments="max_prompt=64"):
        assert ask(lab, "a" * 64)
        fails(lab, f"printf {'a' * 65} | cat >{PROMPT}", errno.EMSGSIZE)
        fails(lab, f"cat {PROMPT}", errno.ENODATA)
        # A piece that does not fit leaves the earlier ones in place.
        answer = ask(lab, "a" * 64)
        both = f"{{ printf {'a' * 64}; printf b 2>/dev/null; }} >{PROMPT}; cat {PROMPT}"
        assert lab.run(both).output == answer
    with loaded(lab):
        lab.check(f"head -c 1048576 /dev/zero | tr '\\0' a >/tmp/long; cat /tmp/long >{PROMPT}")
        lab.check("echo a >>/tmp/long")
        fails(lab, f"cat /tmp/long >{PROMPT}", errno.EMSGSIZE)


def test_a_prompt_that_is_not_utf8(lab: Guest) -> None:
    with loaded(lab):
        for text in ("\\377", "a\\300\\257", "\\355\\240\\200", "\\364\\220\\200\\200", "\\200"):
            fails(lab, f"printf '{text}' | cat >{PROMPT}", errno.EILSEQ)
            fails(lab, f"cat {PROMPT}", errno.ENODATA)


def test_a_prompt_that_ends_within_a_character(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf 'a\\342\\202' >{PROMPT}")
        fails(lab, f"cat {PROMPT}", errno.EILSEQ)
        # A later write may complete the character.
        lab.check(f"{{ printf 'a\\342\\202'; sleep 0.1; printf '\\254'; }} >{PROMPT}; cat {PROMPT}")
        fails(
            lab, f"{{ printf 'a\\342\\202'; sleep 0.1; printf b; }} | cat >{PROMPT}", errno.EILSEQ
        )


def test_a_prompt_with_a_nul(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"printf 'a\\0b' | cat >{PROMPT}", errno.EINVAL)
        fails(lab, f"printf '\\0' | cat >{PROMPT}", errno.EINVAL)
        fails(lab, f"cat {PROMPT}", errno.ENODATA)


def test_a_prompt_past_the_context(lab: Guest) -> None:
    with loaded(lab, arguments="n_ctx=32"):
        lab.check(f"echo 'template none' >{OPTIONS}")
        lab.check(f"printf {'z' * 32} >{PROMPT}")
        with new_lines(lab) as lines:
            fails(lab, f"cat {PROMPT}", errno.EMSGSIZE)
        fails(lab, f"cat {PROMPT}", errno.EMSGSIZE)
        assert lines == ["the prompt has 32 tokens, the context has room for 31 and an answer"]
        assert ask(lab, "z" * 31)


def test_a_write_while_an_answer_streams(lab: Guest) -> None:
    with loaded(lab):
        answer = ask(lab, "first")
        lab.check(f"printf first >{PROMPT}")
        begun = f"exec 4<{PROMPT}; dd bs=1 count=1 <&4 >/dev/null 2>&1\n"
        fails(lab, f"{begun} echo second >{PROMPT}", errno.EBUSY)
        own = f"exec 3<>{PROMPT}; printf a >&3; dd bs=1 count=1 <&3 2>/dev/null\n"
        fails(lab, f"{own} printf b | cat >&3", errno.EBUSY)
        assert lab.run(f"cat {PROMPT}").output == answer
        # A write does not replace a complete answer that a reader reads again.
        fails(lab, f"{begun} echo second >{PROMPT}", errno.EBUSY)
        assert lab.run(f"cat {PROMPT}").output == answer
        # Another session may write meanwhile, and so may this one after the reader has closed.
        assert lab.run(f"printf first >{PROMPT}\n{begun} setsid sh /ask second").exit_code == 0
        assert ask(lab, "second") != answer


# --- options ------------------------------------------------------------------


def test_an_unknown_option(lab: Guest) -> None:
    with loaded(lab):
        before = lab.check(f"cat {OPTIONS}")
        for name in ("colour", "temperatur", "Seed", ""):
            with new_lines(lab) as lines:
                fails(lab, f"printf 'seed 5\\n{name} 1\\n' | cat >{OPTIONS}", errno.EINVAL)
            assert lines == [f'options: there is no option "{name}"']
        assert lab.check(f"cat {OPTIONS}") == before  # all lines or none


def test_what_the_log_shows_of_an_unknown_option(lab: Guest) -> None:
    """Check that the log escapes control characters and shortens a long line."""
    with loaded(lab):
        for name, shown in (("\\033[2J", r"\e[2J"), ("s" * 100, "s" * 32)):
            with new_lines(lab) as lines:
                fails(lab, f"printf '{name} 1\\n' | cat >{OPTIONS}", errno.EINVAL)
            assert lines == [f'options: there is no option "{shown}"']


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("temperature", ("", "hot", "-1", "1e3", "0.1x", "99999999999", "nan")),
        ("top_k", ("", "-1", "4294967296", "1.5")),
        ("top_p", ("", "-1", "half", "65536")),
        ("min_p", ("", "-1", "half", "65536")),
        ("repeat_penalty", ("", "-1", "half", "65536")),
        ("seed", ("", "-1", "18446744073709551616")),
        ("max_tokens", ("", "0", "-1", "4294967296")),
        ("speculate", ("", "8", "-1", "1.5", "4294967296")),
        ("template", ("", "jinja", "CHATML")),
        ("model", ("none", "TINY", "tiny.gguf", "m" * 64)),
        ("stop", ("s" * 65, "€" * 22, "\\\\x", "a\\\\", "a\\nstop b\\nstop c\\nstop d\\nstop e")),
        ("system", ("\\\\x", "a\\\\")),
        ("reset", ("now",)),
    ],
)
def test_a_bad_value(lab: Guest, key: str, values: tuple[str, ...]) -> None:
    expected = 'there is no option "reset"' if key == "reset" else f"bad value for {key}"
    ranges = {"0": "max_tokens must be at least 1", "8": "speculate must be from 0 to 7"}
    with loaded(lab):
        before = lab.check(f"cat {OPTIONS}")
        with new_lines(lab) as lines:
            for value in values:
                fails(lab, f"printf '{key} {value}\\n' | cat >{OPTIONS}", errno.EINVAL)
        assert lines == [f"options: {ranges.get(value, expected)}" for value in values]
        assert lab.check(f"cat {OPTIONS}") == before


def test_a_stop_text_too_many(lab: Guest) -> None:
    """Check that four stop texts of full length are kept and that a fifth is refused."""
    texts = [letter * 64 for letter in "abcd"]
    with loaded(lab):
        for text in texts:
            lab.check(f"echo stop {text} >{OPTIONS}")
        full = lab.check(f"cat {OPTIONS}")
        assert full.endswith("".join(f"stop {text}\n" for text in texts))
        with new_lines(lab) as lines:
            fails(lab, f"echo stop e >{OPTIONS}", errno.EINVAL)
            fails(lab, f"printf 'stop\\nstop {texts[0]}a\\n' | cat >{OPTIONS}", errno.EINVAL)
        assert lines == ["options: bad value for stop"] * 2
        assert lab.check(f"cat {OPTIONS}") == full
        lab.check(f"printf 'stop\\nstop e\\n' >{OPTIONS}")
        assert lab.check(f"cat {OPTIONS}").endswith("auto\nstop e\n")


OUT_OF_RANGE = {
    "temperature 17": "temperature must be from 0 to 16",
    "temperature 16.00002": "temperature must be from 0 to 16",
    "top_p 1.5": "top_p must be above 0 and at most 1",
    "top_p 0": "top_p must be above 0 and at most 1",
    "min_p 2": "min_p must be from 0 to 1",
    "repeat_penalty 0": "repeat_penalty must be from 0.5 to 16",
    "repeat_penalty 17": "repeat_penalty must be from 0.5 to 16",
}
"""Bad option lines, and the log line for each."""


def test_a_value_out_of_range(lab: Guest) -> None:
    with loaded(lab):
        before = lab.check(f"cat {OPTIONS}")
        for line, message in OUT_OF_RANGE.items():
            with new_lines(lab) as lines:
                fails(lab, f"echo {line} >{OPTIONS}", errno.EINVAL)
            assert lines == [f"options: {message}"]
        assert lab.check(f"cat {OPTIONS}") == before


def test_options_that_are_no_text(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"printf 'seed 1\\0' | cat >{OPTIONS}", errno.EINVAL)
        fails(lab, f"printf 'system \\377' | cat >{OPTIONS}", errno.EILSEQ)
        fails(lab, f"printf 'system \\342\\202' | cat >{OPTIONS}", errno.EILSEQ)
        fails(lab, f"dd if=/dev/zero of={OPTIONS} bs=8193 count=1", errno.EMSGSIZE)
        system = "s" * 4096
        lab.check(f"echo system {system} >{OPTIONS}")
        assert f"system {system}\n" in lab.check(f"cat {OPTIONS}")
        fails(lab, f"echo system {system}s >{OPTIONS}", errno.EINVAL)


# --- conversations and logits -------------------------------------------------


def test_too_many_conversations(lab: Guest) -> None:
    with loaded(lab, arguments="max_conversations=2"):
        fails(lab, f"exec 3<>{PROMPT} 4<>{PROMPT}; exec 5<>{PROMPT}", errno.EUSERS)
        fails(lab, f"exec 3<>{PROMPT} 4<{PROMPT}; setsid cat {OPTIONS}", errno.EUSERS)
        # A conversation that no one has open is dropped to make room.
        for text in ("a", "b", "c"):
            assert ask(lab, text, session="setsid")
        assert guest_lab.stats(lab)["conversations_peak"] == "2"


def test_logits_are_for_root(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"su user -c 'echo 1 >{LOGITS}'", errno.EACCES)
        fails(lab, f"su user -c 'cat {LOGITS}'", errno.EACCES)
        lab.check(f"chmod 666 {LOGITS}")
        fails(lab, f"su user -c 'cat {LOGITS}'", errno.EPERM)


def test_bad_token_ids(lab: Guest) -> None:
    with loaded(lab):
        for text in ("300", "-1", "x", "1,2", "4294967296", "1 batch 2", "batch 0 1", "batch 65 1",
                     "batch", "batch x"):  # fmt: skip
            fails(lab, f"echo '{text}' >{LOGITS}", errno.EINVAL)
        fails(lab, f"printf '1\\0' | cat >{LOGITS}", errno.EINVAL)
        lab.check(f"seq -s ' ' 1 256 >{LOGITS}")
        fails(lab, f"seq -s ' ' 1 257 | cat >{LOGITS}", errno.EMSGSIZE)
        fails(lab, f"dd if=/dev/zero of={LOGITS} bs=1048577 count=1", errno.EMSGSIZE)


def test_logits_without_tokens_and_tokens_after_logits(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"cat {LOGITS}", errno.ENODATA)
        after = f"exec 3<>{LOGITS}; echo 1 2 >&3; dd bs=4 count=1 <&3 >/dev/null 2>&1\necho 3 >&3"
        fails(lab, after, errno.EBUSY)


# --- all files ------------------------------------------------------------------

TEXTS = {
    "prompt": b"hello, kernel",
    "chat": b"hello, kernel",
    "options": b"top_k 5\nseed 6\n",
    "control": b"default tiny\n",
    "logits": b"1 2 3 4 5 6 7 8\n",
}
"""Valid text for each writable file."""
STREAMS = ("prompt", "chat", "control", "logits")
SHOWN = ("options", "status", "stats", "models")
"""Files with seekable text."""


def of(name: str) -> str:
    """Return the path of a file in /proc/llamux."""
    return f"/proc/llamux/{name}"


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_a_bad_address_to_write_from(lab: Guest) -> None:
    """Check that a failed write keeps nothing, and that read-only memory is a valid source."""
    with loaded(lab):
        shown = lab.check(f"cat {OPTIONS}")
        for name, text in TEXTS.items():
            for where in ("null", "kernel", "edge"):
                found = file_call(lab, of(name), f"write {where}", text)
                assert found[0] == errno.EFAULT, (name, where)
        assert lab.check(f"cat {OPTIONS}") == shown
        found = file_call(lab, PROMPT, "write edge", TEXTS["prompt"], ">")
        assert found[0] == errno.EFAULT
        fails(lab, f"cat {PROMPT}", errno.ENODATA)
        for name, text in TEXTS.items():
            assert file_call(lab, of(name), "write constant", text)[0] == 0, name


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_a_bad_address_to_read_to(lab: Guest) -> None:
    """Check that a failed read loses nothing: the next reader gets everything."""
    with loaded(lab):
        lab.check(f"printf 'template chatml\\nmax_tokens 24\\n' >{OPTIONS}")
        for name in ("prompt", "chat", "logits", *SHOWN):
            text = TEXTS[name].decode() if name not in SHOWN else ""
            ask_it = f"printf '{text}' >&3" if text else ""
            whole = lab.run(f"exec 3<>{of(name)}; {ask_it}\ncat <&3").output
            assert len(whole) > 8, name
            for where in ("null", "kernel", "constant"):
                found = file_call(lab, of(name), f"read {where}", before=ask_it)
                assert found[0] == errno.EFAULT, (name, where)
            after = f"{ask_it}\nfor at in null kernel; do /file_call read $at; done; cat <&3"
            done = lab.run(f"exec 3<>{of(name)}\n{after}", timeout=120)
            assert done.output == whole, name
            error, part = file_call(lab, of(name), "read edge", before=ask_it)
            if name == "logits":
                assert error == errno.EFAULT
            else:
                assert (error, part) == (0, whole[: len(part)])
                assert 0 < len(part) <= 8


def test_streams_have_no_places(lab: Guest) -> None:
    with loaded(lab):
        for name in STREAMS:
            for words in ("seek", "seek_end", "pread", "pwrite"):
                found = file_call(lab, of(name), words, TEXTS[name])
                assert found[0] == errno.ESPIPE, (name, words)


def test_places_in_what_is_shown(lab: Guest) -> None:
    with loaded(lab):
        for name in SHOWN:
            whole = lab.run(f"cat {of(name)}").output
            assert file_call(lab, of(name), "pread") == (0, whole[2:]), name
            found = lab.run(f"exec 3<{of(name)}; /file_call seek && cat <&3").output
            assert found == whole[2:], name
            assert file_call(lab, of(name), "seek_end")[0] == errno.EINVAL, name
            assert file_call(lab, of(name), "pwrite", b"seed 1\n")[0] == errno.ESPIPE, name


def test_files_that_are_not_read_or_not_written(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"cat {CONTROL}", errno.EIO)
        for name in ("status", "stats", "models"):
            before = lab.run(f"cat {of(name)}").output
            fails(lab, f"echo seed 1 >{of(name)}", errno.EIO)
            assert lab.run(f"cat {of(name)}").output == before
    with loaded(lab, arguments="group=1000"):
        for name in ("status", "stats", "models"):
            fails(lab, f"su user -c 'echo seed 1 >{of(name)}'", errno.EACCES)


# --- loading ------------------------------------------------------------------


def test_a_missing_model(lab: Guest) -> None:
    refuses(lab, errno.ENOENT, "/none.gguf cannot be opened .error -2.", "/none.gguf")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/sys/bus/platform/uevent", errno.EACCES, "cannot be opened"),
        ("/models", errno.EINVAL, "is not a regular file"),
        ("/dev/zero", errno.EINVAL, "is not a regular file"),
        ("/tmp/pipe", errno.EINVAL, "is not a regular file"),
        ("/tmp/nothing", errno.ENOEXEC, "is empty"),
        (
            "/sys/kernel/uevent_seqnum",
            errno.EIO,
            "became shorter while it was read",
        ),
    ],
)
def test_an_unreadable_model(lab: Guest, path: str, error: int, message: str) -> None:
    lab.check("test -p /tmp/pipe || mkfifo /tmp/pipe; : >/tmp/nothing")
    refuses(lab, error, f"{path} {message} .error -{error}.", path)


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_too_little_memory(lab: Guest) -> None:
    lab.check("rm -f /tmp/big; truncate -s 8G /tmp/big")
    message = "/tmp/big does not fit: it needs 8192 MiB of free memory .error -12."
    before = available_kib(lab)
    refuses(lab, errno.ENOMEM, message, "/tmp/big")
    assert abs(before - available_kib(lab)) < 4 << 10


@pytest.mark.parametrize("n_ctx", [0, -2, 1 << 30])
def test_n_ctx_that_makes_no_sense(lab: Guest, n_ctx: int) -> None:
    message = f"n_ctx is {n_ctx}, must be from 1 to the model's own context"
    refuses(lab, errno.EINVAL, message, arguments=f"n_ctx={n_ctx}")


def test_n_ctx_above_the_models(lab: Guest) -> None:
    done = insmod(lab, arguments="n_ctx=257")
    assert done.exit_code == errno.EINVAL
    assert guest_lab.llama_lines(lab)[-1] == "n_ctx is 257, the model's own context is 256"
    assert "llamux" not in lab.check("cat /proc/vmallocinfo")
    for n_ctx in (1, 256):
        with loaded(lab, arguments=f"n_ctx={n_ctx}"):
            assert guest_lab.stats(lab)["n_ctx"] == str(n_ctx)


@pytest.mark.parametrize(
    ("argument", "limit"),
    [
        ("max_conversations=0", 4096),
        ("max_conversations=4097", 4096),
        ("max_prompt=0", 64 << 20),
        ("max_prompt=67108865", 64 << 20),
    ],
)
def test_limits_that_make_no_sense(lab: Guest, argument: str, limit: int) -> None:
    name, value = argument.split("=")
    refuses(lab, errno.EINVAL, f"{name} is {value}, must be from 1 to {limit}", arguments=argument)


def test_too_many_threads(lab: Guest) -> None:
    for n in (65, 2**32 - 1):
        message = f"threads is {n}, must be from 0 to 64"
        refuses(lab, errno.EINVAL, message, arguments=f"threads={n}")


def test_unknown_isa(lab: Guest) -> None:
    refuses(lab, errno.EINVAL, r"isa is sse9, must be one of( \w+)+", arguments="isa=sse9")


def test_malformed_models(lab: Guest) -> None:
    insmod(lab, "/none.gguf")
    before = available_kib(lab)
    with new_lines(lab) as lines:
        codes = lab.check(
            "for f in /malformed/*; do\n"
            "insmod /lib/modules/llamux.ko selftest=0 model=$f 2>/dev/null\n"
            "c=$?; echo $f $c; [ $c != 0 ] || rmmod llamux; done; true",
            timeout=300,
        )
    by_file = dict(line.split() for line in codes.splitlines())
    expected = {f"/malformed/{recipe.name}.gguf": recipe.expect for recipe in malformed.recipes()}
    assert by_file.keys() == expected.keys()
    lines = sorted(set(lines))  # see refuses()
    assert len(lines) == len(expected) >= 60
    allowed = {errno.EINVAL, errno.ENOENT, errno.ENOEXEC, errno.EOPNOTSUPP}
    for line in lines:
        parts = re.fullmatch(r"(\S+) (.*) \(error -(\d+)\)", line)
        assert parts, line
        path, message, code = parts.groups()
        assert int(code) == int(by_file[path]), line
        assert int(code) in allowed, line
        assert expected[path] in message or "is empty" in message, line
    assert abs(before - available_kib(lab)) < 4 << 10
    assert "llamux" not in lab.check("cat /proc/vmallocinfo")


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("n_ctx=many", errno.EINVAL),
        ("n_ctx=2147483648", errno.ERANGE),
        ("max_conversations=", errno.EINVAL),
        ("max_prompt=-1", errno.EINVAL),
        ("max_user_conversations=4294967296", errno.ERANGE),
        ("max_user_prompts=x", errno.EINVAL),
        ("max_user_tokens=x", errno.EINVAL),
        ("max_memory=1M", errno.EINVAL),
        ("threads=1.5", errno.EINVAL),
        ("group=users", errno.EINVAL),
        ("selftest=2", errno.EINVAL),
        ("require_signature=maybe", errno.EINVAL),
    ],
)
def test_parameters_that_cannot_be_read(lab: Guest, argument: str, error: int) -> None:
    name, value = argument.split("=")
    done = insmod(lab, arguments=argument)
    assert done.exit_code == error, done
    message = f"llamux: `{value}' invalid for parameter `{name}'"
    assert message in lab.check("dmesg | tail -n 3")
    assert lab.run("grep -q ^llamux /proc/modules").exit_code


def test_an_unknown_parameter(lab: Guest) -> None:
    with loaded(lab, arguments="colour=1"):
        assert "llamux: unknown parameter 'colour' ignored" in lab.check("dmesg | tail -n 20")


def test_parameters_are_constant(lab: Guest) -> None:
    with loaded(lab):
        names = lab.check("ls /sys/module/llamux/parameters").split()
        assert set(names) == parameters()
        for name in names:
            path = f"/sys/module/llamux/parameters/{name}"
            lab.check(f"cat {path}")
            fails(lab, f"echo 1 >{path}", errno.EACCES)


def parameters() -> set[str]:
    """Return the names of the module's parameters, read from its source."""
    files = [path for path in (ROOT / "kmod").rglob("*.c") if path.parent.name != "samples"]
    source = "".join(path.read_text() for path in files)
    return set(re.findall(r"^module_param\((\w+),", source, re.MULTILINE))


def ioctls() -> set[str]:
    """Return the names of the ioctls, read from the header."""
    header = (INCLUDE / "uapi" / "llamux.h").read_text()
    return set(re.findall(r"^#define (LLAMUX_IOC_\w+) ", header, re.MULTILINE))


def table_rows() -> list[list[str]]:
    """Return the cells of the table of bad input."""
    text = (ROOT / "docs" / "procfs-abi.md").read_text().split("## Bad input\n")[1]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line.strip("|").split("|") for line in lines[2:]]


def written_tests() -> set[str]:
    """Return the names of all test functions."""
    source = "".join(path.read_text() for path in (ROOT / "tests").glob("**/test_*.py"))
    return set(re.findall(r"^def (test_\w+)\(", source, re.MULTILINE))


def test_the_table_names_these_tests() -> None:
    """Check that the table names only existing tests, and every test here, parameter and ioctl."""
    rows, written = table_rows(), written_tests()
    named: set[str] = set()
    for row in rows:
        tests = re.findall(r"\btest_\w+\b(?!\.py)", row[-1])
        assert len(row) == 4, row
        assert tests, row
        assert written.issuperset(tests), row
        named.update(tests)
    here = {name for name in globals() if name.startswith("test_")}
    assert here - named == {"test_the_table_names_these_tests"}
    assert len(rows) > 60
    assert len(parameters()) > 10
    for name in sorted(parameters() | ioctls()):
        assert any(f"`{name}`" in row[0] for row in rows), name


# --- ioctls -------------------------------------------------------------------

COMMANDS = (uapi.GET_OPTIONS, uapi.SET_OPTIONS, uapi.FIGURES, uapi.RESET)
FILES = (PROMPT, CHAT)


def call(
    guest: Guest, path: str, command: int, data: bytes = b"", where: str = "data", mode: str = "<>"
) -> tuple[int, bytes]:
    """Return the errno of an ioctl on a file opened in `mode`, and its argument afterwards."""
    return file_call(guest, path, f"{command} {where}", data, mode)


def changed(**fields: Any) -> bytes:
    """Return the default options with the given fields changed."""
    options = uapi.IocOptions(
        top_p=uapi.RATIO,
        repeat_penalty=uapi.RATIO,
        max_tokens=256,
        speculate=7,
        chat_template=-1,
        n_system=uapi.OWN_SYSTEM,
    )
    for name, value in fields.items():
        setattr(options, name, value)
    return bytes(options)


def stop(text: bytes, n: int) -> bytes:
    """Return the default options with one stop text whose length field is `n`."""
    options = uapi.IocOptions.from_buffer_copy(changed(n_stops=1))
    options.stop_bytes[0] = n
    ctypes.memmove(options.stops[0], text, len(text))
    return bytes(options)


def test_an_unknown_ioctl(lab: Guest) -> None:
    size = ctypes.sizeof(uapi.IocOptions)
    unknown = (
        0xBE00,
        0xBE05,
        0xBEFF,
        0x5401,  # an ioctl of terminals
        uapi.GET_OPTIONS ^ 3 << 30,  # the opposite direction
        uapi.SET_OPTIONS | 3 << 30,
        uapi.RESET | 1 << 30,
        uapi.GET_OPTIONS + (1 << 8),  # another type letter
    )
    with loaded(lab):
        for path in FILES:
            for command in unknown:
                assert call(lab, path, command, changed())[0] == errno.ENOTTY, hex(command)
        assert call(lab, PROMPT, uapi.GET_OPTIONS, bytes(size)) == (0, changed())


def resized(command: int, size: int) -> int:
    """Return the ioctl of a program whose structure has `size` bytes."""
    return command & ~(0x3FFF << 16) | size << 16


@pytest.mark.guests("uml", "x86_64", "aarch64")
@pytest.mark.parametrize("path", FILES)
def test_structures_of_other_versions(lab: Guest, path: str) -> None:
    """Check shorter structures of older programs and longer ones of later programs."""
    now, first = ctypes.sizeof(uapi.IocOptions), uapi.IocOptions.room.offset
    figures = ctypes.sizeof(uapi.IocFigures)
    rest = bytes(8)
    with loaded(lab):
        for size in (first, now - 8, now, now + 8):
            data = (changed() + rest)[:size]
            assert call(lab, path, resized(uapi.GET_OPTIONS, size), b"\xff" * size) == (0, data)
            assert call(lab, path, resized(uapi.SET_OPTIONS, size), data) == (0, data)
        code, found = call(lab, path, resized(uapi.FIGURES, figures + 8), b"\xff" * (figures + 8))
        assert (code, found[-8:]) == (0, rest)
        for size in (0, first - 1):
            for command in (uapi.GET_OPTIONS, uapi.SET_OPTIONS):
                answer = call(lab, path, resized(command, size), changed())
                assert answer == (errno.EINVAL, b""), (hex(command), size)
        assert (
            call(lab, path, resized(uapi.FIGURES, figures - 1), bytes(figures))[0] == errno.EINVAL
        )
        later = changed() + b"\0" * 7 + b"\1"
        assert call(lab, path, resized(uapi.SET_OPTIONS, now + 8), later)[0] == errno.E2BIG
        for at in (first, now - 1):
            used = bytearray(changed())
            used[at] = 1
            assert call(lab, path, uapi.SET_OPTIONS, bytes(used))[0] == errno.EINVAL, at


def test_ioctls_of_files_that_take_none(lab: Guest) -> None:
    with loaded(lab):
        for name in ("status", "stats", "models", "options", "logits", "control"):
            mode = ">" if name == "control" else "<"
            for command in COMMANDS:
                found = call(lab, f"/proc/llamux/{name}", command, changed(), mode=mode)
                assert found[0] == errno.ENOTTY, (name, hex(command))


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_a_bad_address(lab: Guest) -> None:
    wrong = [
        (command, where)
        for command in (uapi.GET_OPTIONS, uapi.SET_OPTIONS, uapi.FIGURES)
        for where in ("null", "kernel", "edge", "constant")
        if (command, where) != (uapi.SET_OPTIONS, "constant")
    ]
    with loaded(lab):
        for path in FILES:
            for command, where in wrong:
                found = call(lab, path, command, changed(), where)
                assert found[0] == errno.EFAULT, (hex(command), where)
        assert call(lab, PROMPT, uapi.SET_OPTIONS, changed(), "constant")[0] == 0


BAD_OPTIONS = {
    "temperature": (changed(temperature=(16 << 16) + 1), "temperature must be from 0 to 16"),
    "top_p 0": (changed(top_p=0), "top_p must be above 0 and at most 1"),
    "top_p": (changed(top_p=(1 << 16) + 1), "top_p must be above 0 and at most 1"),
    "min_p": (changed(min_p=(1 << 16) + 1), "min_p must be from 0 to 1"),
    "repeat_penalty": (changed(repeat_penalty=0), "repeat_penalty must be from 0.5 to 16"),
    "max_tokens": (changed(max_tokens=0), "max_tokens must be at least 1"),
    "speculate": (changed(speculate=8), "speculate must be from 0 to 7"),
    "model": (changed(model=b"none"), "there is no model of that name"),
    "long model": (changed(model=b"m" * 64), "the model's name is too long"),
    "empty stop": (stop(b"", 0), "a stop text has from 1 to 64 bytes"),
}
"""Structure with a bad value, and the log line for it."""

SHAPELESS_OPTIONS = {
    "chat_template": (changed(chat_template=5), errno.EINVAL),
    "chat_template -2": (changed(chat_template=-2), errno.EINVAL),
    "n_stops": (changed(n_stops=5), errno.EINVAL),
    "n_system": (changed(n_system=4097), errno.EINVAL),
    "reserved": (changed(reserved=1), errno.EINVAL),
    "stop_bytes": (stop(b"a" * 64, 65), errno.EINVAL),
    "stop": (stop(b"\xc0\x80", 2), errno.EILSEQ),
    "half a stop": (stop(b"a\xe2\x82\xac", 3), errno.EILSEQ),
    "stop with a NUL": (stop(b"a\0b", 3), errno.EILSEQ),
    "system": (changed(n_system=2, system=b"a\xff"), errno.EILSEQ),
    "system with a NUL": (changed(n_system=2, system=b"a\0"), errno.EILSEQ),
}
"""Structure with a bad shape, and its errno; the log shows nothing."""


def test_bad_values_in_options(lab: Guest) -> None:
    with loaded(lab):
        for what, (data, message) in BAD_OPTIONS.items():
            with new_lines(lab) as lines:
                assert call(lab, PROMPT, uapi.SET_OPTIONS, data)[0] == errno.EINVAL, what
            assert lines == [f"options: {message}"], what
            lab.check("sleep 1")  # these lines are rate-limited


def test_options_without_a_shape(lab: Guest) -> None:
    with loaded(lab), new_lines(lab) as lines:
        for what, (data, error) in SHAPELESS_OPTIONS.items():
            for path in FILES:
                assert call(lab, path, uapi.SET_OPTIONS, data)[0] == error, what
        assert call(lab, CHAT, uapi.SET_OPTIONS, stop("€".encode(), 3))[0] == 0
    assert lines == []


def test_bad_options_change_nothing(lab: Guest) -> None:
    """Check the session's options, which only an ioctl on a file open for writing changes."""
    size = ctypes.sizeof(uapi.IocOptions)
    good = changed(seed=2**64 - 1, top_k=5, n_system=3, system=b"abc")
    with loaded(lab):
        lab.check(f"exec 4<{PROMPT}; echo reset >{OPTIONS}")
        assert call(lab, PROMPT, uapi.SET_OPTIONS, good, mode=">")[0] == 0
        for data in (BAD_OPTIONS["max_tokens"][0], SHAPELESS_OPTIONS["reserved"][0]):
            assert call(lab, PROMPT, uapi.SET_OPTIONS, data, mode=">")[0] == errno.EINVAL
        assert call(lab, PROMPT, uapi.GET_OPTIONS, bytes(size), mode="<") == (0, good)
        assert "seed 18446744073709551615\n" in lab.check(f"cat {OPTIONS}")


def test_a_reset_while_somebody_reads(lab: Guest) -> None:
    with loaded(lab):
        for path in FILES:
            lab.check(f"printf 'template chatml\nmax_tokens 9\n' >{OPTIONS}; echo a >{path}")
            whole = lab.check(f"cat {path}")
            reading = f"exec 4<{path} 3>{path}; dd bs=1 count=1 <&4 >/dev/null 2>&1"
            reset = f"chmod +x /file_call; /file_call {uapi.RESET} </dev/null"
            done = lab.run(f"{reading}; {reset}; echo $?; cat <&4; exec 4<&-; {reset}; echo $?")
            assert done.text == f"{errno.EBUSY}\n{whole[1:]}0\n"
            fails(lab, f"cat {path}", errno.ENODATA)


# --- dialogues and models -----------------------------------------------------


def test_a_turn_past_the_context(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf 'template chatml\\nmax_tokens 4\\n' >{OPTIONS}")
        lab.check(f"echo a >{CHAT}; cat {CHAT}")
        lab.check(f"seq 1 400 | tr '\\n' ' ' >{CHAT}")
        fails(lab, f"cat {CHAT}", errno.EMSGSIZE)
        lab.check(f"echo b >{CHAT}; cat {CHAT}")
        assert int(guest_lab.stats(lab)["last_reused"]) > 0


def test_reset_while_an_answer_streams(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf 'template none\\nmax_tokens 40\\n' >{OPTIONS}; echo a >{CHAT}")
        streaming = f"exec 3<{CHAT}; dd bs=1 count=1 <&3 >/dev/null 2>&1\n"
        fails(lab, f"{streaming}echo reset >{OPTIONS}", errno.EBUSY)
        lab.check(f"echo reset >{OPTIONS}")
        fails(lab, f"cat {CHAT}", errno.ENODATA)


def test_control_is_for_root(lab: Guest) -> None:
    with loaded(lab):
        fails(lab, f"su user -c 'echo default tiny >{CONTROL}'", errno.EACCES)
        lab.check(f"chmod 666 {CONTROL}")
        fails(lab, f"su user -c 'echo default tiny >{CONTROL}'", errno.EPERM)


USAGE = "control: write load PATH [NAME], unload NAME or default NAME"
BAD_NAME = "a model's name has up to 63 letters, digits, dots, underscores and hyphens"


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        ("", errno.EINVAL, USAGE),
        ("load", errno.EINVAL, USAGE),
        ("load  /models/tiny.gguf", errno.EINVAL, USAGE),
        ("unload tiny now", errno.EINVAL, USAGE),
        ("load /models/tiny.gguf a b", errno.EINVAL, USAGE),
        ("reload /models/tiny.gguf", errno.EINVAL, 'control: there is no command "reload"'),
        ("load /models/tiny.gguf a/b", errno.EINVAL, BAD_NAME),
        (f"load /models/tiny.gguf {'m' * 64}", errno.EINVAL, BAD_NAME),
        ("load /models/tiny.gguf", errno.EEXIST, "there is a model tiny"),
        ("load /none.gguf tiny", errno.EEXIST, "there is a model tiny"),
        ("unload other", errno.ENOENT, "control: there is no model other"),
        ("default other", errno.ENOENT, "control: there is no model other"),
        (
            "unload tiny",
            errno.EBUSY,
            "control: tiny is the default: choose another one first",
        ),
    ],
)
def test_bad_commands(lab: Guest, command: str, error: int, message: str) -> None:
    with loaded(lab):
        with new_lines(lab) as lines:
            fails(lab, f"echo '{command}' >{CONTROL}", error)
        assert lines == [message]
        assert lab.check("cut -f1,2 /proc/llamux/models") == "tiny\tdefault\n"


def test_commands_that_are_no_text(lab: Guest) -> None:
    """Check that a command of the longest length is read, and one byte more or a NUL is refused."""
    with loaded(lab), new_lines(lab) as lines:
        for n, error in ((4352, errno.EINVAL), (4353, errno.EMSGSIZE)):
            fails(
                lab,
                f"head -c {n} /dev/zero | tr '\\0' a |"
                f" dd of={CONTROL} bs={n} count=1 iflag=fullblock",
                error,
            )
        for text in ("default tiny\\0", "\\0", "default\\0tiny"):
            fails(lab, f"printf '{text}' | cat >{CONTROL}", errno.EINVAL)
    assert lines == [USAGE]


def test_a_bad_file_to_load(lab: Guest) -> None:
    with loaded(lab):
        before = guest_lab.stats(lab)["memory_bytes"]
        with new_lines(lab) as lines:
            fails(lab, f"echo load /none.gguf >{CONTROL}", errno.ENOENT)
            fails(lab, f"echo load /models >{CONTROL}", errno.EINVAL)
        assert lines == [
            f"/none.gguf cannot be opened (error -{errno.ENOENT})",
            f"/models is not a regular file (error -{errno.EINVAL})",
        ]
        assert guest_lab.stats(lab)["memory_bytes"] == before


def test_a_model_that_is_gone(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"echo load {guest_lab.TINY_SPM} >{CONTROL}; echo model tiny-spm >{OPTIONS}")
        lab.check(f"echo a >{PROMPT}; echo unload tiny-spm >{CONTROL}")
        fails(lab, f"cat {PROMPT}", errno.ENOENT)
        fails(lab, f"echo model tiny-spm >{OPTIONS}", errno.EINVAL)


def test_too_many_conversations_of_a_user(lab: Guest) -> None:
    with loaded(lab, arguments="max_user_conversations=2 group=1000"):
        fails(lab, f"exec 3<>{PROMPT} 4<>{PROMPT}; exec 5<>{PROMPT}", errno.EUSERS)
        lab.check(f"exec 3<>{PROMPT} 4<>{PROMPT}; su user -c 'exec 5<>{PROMPT}'")


def test_too_many_answers_of_a_user(lab: Guest) -> None:
    begun = f"exec 3<>{PROMPT}; echo a >&3; dd bs=1 count=1 <&3 2>/dev/null | wc -c"
    with loaded(lab, arguments="max_user_prompts=1 group=1000"):
        fails(lab, f"{begun}; exec 4<>{PROMPT}; echo a >&4; cat <&4", errno.EBUSY)
        assert lab.run(f"{begun}; su user -c 'exec 4<>{PROMPT}; echo a >&4; cat <&4'").output
        lab.check(f"{begun}; exec 3<&-; exec 4<>{PROMPT}; echo a >&4; cat <&4")


def test_too_many_tokens_of_a_user(lab: Guest) -> None:
    with loaded(lab, arguments="max_user_tokens=64"):
        assert ask(lab, "a")
        long = "echo 'template none' >/proc/llamux/options; seq 1 60 | tr '\\n' ' ' "
        fails(lab, f"{long} >{PROMPT}; cat {PROMPT}", errno.ENOBUFS)
        assert ask(lab, "a")


def test_max_memory(lab: Guest) -> None:
    refuses(lab, errno.ENOMEM, f"{SMOLLM2} does not fit: .*", SMOLLM2, "max_memory=16")
    with loaded(lab, SMOLLM2, "max_memory=98"):
        fails(lab, f"echo a >{PROMPT}; cat {PROMPT}", errno.ENOMEM)


def test_a_bad_group(lab: Guest) -> None:
    message = "group must be a valid group number, not 4294967295"
    with new_lines(lab) as lines:
        assert insmod(lab, arguments="group=4294967295").exit_code == errno.EINVAL
    assert message in lines


def test_the_files_are_for_root_and_a_group(lab: Guest) -> None:
    with loaded(lab):
        for path in (PROMPT, CHAT, OPTIONS, "/proc/llamux/status", "/proc/llamux/models"):
            fails(lab, f"su user -c 'cat {path}'", errno.EACCES)
    with loaded(lab, arguments="group=1000"):
        lab.check(f"su user -c 'cat {OPTIONS} /proc/llamux/models /proc/llamux/status'")
