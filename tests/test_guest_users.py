# SPDX-License-Identifier: GPL-2.0
"""Users share the processors fairly. Their limits are in test_guest_bad_input.py."""

import pytest
from guest_lab import OPTIONS, loaded

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
