"""What a person should look at, as views of a tick: nothing here is remembered, nothing is decided.

Kinds are short, stable and bounded: they are metric labels and stand in docs/interfaces.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from drainer.board import Alarm
from drainer.core.assess import HOOK_FAILURES
from drainer.core.episode import Episode
from drainer.core.model import Garbled, Instant, Unreadable, elapsed
from drainer.core.step import Wait
from drainer.journal import Journal
from drainer.memory import Memory
from drainer.reconcile import SKEW_ALARM, Tick

BLIND_AFTER = timedelta(seconds=60)
FAILING_AFTER = 3
NEVER_ENDING_AFTER = timedelta(hours=1)
UNHEALTHY_AFTER = timedelta(minutes=10)


def alarms_of(tick: Tick, *, journal: Journal, memory: Memory, started: Instant) -> tuple[Alarm, ...]:
    """Every alarm that stands now, each kind at most once."""
    found: dict[str, Alarm] = {}
    for alarm in _all(tick, journal=journal, memory=memory, started=started):
        found.setdefault(alarm.kind, alarm)
    return tuple(found.values())


def _all(tick: Tick, *, journal: Journal, memory: Memory, started: Instant) -> Iterator[Alarm]:
    yield from _of_journal(journal)
    yield from _of_document(tick, memory, started)
    yield from _of_steps(memory)
    episode = tick.state.episode
    if episode is not None or tick.assessment.threat is not None:
        yield from _of_layers(tick)
    if episode is not None:
        yield from _of_episode(tick, episode)


def _of_journal(journal: Journal) -> Iterator[Alarm]:
    if journal.broken:
        yield Alarm(
            kind="journal-damaged",
            reason=f"{journal.broken}; nothing is taken out any more, and what it still says is given back. "
            "Stop the daemon and run `drainer restore --offline`: it sets the journal aside",
        )
    if journal.unrecorded:
        yield Alarm(kind="journal-unwritable", reason=f"{journal.unrecorded} records could not be written")


def _of_document(tick: Tick, memory: Memory, started: Instant) -> Iterator[Alarm]:
    document, now = tick.seen.document, tick.seen.now
    if isinstance(document, Unreadable):
        since = memory.last_document_at or started
        if document.kind == "name-mismatch":
            yield Alarm(kind="name-mismatch", reason=document.reason)
        elif elapsed(since, now) > BLIND_AFTER:
            yield Alarm(
                kind="blind",
                reason=f"no document for {_seconds(elapsed(since, now))}: {document.kind}: {document.reason}",
            )
        return
    if abs(tick.seen.skew) > SKEW_ALARM:
        skew = tick.seen.skew.total_seconds()
        yield Alarm(kind="clock-skew", reason=f"the platform's clock is {skew:+.1f} s from this machine's")
    for sighting in tick.assessment.outlook.sightings:
        if isinstance(sighting.event.not_before, Garbled):
            text = sighting.event.not_before.text
            yield Alarm(kind="not-before-garbled", reason=f"{sighting.event.id}: NotBefore reads {text!r}")


def _of_steps(memory: Memory) -> Iterator[Alarm]:
    for key, backoff in memory.backoffs.items():
        if backoff.failures >= FAILING_AFTER:
            kind = f"{key.split()[0]}-failing"
            yield Alarm(kind=kind, reason=f"{key} failed {backoff.failures} times: {backoff.reason}")


def _of_layers(tick: Tick) -> Iterator[Alarm]:
    for sight in tick.seen.layers:
        if isinstance(sight.reading, Unreadable):
            yield Alarm(
                kind="layer-unreadable",
                reason=f"{sight.name}: {sight.reading.kind}: {sight.reading.reason}",
            )


def _of_episode(tick: Tick, episode: Episode) -> Iterator[Alarm]:
    now = tick.seen.now
    for stage, facts in episode.hooks.items():
        if facts.failures >= HOOK_FAILURES and not facts.done:
            yield Alarm(kind="hook-given-up", reason=f"{stage.value} failed {facts.failures} times")
    if episode.yielded:
        yield Alarm(
            kind="yielded", reason="somebody put this VM back twice; `drainer resume` takes it out again"
        )
    if episode.quiet_since is None and elapsed(episode.opened, now) > NEVER_ENDING_AFTER:
        yield Alarm(kind="never-ending", reason=f"open for {_seconds(elapsed(episode.opened, now))}")
    if _unhealthy(tick) and episode.quiet_since and elapsed(episode.quiet_since, now) > UNHEALTHY_AFTER:
        yield Alarm(kind="never-healthy", reason="the notice is gone, the deep check keeps failing")
    unknown = sorted(set(episode.layers) - {sight.name for sight in tick.seen.layers})
    if unknown:
        yield Alarm(kind="layer-unknown", reason=f"the policy has no layer {', '.join(unknown)} any more")


def _unhealthy(tick: Tick) -> bool:
    return isinstance(tick.step, Wait) and tick.step.reason == "unhealthy"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
