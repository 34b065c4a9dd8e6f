# SPDX-License-Identifier: GPL-2.0
"""Check the module in a guest: load, answer, conversations, signals, unload."""

import ctypes
import errno
import os
import re
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from harness.guests.guest import MODEL_PATH, Guest
from harness.guests.pool import GuestPool
from harness.host import patience
from harness.host.architectures import ARCHITECTURES, UML
from llamux import uapi
from tests.support import lab as guest_lab
from tests.support.lab import OPTIONS, PROMPT, ask, available_kib, loaded, new_lines, stats

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml"),
]

STATS = [
    "model",
    "isa",
    "n_ctx",
    "n_vocab",
    "load_us",
    "model_bytes",
    "memory_bytes",
    "memory_peak_bytes",
    "conversations",
    "conversations_peak",
    "answers",
    "interrupted",
    "tokens_prompt",
    "tokens_generated",
    "prefill_us",
    "decode_us",
    "last_prompt_tokens",
    "last_tokens",
    "last_ttft_us",
    "last_prefill_us",
    "last_decode_us",
    "tokens_reused",
    "tokens_drafted",
    "tokens_accepted",
    "last_reused",
    "last_drafted",
    "last_accepted",
    "threads",
    "last_log_prob",
    "last_margin",
    "model_sha256",
    "signature",
]


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_loading_is_one_line_of_the_log(lab: Guest) -> None:
    with new_lines(lab) as lines, loaded(lab):
        pass
    (line,) = lines
    assert re.fullmatch(
        r"random tiny Q8_0 0, \d+ million parameters in \S+, \d+ MiB, "
        r"loaded in \d+ ms, computing with \S+",
        line,
    )


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_status_and_stats_before_any_prompt(lab: Guest) -> None:
    with loaded(lab):
        known = stats(lab)
        status = lab.check("cat /proc/llamux/status")
        modes = lab.check("cd /proc/llamux && stat -c '%n %a' *").split("\n")
    assert list(known) == STATS
    assert (known["model"], known["n_ctx"], known["n_vocab"]) == (
        "random tiny Q8_0 0",
        "256",
        "300",
    )
    assert known["memory_bytes"] == known["model_bytes"]
    assert int(known["memory_peak_bytes"]) >= int(known["model_bytes"]) > 100_000
    assert int(known["load_us"]) > 0
    busy = {key for key in STATS[STATS.index("conversations") :] if known[key] != "0"}
    assert busy == {"threads", "model_sha256", "signature"}
    threads = "1" if lab.kernel.architecture == UML else "2"
    assert known["threads"] == threads
    assert f"threads         {threads}\n" in status
    assert status.startswith("🦙 random tiny Q8_0 0, ")
    assert "\ncontext         256 tokens (the model was trained for 256)\n" in status
    assert "\nconversations   0 of 16\n" in status
    assert sorted(filter(None, modes)) == [
        "chat 660", "control 600", "logits 600", "models 440", "options 660", "prompt 660",
        "stats 440", "status 440",
    ]  # fmt: skip


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_an_answer_and_its_figures(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf 'template none\\nmax_tokens 24\\n' >{OPTIONS}; echo hello >{PROMPT}")
        before = stats(lab)
        first = lab.run(f"cat {PROMPT}").output
        after = stats(lab)
        again = lab.run(f"cat {PROMPT}").output
        unchanged = stats(lab)
        bytewise = lab.run(f"dd if={PROMPT} bs=1 2>/dev/null").output
    assert first
    assert again == bytewise == first
    assert (before["tokens_prompt"], before["conversations"]) == ("0", "1")  # created on first use
    assert after["answers"] == unchanged["answers"] == "1"
    assert 1 <= int(after["last_tokens"]) == int(after["tokens_generated"]) <= 24
    assert int(after["last_prompt_tokens"]) == int(after["tokens_prompt"]) > 0
    assert 0 < int(after["last_prefill_us"]) <= int(after["last_ttft_us"])
    kept = int(after["memory_bytes"]) - int(after["model_bytes"])
    assert 0 < kept <= 64 << 10 < int(after["memory_peak_bytes"]) - int(after["model_bytes"])


def test_one_newline_at_the_end_is_not_the_prompts(lab: Guest) -> None:
    def tokens(text: str) -> tuple[int, bytes]:
        output = lab.run(f"printf '{text}' >{PROMPT}; cat {PROMPT}").output
        return int(stats(lab)["last_prompt_tokens"]), output

    with loaded(lab):
        lab.check(f"printf 'template none\\nmax_tokens 9\\n' >{OPTIONS}")
        bare = tokens("hi")
        assert tokens("hi\\n") == bare
        assert tokens("hi\\n\\n")[0] == bare[0] + 1
        # Writes through one open file form one prompt; a new open starts another.
        lab.check(f"{{ printf h; sleep 0.1; printf i; }} >{PROMPT}")
        assert lab.run(f"cat {PROMPT}").output == bare[1]
        lab.check(f"printf x >{PROMPT}; printf hi >{PROMPT}")
        assert lab.run(f"cat {PROMPT}").output == bare[1]


def test_guesses_change_no_byte(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf 'speculate 0\\n' >{OPTIONS}")
        plain = ask(lab, "abcabcabcabc", 60)
        assert stats(lab)["last_drafted"] == "0"
        lab.check(f"printf 'speculate 7\\n' >{OPTIONS}")
        assert ask(lab, "abcabcabcabc", 60) == plain
        assert int(stats(lab)["last_drafted"]) > 0


def test_options_are_kept_and_reset(lab: Guest) -> None:
    chosen = (
        "temperature 0.8\ntop_k 40\ntop_p 0.9\nmin_p 0.05\nrepeat_penalty 1.1\n"
        "seed 18446744073709551615\nmax_tokens 5\nspeculate 3\ntemplate chatml\nsystem a\\nb\\\\c\n"
    )
    with loaded(lab):
        default = lab.check(f"cat {OPTIONS}")
        lab.check(f"cat >{OPTIONS}", stdin=chosen.encode())
        assert lab.check(f"cat {OPTIONS}") == chosen
        assert lab.check(f"setsid cat {OPTIONS}") == default
        lab.check(f"echo reset >{OPTIONS}")
        assert lab.check(f"cat {OPTIONS}") == default
    assert default == (
        "temperature 0\ntop_k 0\ntop_p 1\nmin_p 0\nrepeat_penalty 1\nseed 0\nmax_tokens 256\n"
        "speculate 7\ntemplate auto\n"
    )


def test_a_terminal_session_sees_only_its_own(lab: Guest) -> None:
    with loaded(lab):
        one = ask(lab, "one")
        stranger = lab.run(f"setsid cat {PROMPT}")
        two = ask(lab, "the other", session="setsid")
        assert lab.run(f"cat {PROMPT}").output == one
        # A child of the session belongs to the session.
        assert lab.run(f"sh -c '(cat {PROMPT})'").output == one
        assert ask(lab, "one", session="setsid") == one
    assert two != one
    assert (stranger.output, stranger.exit_code) == (b"", 1)
    assert os.strerror(errno.ENODATA) in stranger.errors.decode()


def test_another_user_sees_only_their_own(lab: Guest) -> None:
    with loaded(lab, arguments="group=1000"):
        mine = ask(lab, "mine")
        stranger = lab.run(f"su user -c 'cat {PROMPT}'")
        theirs = lab.run("su user -c 'sh /ask theirs'").output
        assert lab.run(f"cat {PROMPT}").output == mine
        assert lab.run(f"su user -c 'cat {PROMPT}'").output == theirs
    assert theirs
    assert theirs != mine
    assert os.strerror(errno.ENODATA) in stranger.errors.decode()


def test_a_descriptor_for_both_is_private(lab: Guest) -> None:
    with loaded(lab):
        private, shared, other = ask(lab, "private"), ask(lab, "shared"), ask(lab, "other")
        lab.check(
            f"printf shared >{PROMPT}; exec 3<>{PROMPT} 4<>{PROMPT}\n"
            "printf private >&3; printf other >&4\n"
            f"cat <&3 >/tmp/3; cat {PROMPT} >/tmp/shared; cat <&4 >/tmp/4\n"
            "grep ^conversations /proc/llamux/stats >/tmp/n; exec 3>&- 4>&-"
        )
        now = stats(lab)["conversations"]
        got = [lab.run(f"cat /tmp/{name}").output for name in ("3", "shared", "4")]
        assert lab.check("cat /tmp/n").startswith("conversations 3\n")
    assert got == [private, shared, other]
    assert len(set(got)) == 3
    assert now == "1"


@pytest.mark.judged_by("kcsan")
@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_parallel_conversations_do_not_mix(lab: Guest) -> None:
    texts = ["one", "and two", "the third", "kernel"]
    with loaded(lab):
        alone = [ask(lab, text, 60) for text in texts]
        lab.check(
            "".join(f"setsid sh /ask '{t}' 60 >/tmp/p{i} &\n" for i, t in enumerate(texts)) + "wait"
        )
        together = [lab.run(f"cat /tmp/p{i}").output for i in range(len(texts))]
        assert int(stats(lab)["conversations_peak"]) >= 3
    assert together == alone
    assert len(set(alone)) == len(alone)


@pytest.mark.judged_by("kcsan")
def test_several_readers_of_one_answer(lab: Guest) -> None:
    with loaded(lab):
        alone = ask(lab, "one", 60)
        lab.check(f"printf one >{PROMPT}\nfor i in 1 2 3; do cat {PROMPT} >/tmp/r$i & done; wait")
        assert [lab.run(f"cat /tmp/r{i}").output for i in (1, 2, 3)] == [alone] * 3
        assert stats(lab)["answers"] == "2"


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_rmmod_while_a_file_is_open(lab: Guest) -> None:
    busy = os.strerror(errno.EAGAIN)
    with loaded(lab):
        for way, file in (("<", PROMPT), (">", PROMPT), ("<>", PROMPT), ("<", OPTIONS)):
            how = f"4{way}{file}"
            done = lab.run(f"exec {how}; rmmod llamux")
            assert done.exit_code, how
            assert busy in done.errors.decode()
        assert ask(lab, "still there")


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_unloading_returns_all_memory(lab: Guest) -> None:
    with loaded(lab):  # the first load fills kernel caches that stay
        ask(lab, "warm")
    before = available_kib(lab)
    for _ in range(3):
        with loaded(lab, MODEL_PATH):
            # Leave an unfinished answer and a private conversation.
            lab.check(f"printf 'max_tokens 8\\n' >{OPTIONS}; printf hello >{PROMPT}")
            lab.run(f"timeout -s INT 1 cat {PROMPT}")
            assert int(stats(lab)["memory_bytes"]) > int(stats(lab)["model_bytes"])
            assert "llamux" in lab.check("cat /proc/vmallocinfo")
            assert before - available_kib(lab) > 64 << 10
    assert "llamux" not in lab.check("cat /proc/vmallocinfo")
    # The kernel's own figure varies by 20 MiB; three leaking loads would take some 300 MiB.
    assert before - available_kib(lab) < 32 << 10
    assert lab.run("ls /proc/llamux").exit_code


def killed_reader(kind: str, seconds: float) -> str:
    """Return a command that reads the answer and gets a signal after a delay.

    The reader is in the foreground, because a shell's background jobs ignore SIGINT.
    """
    return (
        f"rm -f /tmp/pid; (sleep {seconds}; kill -{kind} $(cat /tmp/pid)) &\n"
        f"sh -c 'echo $$ >/tmp/pid; exec cat {PROMPT}'"
    )


@pytest.mark.guests("x86_64")
@pytest.mark.parametrize("arch", sorted(ARCHITECTURES), indirect=True)  # slow enough
def test_smollm2_answers_through_an_interrupt(lab: Guest) -> None:
    with loaded(lab, MODEL_PATH):
        question = "The capital of France is"
        whole = ask(lab, question, 8, session="setsid")
        lab.check(f"printf 'template none\\nmax_tokens 8\\n' >{OPTIONS}")
        lab.check(f"printf '{question}' >{PROMPT}")
        # Press Ctrl-C at the terminal after the first bytes.
        reader = lab.start(f"cat {PROMPT}; exit 0")
        part = reader.read_until(lambda output: len(output) > 0, timeout=60)
        clock = patience.Clock()
        reader.interrupt()
        reader.wait(20)
        assert clock.seconds() < 5
        assert whole.startswith(part)
        assert len(part) < len(whole)
        # Send a signal while the prompt is evaluated.
        killed = lab.run(f"printf '{question}' >{PROMPT}; {killed_reader('INT', 0.3)}")
        assert (killed.output, killed.exit_code) == (b"", 128 + signal.SIGINT)
        assert int(stats(lab)["interrupted"]) >= 1
        assert lab.run(f"cat {PROMPT}", timeout=60).output == whole
        # Run rmmod while an answer is generated.
        refused = lab.run(
            f"printf '{question}' >{PROMPT}; cat {PROMPT} >/dev/null & sleep 0.5\n"
            "rmmod llamux; s=$?; kill $!; wait; exit $s"
        )
        assert refused.exit_code
    assert b"Paris" in whole


def test_a_common_beginning_is_evaluated_once(lab: Guest) -> None:
    def chat(how: str = "") -> tuple[bytes, dict[str, str]]:
        command = f"printf 'max_tokens 4\n' >{OPTIONS}; echo Hello >{PROMPT}; cat {PROMPT}"
        answer = lab.run(f'{how} sh -c "{command}"', timeout=120).output
        return answer, stats(lab)

    with loaded(lab, MODEL_PATH):
        first, once = chat()
        prompt, reused = int(once["last_prompt_tokens"]), int(once["last_reused"])
        assert 20 < reused < prompt
        assert int(once["tokens_prompt"]) == prompt
        # Another conversation starts with a copy of the shared positions.
        second, again = chat("setsid")
        assert second == first
        assert int(again["tokens_prompt"]) == 2 * prompt - reused
        assert int(again["tokens_reused"]) == 2 * reused
        lab.check(f"echo 'system Be brief.' >{OPTIONS}")
        assert int(chat()[1]["last_reused"]) == 0


@pytest.mark.guests("x86_64")
@pytest.mark.parametrize("arch", ["x86_64"], indirect=True)
def test_a_32_bit_program_has_the_same_structures(lab: Guest, tmp_path: Path) -> None:
    program = tmp_path / "program"
    source = guest_lab.TOOLS / "ioctl_call32.c"
    compiler = f"{ARCHITECTURES['x86_64'].compiler_prefix}gcc"
    flags = ("-m32", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie")
    subprocess.run([compiler, *flags, source, "-o", program], check=True)
    lab.put_file("/ioctl_call32", program.read_bytes())

    def call(command: int, data: bytes = b"") -> tuple[int, bytes]:
        words = f"chmod +x /ioctl_call32; exec 3<>{PROMPT}; exec /ioctl_call32"
        done = lab.run(words, stdin=struct.pack("<I", command) + data)
        return done.exit_code, done.output

    options = bytes(ctypes.sizeof(uapi.IocOptions))
    figures = bytes(ctypes.sizeof(uapi.IocFigures))
    with loaded(lab):
        lab.check(f"printf 'seed 77\nstop END\nsystem Be brief.\n' >{OPTIONS}")
        code, found = call(uapi.GET_OPTIONS, options)
        assert code == 0
        own = uapi.IocOptions.from_buffer_copy(found)
        assert (own.seed, own.max_tokens, own.n_stops) == (77, 256, 1)
        assert (bytes(own.stops[0])[:3], own.system) == (b"END", b"Be brief.")
        assert call(uapi.SET_OPTIONS, found) == (0, found)
        assert call(uapi.FIGURES, figures) == (0, figures)
        assert call(uapi.RESET) == (0, b"")
        own.top_p = 0
        assert call(uapi.SET_OPTIONS, bytes(own)) == (errno.EINVAL, b"")
        assert call(uapi.GET_OPTIONS + 1) == (errno.ENOTTY, b"")


@pytest.mark.guests("x86_64")
@pytest.mark.parametrize("arch", ["x86_64"])
def test_kernel_6_12(guest_pool: GuestPool, arch: str) -> None:
    guest = guest_pool.get(arch, "6.12", **guest_lab.options(arch, "6.12"))
    before = available_kib(guest)
    for _ in range(2):
        with loaded(guest):
            answer = ask(guest, "hello")
            assert answer == ask(guest, "hello", session="setsid") != b""
            assert guest.run(f"cat {PROMPT}").output == answer
            assert guest.run(f"exec 4<{PROMPT}; rmmod llamux").exit_code
    with loaded(guest, MODEL_PATH):
        assert b"Paris" in ask(guest, "The capital of France is", 4)
    assert "llamux" not in guest.check("cat /proc/vmallocinfo")
    assert before - available_kib(guest) < 32 << 10
    guest.assert_clean_log()
    guest_pool.discard(guest)
