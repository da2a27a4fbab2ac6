"""What the platform may do: announce, move, repeat, rename, start, cancel, forget, reboot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from drainer.core.model import Addressee, At, Blank, Event, EventStatus, Footing, Garbled, Unreadable
from tests.simulate.beat import Beat
from tests.world import reboot, seconds

UNREAD = Unreadable(kind="no-answer", reason="silence")
AHEAD_S = (20, 35, 65, 100, 240)
TYPES = ("Reboot", "Reboot", "Reboot", "Redeploy", "Freeze", "Preempt", "Terminate")


def notice_appears(beat: Beat) -> None:
    beat.fleet.announce(_event(beat, (beat.vm.name,), beat.chance.choice(AHEAD_S)))


def joint_notice(beat: Beat) -> None:
    """One event names several VMs, at times one that is not of this fleet."""
    names = [vm.name for vm in beat.fleet.vms]
    if beat.chance.random() < 0.2:
        names.append("elsewhere")
    beat.fleet.announce(_event(beat, tuple(names), beat.chance.choice(AHEAD_S)))


def days_ahead(beat: Beat) -> None:
    beat.fleet.announce(_event(beat, (beat.vm.name,), beat.chance.choice((3600, 3 * 86400))))


def started_first(beat: Beat) -> None:
    """Nobody saw it Scheduled."""
    beat.fleet.start(_event(beat, (beat.vm.name,), 0))


def foreign_notice(beat: Beat) -> None:
    """It names VMs whose names have ours in them."""
    event = _event(beat, (f"{beat.vm.name}0", f"x{beat.vm.name}"), 30)
    beat.vm.feed.events = (*beat.vm.feed.events, event)


def notice_without_a_time(beat: Beat) -> None:
    event = _event(beat, (beat.vm.name,), 0)
    odd = beat.chance.choice((Blank(), Garbled(text="soon")))
    beat.fleet.announce(replace(event, not_before=odd))


def notice_moves(beat: Beat) -> None:
    """Later or earlier, by minutes or days."""
    event = _listed(beat)
    if event is not None and isinstance(event.not_before, At) and event.status is EventStatus.SCHEDULED:
        by = seconds(beat.chance.choice((-120, -30, 60, 600, 86400)))
        at = max(event.not_before.at + by, beat.fleet.now + seconds(10))
        beat.fleet.announce(replace(event, not_before=At(at=at)))


def notice_is_renamed(beat: Beat) -> None:
    event = _listed(beat)
    if event is not None and event.status is EventStatus.SCHEDULED:
        beat.fleet.withdraw(event.id)
        beat.fleet.announce(replace(event, id=f"E{beat.number}"))


def reboot_turns_freeze(beat: Beat) -> None:
    """Under the same id or another."""
    event = _listed(beat)
    if event is not None:
        beat.fleet.announce(replace(event, type="Freeze", duration=timedelta(seconds=9)))


def notice_vanishes(beat: Beat) -> None:
    event = _listed(beat)
    if event is not None:
        beat.fleet.gone[event.id] = event
        beat.fleet.withdraw(event.id)


def everything_vanishes(beat: Beat) -> None:
    for event_id in beat.fleet.listed():
        beat.fleet.withdraw(event_id)


def notice_is_repeated(beat: Beat) -> None:
    """One that vanished is back, under its old id."""
    if beat.fleet.gone:
        event_id = beat.chance.choice(sorted(beat.fleet.gone))
        beat.fleet.announce(beat.fleet.gone.pop(event_id))


def document_lags(beat: Beat) -> None:
    """One VM's document loses what its siblings' still list."""
    for event in beat.vm.feed.events:
        beat.vm.referee.unlisted(event.id)
    beat.vm.feed.events = ()


def notice_starts(beat: Beat) -> None:
    event = _listed(beat)
    if event is not None:
        beat.fleet.start(event)


def service_forgets(beat: Beat) -> None:
    """Its incarnation falls, and its silence is young."""
    feed = beat.vm.feed
    feed.incarnation = 1 if feed.incarnation is None else 0
    feed.footing = Footing.NEW
    if beat.chance.random() < 0.5:
        document_lags(beat)


def document_blinds(beat: Beat) -> None:
    beat.vm.feed.blind = None if beat.vm.feed.blind else UNREAD


def document_is_back(beat: Beat) -> None:
    beat.vm.feed.blind = None


def machine_reboots(beat: Beat) -> None:
    """Unannounced."""
    beat.vm.reboot()


def clock_steps(beat: Beat) -> None:
    """An operator or NTP sets the VM's clock."""
    beat.vm.clock.step_wall(seconds(beat.chance.choice((-400, -20, -3, 3, 20, 400))))


def _event(beat: Beat, names: tuple[str, ...], ahead_s: float) -> Event:
    not_before = At(at=beat.fleet.now + seconds(ahead_s))
    kind = beat.chance.choice(TYPES)
    return reboot(f"E{beat.number}", type=kind, not_before=not_before, resources=names)


def _listed(beat: Beat) -> Event | None:
    """One of the notices of this VM."""
    known = [event for event in beat.vm.notices if not isinstance(event.resources, Addressee)]
    return beat.chance.choice(known) if known else None


Move = Callable[[Beat], None]

FAIR: tuple[Move, ...] = (
    *(notice_appears,) * 4,
    *(joint_notice,) * 2,
    foreign_notice,
    notice_is_renamed,
    notice_vanishes,
)
"""What a platform does on a good day."""

PLATFORM: tuple[Move, ...] = (
    *(notice_appears,) * 5,
    *(joint_notice,) * 2,
    *(notice_vanishes,) * 3,
    *(everything_vanishes,) * 2,
    days_ahead,
    started_first,
    foreign_notice,
    notice_without_a_time,
    notice_moves,
    notice_is_renamed,
    reboot_turns_freeze,
    notice_is_repeated,
    document_lags,
    notice_starts,
    service_forgets,
    document_blinds,
    *(document_is_back,) * 2,
    machine_reboots,
    clock_steps,
)
