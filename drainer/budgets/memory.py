"""A fleet budget in memory: the reference of the budget contract.

`Ledger` is what the fleet shares; `MemoryBudget` is one VM's way to it. A place belongs to a holder:
asking twice uses one, and only its holder gives it back. A lease ends by itself, since a VM may never
come back; a VM that still owes a restore is not relieved of it by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from drainer.core.model import Denied, Granted, Instant, Phase, elapsed, later
from drainer.ports import Clock

LASTS = {Phase.DRAINING: timedelta(minutes=2), Phase.REBOOTING: timedelta(minutes=30)}
"""A draining VM renews; a rebooting one cannot, and needs its place until it is back."""

ASK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One holder's place. `forced`: taken over the limit."""

    holder: str
    phase: Phase
    taken_at: Instant
    forced: bool = False

    def remaining(self, now: Instant) -> timedelta:
        """Zero once it has ended."""
        return max(timedelta(0), LASTS[self.phase] - elapsed(self.taken_at, now))


class Ledger:
    """The fleet's leases, at most `max_unavailable` of them beside the forced ones."""

    def __init__(self, max_unavailable: int) -> None:
        if max_unavailable < 0:
            raise ValueError(f"max_unavailable: expected 0 or more, got {max_unavailable}")
        self.max_unavailable = max_unavailable
        self._leases: dict[str, Lease] = {}

    def holders(self, now: Instant) -> tuple[str, ...]:
        """Who holds a place, in a stable order."""
        return tuple(sorted(lease.holder for lease in self.live(now)))

    def live(self, now: Instant) -> tuple[Lease, ...]:
        return tuple(lease for lease in self._leases.values() if lease.remaining(now))

    def put(self, lease: Lease) -> None:
        self._leases[lease.holder] = lease

    def drop(self, holder: str) -> None:
        self._leases.pop(holder, None)


class MemoryBudget:
    """One VM's way to the ledger."""

    def __init__(self, ledger: Ledger, *, holder: str, clock: Clock) -> None:
        self._ledger = ledger
        self._holder = holder
        self._clock = clock

    def acquire(self, phase: Phase, *, forced: bool) -> Granted | Denied:
        """A place of this phase, also where the holder has one of the other phase."""
        now = self._clock.now()
        live = {lease.holder: lease for lease in self._ledger.live(now)}
        held = live.pop(self._holder, None)
        full = len(live) >= self._ledger.max_unavailable
        if held is None and full and not forced:
            return _denied(tuple(live.values()), now)
        over = held.forced if held else full
        lease = Lease(holder=self._holder, phase=phase, taken_at=now, forced=over)
        self._ledger.put(lease)
        return Granted(until=later(now, LASTS[phase]), forced=over)

    def release(self) -> None:
        self._ledger.drop(self._holder)


def _denied(live: tuple[Lease, ...], now: Instant) -> Denied:
    soonest = min((lease.remaining(now) for lease in live), default=ASK_AGAIN)
    names = ", ".join(sorted(lease.holder for lease in live)) or "nobody may"
    return Denied(reason=f"out already: {names}", retry_at=later(now, min(soonest, ASK_AGAIN)))
