# SPDX-License-Identifier: GPL-2.0
"""Users share the processors fairly, and each has its limits."""

import errno
import os

import pytest
from guest_lab import OPTIONS, PROMPT, ask, loaded

from harness.guest import MODEL_PATH, Guest

CROWD = 20
TOKENS = 48
LONG = f"printf 'template none\\nmax_tokens {TOKENS}\\nspeculate 0\\n' >{OPTIONS}"


@pytest.mark.parametrize("arch", ["uml"], indirect=True)
def test_a_crowd_does_not_starve_one(lab: Guest) -> None:
    """While one user gets an answer, another with twenty readers gets about as much."""
    with loaded(lab, MODEL_PATH, "max_conversations=100 group=1000 n_ctx=256"):
        done = lab.run(f"{LONG}; chmod +x /crowd; /crowd {CROWD} 1000 one", timeout=120)
        assert done.exit_code == 0, done.errors
    others = int(done.output) - TOKENS
    print(f"{others} tokens for {CROWD} readers, {TOKENS} for one")
    assert 0 < others < 3 * TOKENS


def fails(guest: Guest, command: str, error: int) -> None:
    """The command fails, and says why."""
    done = guest.run(command, timeout=30)
    assert done.exit_code
    assert os.strerror(error) in done.errors.decode(), done


def test_too_many_prompts_of_a_user(lab: Guest) -> None:
    begin = f"exec 3<>{PROMPT}; printf a >&3; dd bs=1 count=1 <&3 >/dev/null 2>&1"
    second = f"exec 4<>{PROMPT}; printf b >&4; cat <&4"
    with loaded(lab, arguments="max_user_prompts=1 group=1000"):
        fails(lab, f"{LONG}; {begin}; {second}", errno.EBUSY)
        assert lab.run(f"{begin}; su user -c '{second}'").output
        alone = lab.run(f"{second}").output
        assert alone
        assert lab.run(f"{begin}; exec 3>&-; {second}").output == alone
        assert lab.run(f"{begin}; cat <&3 >/dev/null; {second}").output == alone


def test_too_many_tokens_of_a_user(lab: Guest) -> None:
    begin = f"exec 3<>{PROMPT}; printf a >&3; dd bs=1 count=1 <&3 >/dev/null 2>&1"
    second = f"exec 4<>{PROMPT}; printf b >&4; cat <&4"
    with loaded(lab, arguments="max_user_tokens=128 group=1000"):
        assert ask(lab, "a", 24)
        fails(lab, f"{LONG}; echo {'ab ' * 60} >{PROMPT}; cat {PROMPT}", errno.ENOBUFS)
        lab.check(f"echo x >{PROMPT}; printf 'max_tokens 24\n' >{OPTIONS}")
        answer = lab.run(second).output
        assert answer
        assert lab.run(f"{begin}; {second}").output == answer
        both = f"{begin}; exec 5<>{PROMPT}; printf c >&5; dd bs=1 count=1 <&5 >/dev/null 2>&1"
        fails(lab, f"{both}; {second}", errno.ENOBUFS)
        assert lab.run(f"{both}; su user -c '{second}'").output
