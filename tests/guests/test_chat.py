# SPDX-License-Identifier: GPL-2.0
"""Check dialogues, several models and stop texts in a guest against the userspace library."""

from collections.abc import Iterator

import pytest

from harness.core.options import Options
from harness.core.session import Model, Session
from harness.guests.guest import MODEL_PATH, Guest
from llamux import uapi
from llamux.options import Options as ClientOptions
from tests.support import lab as guest_lab
from tests.support.lab import CHAT, CONTROL, OPTIONS, PROMPT, TINY, TINY_SPM, loaded, stats

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml"),
]

CHATML = "template chatml\nmax_tokens 8\n"
N_CTX = 256


@pytest.fixture(scope="module")
def native() -> Iterator[Model]:
    path = guest_lab.files()[TINY]
    assert not isinstance(path, bytes)
    with Model(path) as model:
        yield model


def say(guest: Guest, text: str, session: str = "") -> bytes:
    """Write a turn of the shared dialogue and return the answer."""
    done = guest.run(f"echo '{text}' >{CHAT} && {session} cat {CHAT}", timeout=120)
    assert done.exit_code == 0, done.errors
    return done.output


@pytest.mark.guests("uml", "x86_64", "aarch64")
def test_a_dialogue_is_the_librarys(lab: Guest, native: Model) -> None:
    options = Options(max_tokens=8, chat=1)
    with loaded(lab), Session(native, N_CTX) as session:
        lab.check(f"printf '{CHATML}' >{OPTIONS}")
        dropped = False
        for i in range(12):
            expected = b"".join(session.say(b"turn %d" % i, options))
            assert say(lab, f"turn {i}") == expected
            figures, counts = stats(lab), session.counts()
            assert int(figures["last_prompt_tokens"]) == counts.prompt
            assert int(figures["last_reused"]) == counts.reused
            sums = session.confidence()
            assert int(figures["last_log_prob"]) == -(-sums.log_prob // sums.tokens)
            dropped |= i > 0 and counts.reused < 20
        assert dropped, "the context never overflowed"
        lab.check(f"echo reset >{OPTIONS}; printf '{CHATML}' >{OPTIONS}")
        with Session(native, N_CTX) as fresh:
            assert say(lab, "turn 3") == b"".join(fresh.say(b"turn 3", options))


def test_smollm2_knows_what_was_said(lab: Guest) -> None:
    with loaded(lab, MODEL_PATH):
        lab.check(f"echo max_tokens 12 >{OPTIONS}")
        assert b"Paris" in say(lab, "What is the capital of France?")
        assert b"Berlin" in say(lab, "And of Germany?")


def test_dialogues_and_prompts_do_not_mix(lab: Guest) -> None:
    with loaded(lab):
        lab.check(f"printf '{CHATML}' >{OPTIONS}")
        alone = lab.check(f"echo x >{PROMPT}; cat {PROMPT}")
        first = say(lab, "a")
        assert lab.check(f"echo x >{PROMPT}; cat {PROMPT}") == alone
        private = f"exec 3<>{CHAT}; echo a >&3; cat <&3"
        assert lab.run(private).output == first
        assert lab.run(f"setsid sh -c \"printf '{CHATML}' >{OPTIONS}; echo a >{CHAT}; cat {CHAT}\"")
        before = int(stats(lab)["last_prompt_tokens"])
        say(lab, "b")
        assert int(stats(lab)["last_prompt_tokens"]) > before


def call(guest: Guest, command: int, options: ClientOptions) -> ClientOptions:
    """Return the options that an ioctl on the shared dialogue gives back."""
    words = f"chmod +x /file_call; exec 3<{CHAT}; exec /file_call {command}"
    done = guest.run(words, stdin=bytes(options.packed()))
    assert done.exit_code == 0
    return ClientOptions.unpacked(uapi.IocOptions.from_buffer_copy(done.output))


def test_the_shared_ones_have_the_same_options(lab: Guest) -> None:
    """Check that the options file and the ioctl set the same options."""
    chosen = ClientOptions(max_tokens=3, seed=7, template="chatml")
    with loaded(lab):
        lab.check(f"printf '{CHATML}' >{OPTIONS}")
        first = say(lab, "a")
        lab.check(f"printf 'reset\nseed 8\n' >{OPTIONS}")
        assert call(lab, uapi.GET_OPTIONS, chosen) == ClientOptions(seed=8)
        call(lab, uapi.SET_OPTIONS, chosen)
        assert call(lab, uapi.GET_OPTIONS, ClientOptions()) == chosen
        assert {"max_tokens 3", "seed 7"} <= set(lab.check(f"cat {OPTIONS}").splitlines())
        assert first.startswith(say(lab, "a").removesuffix(b"\n"))
        assert stats(lab)["last_tokens"] == "3"


@pytest.mark.parametrize("other", ["setsid sh", "su user"])
def test_a_dialogue_handed_on_keeps_its_options(lab: Guest, other: str) -> None:
    """Check that a reader of another session or user does not apply its own options."""
    theirs = f"printf 'max_tokens 2\nsystem theirs\n' >{OPTIONS}; cat <&4"
    with loaded(lab, arguments="group=1000"):
        lab.check(f"printf '{CHATML}' >{OPTIONS}")
        whole = say(lab, "a")
        lab.check(f"echo reset >{OPTIONS}; printf '{CHATML}' >{OPTIONS}")
        handed = f'echo a >{CHAT}; exec 4<{CHAT}; {other} -c "{theirs}"'
        assert lab.run(handed, timeout=120).output == whole != b""
        shown = call(lab, uapi.GET_OPTIONS, ClientOptions())
        assert shown == ClientOptions(max_tokens=8, template="chatml")


def test_options_handed_on_reset_the_owners_dialogue(lab: Guest) -> None:
    with loaded(lab, arguments="group=1000"):
        lab.check(f"printf '{CHATML}' >{OPTIONS}")
        first = say(lab, "a")
        lab.check(f"printf 'reset\n{CHATML}' >/tmp/reset")
        lab.check(f'exec 4>{OPTIONS}; su user -c "cat /tmp/reset >&4"')
        assert say(lab, "a") == first
        assert stats(lab)["last_reused"] == "0"


def test_models_come_and_go_under_a_dialogue(lab: Guest) -> None:
    with loaded(lab):
        empty = int(stats(lab)["memory_bytes"])
        lab.check(f"echo load {TINY_SPM} >{CONTROL}; echo load {TINY} third >{CONTROL}")
        names = lab.check("cut -f1,2 /proc/llamux/models").split()
        assert names == ["tiny", "default", "tiny-spm", "loaded", "third", "loaded"]
        lab.check(f"printf 'model tiny-spm\\n{CHATML}' >{OPTIONS}")
        first = say(lab, "a")
        lab.check(f"echo unload tiny-spm >{CONTROL}; echo default third >{CONTROL}")
        second = say(lab, "b")
        lab.check(f"echo load {TINY_SPM} >{CONTROL}; echo unload tiny >{CONTROL}")
        lab.check(f"printf 'reset\\nmodel tiny-spm\\n{CHATML}' >{OPTIONS}")
        assert (say(lab, "a"), say(lab, "b")) == (first, second)
        lab.check(f"echo reset >{OPTIONS}; echo unload tiny-spm >{CONTROL}")
        assert lab.check("cut -f1,2 /proc/llamux/models") == "third\tdefault\n"
        assert abs(int(stats(lab)["memory_bytes"]) - empty) < 1 << 17


def test_a_stop_text_ends_an_answer(lab: Guest) -> None:
    with loaded(lab):
        whole = guest_lab.ask(lab, "abc", 24).decode()
        stop = whole[6:9].replace("\\", "\\\\").replace("'", "'\\''").replace("\n", "\\n")
        lab.check(f"printf '%s\\n' 'stop {stop}' >{OPTIONS}")
        answer = guest_lab.ask(lab, "abc", 24).decode()
        assert answer == whole[: whole.index(whole[6:9])]
