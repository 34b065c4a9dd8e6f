# SPDX-License-Identifier: GPL-2.0
"""The files of /proc/llamux in a guest: questions, options and figures (docs/procfs-abi.md).

All commands of a guest run in one terminal session, so they share its conversation and options.
"""

from collections.abc import Iterator, Mapping

from harness.guests.command import CommandResult, Listener
from harness.guests.errors import GuestCommandError
from harness.guests.guest import Guest

PROMPT = "/proc/llamux/prompt"
CHAT = "/proc/llamux/chat"
OPTIONS = "/proc/llamux/options"
STATS = "/proc/llamux/stats"
CONTROL = "/proc/llamux/control"
LOGITS = "/proc/llamux/logits"

RESET = "reset\n"
"""Line for the file of options that sets every option to its default."""

_TEXTS = ("stop", "system")  # options whose values may have newlines
_LONGEST = 32 * 1024  # bytes of a prompt that is sent as a command's input
_LONG_PROMPT = "/tmp/prompt"


class ModuleStats(Mapping[str, str]):
    """Figures in ``stats``: a text by each key."""

    def __init__(self, text: str) -> None:
        """Parse the file: a key and a value in each line."""
        pairs = (line.partition(" ") for line in text.splitlines())
        self._values = {key: value for key, _, value in pairs}

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def number(self, key: str) -> int:
        """Return a figure that is an integer."""
        return int(self._values[key])

    def seconds(self, key: str) -> float:
        """Return a time whose key ends in ``_us``, in seconds."""
        return self.number(key) / 1e6


def stats(guest: Guest) -> ModuleStats:
    """Read the module's figures."""
    return ModuleStats(guest.check(f"cat {STATS}"))


def settled_stats(guest: Guest) -> ModuleStats:
    """Read the module's figures after it has freed the conversations of sessions that ended.

    The module does that when a conversation is opened.
    """
    return ModuleStats(guest.check(f"(: 3<>{PROMPT}); cat {STATS}", timeout=120))


def option_lines(options: Mapping[str, object]) -> bytes:
    """Return options as they are written to the file of options, a line each."""
    lines = []
    for key, value in options.items():
        text = str(value)
        if key in _TEXTS:
            text = text.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{key} {text}\n" if text else f"{key}\n")
    return "".join(lines).encode()


def set_options(guest: Guest, options: Mapping[str, object], reset: bool = False) -> None:
    """Set options of the commands' session; with `reset`, all others to their defaults."""
    guest.check(f"cat > {OPTIONS}", stdin=RESET.encode() * reset + option_lines(options))


def ask(
    guest: Guest,
    prompt: bytes,
    *,
    timeout: float = 120,
    on_output: Listener | None = None,
) -> CommandResult:
    """Ask in the commands' session; return the answer. Raises GuestCommandError.

    `on_output` is called with the answer's bytes as they arrive.
    """
    # The module takes one newline off the end, which `echo` puts there.
    if len(prompt) < _LONGEST:
        guest.check(f"cat > {PROMPT}", stdin=prompt + b"\n", timeout=timeout)
    else:
        guest.put_file(_LONG_PROMPT, prompt + b"\n")
        guest.check(f"cat {_LONG_PROMPT} > {PROMPT}", timeout=timeout)
    command = f"cat {PROMPT}"
    done = guest.run(command, timeout=timeout, on_output=on_output)
    if done.exit_code:
        raise GuestCommandError(command, done.exit_code, done.output, done.errors)
    return done


def ask_in_new_session(guest: Guest, timeout: float = 60) -> None:
    """Have one token answered in a session that ends.

    The module keeps the beginning that all prompts share from then on, so that figures of
    memory can be compared afterwards.
    """
    guest.check(
        f"setsid sh -c 'echo max_tokens 1 >{OPTIONS}; exec 3<>{PROMPT};"
        " echo a >&3; cat <&3 >/dev/null'",
        timeout=timeout,
    )
