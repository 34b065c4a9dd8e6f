# SPDX-License-Identifier: GPL-2.0
"""Check that users share the processors fairly and that memory is charged to the caller.

test_bad_input.py checks the users' limits.
"""

from collections.abc import Iterator

import pytest

from harness.guests.guest import MODEL_PATH, Guest
from tests.support.lab import OPTIONS, PROMPT, loaded, stats

pytestmark = pytest.mark.debug_kernel("kasan", "kcsan")

TOKENS = 48
LONG = f"printf 'template none\\nmax_tokens {TOKENS}\\nspeculate 0\\n' >{OPTIONS}"


@pytest.mark.parametrize("arch", ["uml"], indirect=True)
@pytest.mark.parametrize(("crowd", "times"), [(20, 3), (100, 5)])
def test_a_crowd_does_not_starve_one(lab: Guest, crowd: int, times: int) -> None:
    """Check that all readers of one user get at most a few times the tokens of another user.

    Turns are shared evenly, but all readers compete for the processor before they can ask for
    the next turn.
    """
    with loaded(lab, MODEL_PATH, "max_conversations=120 group=1000 n_ctx=256"):
        done = lab.run(f"{LONG}; chmod +x /crowd; /crowd {crowd} 1000 one", timeout=120)
        assert done.exit_code == 0, done.errors
    others = int(done.output) - TOKENS
    print(f"{others} tokens for {crowd} readers, {TOKENS} for one")
    assert 0 < others < times * TOKENS


CGROUPS = "/tmp/cgroup"
READS = (
    f"exec 3<>{PROMPT}; printf hi >&3; dd bs=1 count=1 <&3 >/dev/null 2>&1; : >/tmp/held;"
    " while [ -e /tmp/hold ]; do sleep 0.1; done"
)
POLLS = "/readiness hold hi"


@pytest.fixture
def group(lab: Guest) -> Iterator[str]:
    """Yield the path of a memory cgroup."""
    lab.check(
        f"mkdir -p {CGROUPS} && mount -t cgroup2 none {CGROUPS} && chmod +x /readiness &&"
        f" echo +memory >{CGROUPS}/cgroup.subtree_control && mkdir {CGROUPS}/one"
    )
    yield f"{CGROUPS}/one"
    lab.check(f"rmdir {CGROUPS}/one; umount {CGROUPS}")


@pytest.mark.parametrize("arch", ["x86_64"], indirect=True)
@pytest.mark.parametrize("way", [READS, POLLS], ids=["reader", "poller"])
def test_memory_is_charged_to_who_asked(lab: Guest, group: str, way: str) -> None:
    """Check the charge where a reader computes and where a producer thread does."""
    with loaded(lab, MODEL_PATH):
        before = int(stats(lab)["memory_bytes"])
        lab.check(
            f": >/tmp/hold; rm -f /tmp/held; {LONG};"
            f" sh -c 'echo $$ >{group}/cgroup.procs; {way}' >/tmp/said 2>&1 &"
            " while ! [ -e /tmp/held ]; do sleep 0.1; done"
        )
        taken = int(stats(lab)["memory_bytes"]) - before
        charged = int(lab.check(f"cat {group}/memory.current"))
        lab.check(f"rm /tmp/hold; while grep -q . {group}/cgroup.procs; do sleep 0.1; done")
    assert taken > 1 << 20
    assert charged >= taken


@pytest.mark.parametrize("arch", ["x86_64"], indirect=True)
@pytest.mark.parametrize("read", [f"cat {PROMPT}", "/readiness poll hi"], ids=["reader", "poller"])
def test_a_full_cgroup_fails_the_read_alone(lab: Guest, group: str, read: str) -> None:
    """Check that the kernel kills no process over a conversation's memory."""
    with loaded(lab, MODEL_PATH):
        lab.check(f"{LONG}; echo hi >{PROMPT}; echo 2M >{group}/memory.max")
        done = lab.run(f"sh -c 'echo $$ >{group}/cgroup.procs; {read}'", timeout=60)
        assert done.exit_code == 1
        assert b"Cannot allocate memory" in done.errors, done
        assert "oom_kill 0\n" in lab.check(f"cat {group}/memory.events")
        assert len(lab.run(f"head -c 1 {PROMPT}").output) == 1
