# SPDX-License-Identifier: GPL-2.0
"""Running guests that tests share, by their specification.

A guest is booted when it is first asked for, and again after a failure.
"""

from dataclasses import dataclass, field

from harness.guests.guest import Guest, new_guest
from harness.guests.spec import GuestSpec


@dataclass
class GuestPool:
    """Cache of running guests, keyed by their specification."""

    _guests: dict[GuestSpec, Guest] = field(default_factory=dict)

    def get(self, spec: GuestSpec) -> Guest:
        """Return a running guest of this specification. Raises what :meth:`Guest.boot` does."""
        guest = self._guests.get(spec)
        if guest is None or guest.broken or guest.busy:
            if guest is not None:
                guest.close()
            guest = self._guests[spec] = new_guest(spec)
            guest.boot()
        return guest

    def running(self) -> list[Guest]:
        """Return the guests that are not broken."""
        return [guest for guest in self._guests.values() if not guest.broken]

    def discard(self, guest: Guest) -> None:
        """End a guest, so that the next test boots another one."""
        guest.close()

    def close(self) -> None:
        """End every guest."""
        for guest in self._guests.values():
            guest.close()
        self._guests.clear()
