# SPDX-License-Identifier: GPL-2.0
"""Check signed models in guests: valid ones load, and one changed bit is refused."""

import errno
import hashlib
import re
from collections.abc import Iterator

import pytest

from harness.guests.errors import GuestError
from harness.guests.guest import Guest, Result
from harness.guests.pool import GuestPool
from harness.host.paths import ROOT
from tests.support.lab import (
    PROMPT,
    ask,
    available_kib,
    leaks,
    new_lines,
    stats,
    watches_leaks,
)
from tests.support.signed import BROKEN, KEYLESS, MODULE, UNREADABLE, files, model, refused

pytestmark = pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan")


@pytest.fixture(params=["x86_64-6.1", "aarch64-6.12"])
def vault(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[Guest]:
    """Yield a guest with signed models, and check that the kernel log stays clean."""
    arch, series = request.param.split("-")
    kernel = kernel or series
    guest = guest_pool.get(arch, kernel, load_module=False, files=files(arch, kernel))
    failed = request.session.testsfailed
    yield guest
    if request.session.testsfailed > failed or guest.broken or guest.busy:
        guest_pool.discard(guest)
        return
    try:
        guest.assert_clean_log()
    except GuestError:
        guest_pool.discard(guest)
        raise


def load(guest: Guest, model: str, required: bool = True, module: str = MODULE) -> Result:
    return guest.run(f"insmod {module} model={model} require_signature={int(required)}", timeout=60)


def refuses(guest: Guest, error: int, message: str, model: str, module: str) -> None:
    """Check that insmod fails with `error` and one line in the log."""
    with new_lines(guest) as lines:
        done = load(guest, model, module=module)
    assert done.exit_code == error, (model, done, lines)
    # After a refusal, busybox's insmod tries a second system call.
    assert set(lines) == {f"{model} {message} (error -{error})"}


@pytest.mark.parametrize("path", ["/good/appended.gguf", "/good/detached.gguf"])
def test_a_signed_model_is_loaded(vault: Guest, path: str) -> None:
    done = load(vault, path)
    assert done.exit_code == 0, (done, vault.log()[-2000:])
    facts = stats(vault)
    assert facts["signature"] == "valid"
    assert facts["model_sha256"] == hashlib.sha256(model()).hexdigest()
    assert ask(vault, "hello")
    # A later change of the file has no effect.
    vault.check(f"mv {path} /tmp/moved; echo >{path}; cat {PROMPT} >/dev/null; rmmod llamux")
    vault.check(f"mv -f /tmp/moved {path}")


def test_models_that_are_added_need_one_too(vault: Guest) -> None:
    assert load(vault, "/good/appended.gguf").exit_code == 0
    with new_lines(vault) as lines:
        assert vault.run("echo load /bad/unsigned.gguf more >/proc/llamux/control").exit_code
        vault.check("echo load /good/detached.gguf more >/proc/llamux/control")
    assert "has no signature" in lines[0]
    assert len(vault.check("cat /proc/llamux/models").splitlines()) == 2
    vault.check("rmmod llamux")


def test_where_none_is_required_all_are_loaded(vault: Guest) -> None:
    names = {"appended": "not-checked", "detached": "none"}
    for name, signature in names.items():
        for module in (MODULE, KEYLESS, BROKEN):
            assert load(vault, f"/good/{name}.gguf", False, module).exit_code == 0
            facts = stats(vault)
            assert facts["signature"] == signature
            assert facts["model_sha256"] == hashlib.sha256(model()).hexdigest()
            vault.check("rmmod llamux")
    assert load(vault, "/bad/wrong-key.gguf", False).exit_code == 0
    vault.check("rmmod llamux")
    # The signature must be recognised to be cut off, even if it is not checked.
    assert load(vault, "/bad/length-huge.gguf", False).exit_code == errno.EBADMSG


def test_what_is_not_signed_is_refused(vault: Guest) -> None:
    load(vault, "/none.gguf")
    before = available_kib(vault)
    with new_lines(vault) as lines:
        codes = vault.check(
            "for f in /bad/*.gguf; do\n"
            f"insmod {MODULE} selftest=0 require_signature=1 model=$f 2>/dev/null\n"
            "c=$?; echo $f $c; [ $c != 0 ] || rmmod llamux; done",
            timeout=300,
        )
    cases = {f"/bad/{case.name}.gguf": case for case in refused()}
    found = dict(line.split() for line in codes.splitlines())
    assert found == {path: str(case.error) for path, case in cases.items()}
    assert len(lines) == 2 * len(cases)  # see refuses()
    for path, case in cases.items():
        assert f"{path} {case.message} (error -{case.error})" in lines
    if watches_leaks(vault):  # the debug kernel also keeps freed memory for a while
        assert leaks(vault) == []
    else:
        assert abs(before - available_kib(vault)) < 4 << 10
    assert "llamux" not in vault.check("cat /proc/vmallocinfo")


@pytest.mark.parametrize(
    ("command", "error"),
    [("mkfifo", errno.EINVAL), ("mkdir", errno.EINVAL), ("ln -s s.gguf.p7s", errno.ELOOP)],
    ids=["pipe", "folder", "loop"],
)
def test_a_signature_that_is_no_file(vault: Guest, command: str, error: int) -> None:
    """Check that a pipe is refused without waiting for its writer."""
    vault.check("cp /good/detached.gguf /tmp/s.gguf; rm -rf /tmp/s.gguf.p7s")
    vault.check(f"{command} /tmp/s.gguf.p7s")
    refuses(vault, error, UNREADABLE, "/tmp/s.gguf", MODULE)


def test_a_module_without_a_certificate_asks_the_kernel(vault: Guest) -> None:
    for name in ("appended", "detached"):
        message = "is signed by a key that is not trusted"
        refuses(vault, errno.ENOKEY, message, f"/good/{name}.gguf", KEYLESS)


def test_a_certificate_that_is_none(vault: Guest) -> None:
    message = "cannot be checked: the module's own certificate cannot be used"
    refuses(vault, errno.EBADMSG, message, "/good/appended.gguf", BROKEN)


def test_no_keyring_stays(vault: Guest) -> None:
    assert load(vault, "/good/appended.gguf").exit_code == 0
    gone = "i=0; while grep -q llamux /proc/keys; do i=$((i+1)); [ $i -lt 50 ] || exit 1\n"
    vault.check(f"{gone} sleep 0.1; done; rmmod llamux")
    assert re.search(r"keyring", vault.check("cat /proc/keys"))


def test_the_table_names_tests() -> None:
    """Check that each row names a test, and that each kind has one."""
    table = (ROOT / "docs" / "procfs-abi.md").read_text().split("## Bad input")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if "test_" not in row] == []
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", table)
    assert len(named) > 5
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(), name
