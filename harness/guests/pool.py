# SPDX-License-Identifier: GPL-2.0
"""Guests that tests share: booted when first asked for, booted anew after a failure."""

from dataclasses import dataclass, field
from typing import Any

from harness.guests.guest import Guest


@dataclass
class GuestPool:
    """Guests by what they were asked to be."""

    _guests: dict[str, Guest] = field(default_factory=dict)

    def get(self, arch: str, kernel: str | None = None, **options: Any) -> Guest:
        """A running guest; `options` are those of :class:`harness.guests.guest.Guest`."""
        key = repr((arch, kernel, sorted(options.items(), key=lambda item: item[0])))
        guest = self._guests.get(key)
        if guest is None or guest.broken or guest.busy:
            if guest is not None:
                guest.close()
            guest = self._guests[key] = Guest(arch, kernel, **options)
            guest.boot()
        return guest

    def running(self) -> list[Guest]:
        """Those that are of use."""
        return [guest for guest in self._guests.values() if not guest.broken]

    def discard(self, guest: Guest) -> None:
        """Let the next test have a fresh guest."""
        guest.close()

    def close(self) -> None:
        """End every guest."""
        for guest in self._guests.values():
            guest.close()
        self._guests.clear()
