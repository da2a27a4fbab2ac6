"""With no daemon running. `restore --offline`: give back what the journal says was taken; `resume --offline`:
end a hold before that, where one stands.

The shipped reconciler under an operator's wish to restore; no metadata service is asked. A damaged journal is
read as far as it can be, and set aside once everything is back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, timedelta
from threading import Event

from drainer.clock import SystemClock
from drainer.core import wish as wishes
from drainer.core.codec import encode
from drainer.core.model import AckAnswer, Unreadable, elapsed
from drainer.core.record import Intended, Wished
from drainer.core.step import Wait
from drainer.errors import Broken, Refused
from drainer.hooks import HookRan
from drainer.journal import Journal, MemoryStore, read_line
from drainer.log import Log
from drainer.ports import Clock
from drainer.reconcile import Reconciler, Tick
from drainer.ruling import Ruling
from drainer.settings import Settings
from drainer.statedir import RaiseAlarm, StateDirectory
from drainer.stopped import EXIT_FAILED, EXIT_OK, Stopped
from drainer.wiring import build_ports

WITHIN = timedelta(seconds=120)
"""How long a layer, or the application's health, is waited for."""

PACE_S = 0.25


class NobodyAsked:
    """No document. The wish to restore holds blind too; what it skips stays skipped for the next daemon."""

    def latest(self) -> Unreadable:
        return Unreadable(kind="offline", reason="no metadata service is asked")

    def acknowledge(self, event_id: str) -> AckAnswer:
        raise Refused("offline", "nothing is acknowledged offline")


def restore_offline(settings: Settings) -> int:
    """0: all is back, or nothing was out. 1: not yet, run it again. 75: a daemon runs. 78: no policy."""
    return _in_the_state_directory(settings, _restore)


def resume_offline(settings: Settings) -> int:
    """0: no hold, yield or abort stands any more. 1: that could not be recorded. 75: a daemon runs."""
    return _in_the_state_directory(settings, _resume)


Act = Callable[[Settings, StateDirectory, SystemClock, Log, RaiseAlarm], int]


def _in_the_state_directory(settings: Settings, act: Act) -> int:
    clock = SystemClock(settings.boot_id)
    log = Log(clock.now)

    def alarm(kind: str, reason: str) -> None:
        log.error("alarm.raised", kind=kind, reason=reason)

    if not settings.state.is_dir():
        print(f"drainer: there is no state directory {settings.state}; name it by --state", file=sys.stderr)
        return EXIT_FAILED
    try:
        directory = StateDirectory(settings.state, clock=clock, log=log, alarm=alarm, dry_run=False)
    except Stopped as stopped:
        return stopped.code
    try:
        return act(settings, directory, clock, log, alarm)
    except Stopped as stopped:
        return stopped.code
    finally:
        directory.release()


def _resume(
    settings: Settings, directory: StateDirectory, clock: SystemClock, log: Log, alarm: RaiseAlarm
) -> int:
    try:
        directory.journal().append(Wished(wish=wishes.Resume(), by="resume --offline"))
    except Broken as error:
        print(f"drainer: {error.reason}", file=sys.stderr)
        return EXIT_FAILED
    print("resumed: no hold, yield or abort stands any more", file=sys.stderr)
    return EXIT_OK


def _restore(
    settings: Settings, directory: StateDirectory, clock: SystemClock, log: Log, alarm: RaiseAlarm
) -> int:
    journal, damaged = _readable(directory, clock)
    episode = journal.state.episode
    if episode is None:
        return _nothing_open(directory, damaged=damaged)
    held = journal.state.wishes.hold_until
    if held is not None and clock.now().wall < held:
        print(
            f"drainer: held until {encode(held)}, and nothing is given back under a hold; "
            "`drainer resume --offline` ends it",
            file=sys.stderr,
        )
        return EXIT_FAILED
    ruling = Ruling(
        settings,
        directory=directory,
        episode=episode,
        log=log,
        alarm=alarm,
    )
    ports = build_ports(
        ruling.policy,
        settings,
        clock=clock,
        feed=NobodyAsked(),
        vm_name=lambda: episode.vm,
        stopping=lambda: False,
        hook_ran=lambda ran: _hook_ran(log, ran),
    )
    unknown = sorted(set(episode.layers) - {layer.name for layer in ports.layers})
    if unknown:
        return _no_such_layer(directory, unknown)
    reconciler = Reconciler(ports=ports, journal=journal, policy=ruling.policy, log=log)
    try:
        reconciler.wish(wishes.Restore(event_ids=tuple(episode.terms)), by="restore --offline")
    except Broken as error:
        print(f"drainer: {error.reason}", file=sys.stderr)
        return EXIT_FAILED
    last = _until_closed(reconciler, clock)
    if reconciler.journal.state.episode is not None:
        reason = last.step.reason if isinstance(last.step, Wait) else type(last.step).__name__.lower()
        print(f"drainer: not given back yet ({reason}); see above, and run it again", file=sys.stderr)
        return EXIT_FAILED
    if damaged:
        aside = directory.store.set_aside(f"damaged-{clock.now().wall.astimezone(UTC):%Y%m%dT%H%M%SZ}")
        print(f"the damaged journal is kept as {aside}", file=sys.stderr)
    print(f"given back: {', '.join(episode.layers)}")
    return EXIT_OK


def _nothing_open(directory: StateDirectory, *, damaged: bool) -> int:
    """Nothing to give back; or, the journal being damaged, no way to tell: then what can be done by hand."""
    if not damaged:
        print("nothing to give back: the journal holds no open episode", file=sys.stderr)
        return EXIT_OK
    print(
        f"drainer: the journal in {directory.path} is damaged, so it cannot tell whether this VM was taken "
        "out; nothing was given back. Look at the balancer; a cordon is undone by hand with:",
        file=sys.stderr,
    )
    for undo in _undone_by(directory):
        print(f"    {undo}", file=sys.stderr)
    return EXIT_FAILED


def _no_such_layer(directory: StateDirectory, unknown: list[str]) -> int:
    """The policy lost a layer that took this VM out: waiting would not bring it back."""
    print(
        f"drainer: the policy has no layer {', '.join(unknown)}, by which this VM was taken out; nothing was "
        "given back. Name the policy of then by --policy, or undo it by hand with:",
        file=sys.stderr,
    )
    for undo in _undone_by(directory):
        print(f"    {undo}", file=sys.stderr)
    return EXIT_FAILED


def _undone_by(directory: StateDirectory) -> tuple[str, ...]:
    """The undo commands of every cordon that the readable lines still hold, each once, newest last."""
    found: dict[str, None] = {}
    for line in filter(_is_readable, directory.store.load()):
        body = read_line(line).body
        if isinstance(body, Intended):
            found.update(dict.fromkeys(body.undo))
    return tuple(found)


def _readable(directory: StateDirectory, clock: Clock) -> tuple[Journal, bool]:
    """The journal, or, where it is damaged, one in memory of the lines that can be read."""
    journal = directory.journal()
    if not journal.broken:
        return journal, False
    lines = [line for line in directory.store.load() if _is_readable(line)]
    return Journal(MemoryStore(lines), clock), True


def _is_readable(line: str) -> bool:
    try:
        read_line(line)
    except ValueError:
        return False
    return True


def _until_closed(reconciler: Reconciler, clock: Clock) -> Tick:
    began, pause = clock.now(), Event()
    tick = reconciler.run_to_wait()
    while reconciler.journal.state.episode is not None and elapsed(began, clock.now()) < WITHIN:
        pause.wait(PACE_S)
        tick = reconciler.run_to_wait()
    return tick


def _hook_ran(log: Log, ran: HookRan) -> None:
    log.info("hook.ran", stage=ran.stage, command=" ".join(ran.command), ending=ran.ending, output=ran.output)
