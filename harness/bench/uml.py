# SPDX-License-Identifier: GPL-2.0
"""The module in User-mode Linux as an engine; its figures are those of /proc/llamux/stats."""

import os
from pathlib import Path

from harness.bench.engines import Engine, Prompt
from harness.core.chat import BOS, Chat
from harness.guests.guest import Guest
from harness.host.architectures import UML
from harness.host.errors import HarnessError

_OPTIONS = "/proc/llamux/options"
_PROMPT = "/proc/llamux/prompt"
_STATS = "/proc/llamux/stats"
_ALONE = "speculate 0\n"
"""Option for one token in a pass, while single tokens are timed."""


class UmlEngine(Engine):
    """A kernel with the module, a new one for each load, with one thread."""

    name, on = "llamux", "uml"

    def __init__(self) -> None:
        self._guest: Guest | None = None
        self._texts: dict[int, bytes] = {}
        self._path = Path()
        self._load: tuple[Path, int, int, str | None] | None = None

    def load(self, path: Path, threads: int, n_ctx: int, isa: str | None) -> float:
        self.close()
        if path != self._path:
            self._texts.clear()
        self._path, self._load = path, (path, threads, n_ctx, isa)
        arguments = f"threads={threads} n_ctx={n_ctx}" + (f" isa={isa}" if isa else "")
        # The file lies outside; the guest's memory holds the module and its conversations.
        memory = 512 + 3 * path.stat().st_size // (1 << 20)
        self._guest = Guest(UML.name, model=path, memory=memory, module_args=arguments)
        self._guest.boot()
        stats = self._stats()
        self.isa, self.about = stats["isa"], f"Linux {self._guest.kernel.release}"
        return int(stats["load_us"]) / 1e6

    def _running(self) -> Guest:
        if self._guest is None:
            raise HarnessError("no model has been loaded in User-mode Linux")
        return self._guest

    def _stats(self) -> dict[str, str]:
        lines = self._running().check(f"cat {_STATS}").splitlines()
        return {key: value for key, _, value in (line.partition(" ") for line in lines)}

    def _answer(self, text: bytes, options: str, least: int = 1) -> dict[str, int]:
        """Return figures of an answer to a text. HarnessError if it has under ``least`` tokens."""
        guest = self._running()
        guest.check(f"cat > {_OPTIONS}", stdin=f"reset\n{options}".encode())
        guest.check(f"cat > {_PROMPT}", stdin=text + b"\n")
        guest.check(f"cat {_PROMPT} > /dev/null", timeout=600)
        last = {k: int(v) for k, v in self._stats().items() if k.startswith("last_")}
        if last["last_tokens"] < least:
            raise HarnessError(
                "the model has too little to say: no measure can be taken from its answer"
            )
        return last

    def _text(self, n: int) -> bytes:
        """Return a text of about ``n`` tokens."""
        if n not in self._texts:
            with Chat(self._path.read_bytes()) as chat:
                words = [b"Once", b"upon", b"a", b"time", b"there", b"was", b"some", b"kernel"]
                words *= n // 4 + 1
                low, high = 1, len(words)
                while low < high:
                    middle = (low + high + 1) // 2
                    if len(chat.plain(b" ".join(words[:middle]), BOS)) > n:
                        high = middle - 1
                    else:
                        low = middle
                self._texts[n] = b" ".join(words[:low])
        return self._texts[n]

    def prefill(self, n: int, batch: int = 0) -> float:
        del batch  # the module chooses its own
        last = self._answer(self._text(n), "template none\nmax_tokens 1\n")
        return last["last_prefill_us"] / 1e6 / last["last_prompt_tokens"] * n

    def fill(self, n: int) -> None:
        """Do nothing: every answer evaluates its own prompt."""

    def decode(self, n: int, depth: int) -> float:
        options = f"template none\nmax_tokens {n + 1}\n{_ALONE}"
        last = self._answer(self._text(max(depth, 1)), options, least=2)
        # The first token is computed with the prompt.
        return last["last_decode_us"] / 1e6 / (last["last_tokens"] - 1) * n

    def first_token(self, prompt: Prompt, kept: int) -> float:
        """Without kept tokens, time the first answer after a load, which evaluates them all."""
        options = "max_tokens 1\n"
        if kept:
            self._answer(b"Hello", options)
        elif self._load:
            self.load(*self._load)
        last = self._answer(prompt.text, options)
        if (last["last_prompt_tokens"], last["last_reused"]) != (len(prompt.tokens), prompt.head):
            raise HarnessError(
                f"the module kept {last['last_reused']} of {last['last_prompt_tokens']} tokens "
                f"of the prompt instead of {prompt.head} of {len(prompt.tokens)}"
            )
        return last["last_ttft_us"] / 1e6

    def memory(self) -> int:
        return int(self._stats()["memory_peak_bytes"])

    def pids(self) -> list[int]:
        """Return the ids of the kernel's process group, which includes its programs."""
        leader = self._guest and self._guest.pid
        if not leader:
            return []
        pids = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(entry.name)) == leader:
                    pids.append(int(entry.name))
            except ProcessLookupError:
                continue
        return pids

    def close(self) -> None:
        if self._guest:
            self._guest.close()
            self._guest = None
