"""What must hold of every decision, told from the world and not from what the core thought of it."""

from __future__ import annotations

from collections.abc import Iterator

from drainer.core.episode import Episode
from drainer.core.model import Document
from drainer.core.policy import Acknowledge as Allowed
from drainer.core.step import Acknowledge, Close, Cordon, Isolate, Publish, Release, Restore, Wait
from drainer.core.threat import OPERATOR_ID
from tests.prove.ticks import Tick
from tests.prove.world import LONG_AGO, NOW, Setup


def broken(ticked: Tick, setup: Setup) -> Iterator[str]:
    """The properties that this decision breaks."""
    world, step, wishes = ticked.node.world, ticked.step, ticked.node.state.wishes
    blind = not isinstance(ticked.seen.document, Document)
    standing = [event_id for event_id, _ in world.notices if event_id not in wishes.skips]
    asked = wishes.drain is not None or wishes.restore
    if blind and not asked and not isinstance(step, Wait) and ticked.row not in ("P1", "P2"):
        yield "acted blind"
    again = isinstance(step, Cordon) and step.again
    if wishes.hold_until and not again and isinstance(step, (Cordon, Isolate, Restore)):
        yield f"{type(step).__name__.lower()} under hold"
    match step:
        case Restore(layer=name):
            if (blind and not wishes.restore) or (not blind and standing) or wishes.drain:
                yield "restored under threat or blind"
            if world.wants[_place(setup, name)] == "O":
                yield "gave back what an operator took out"
        case Cordon(again=False):
            if not blind and not standing and not wishes.drain:
                yield "cordoned for nothing"
            if setup.budget and not world.lease and not _past_force(ticked) and not _budget_free(ticked):
                yield "cordoned without a lease before force"
        case Isolate():
            if not (_drained(ticked, setup) or _past_deadline(ticked)):
                yield "isolated before drained or deadline"
        case Acknowledge() | Publish():
            yield from _told(ticked, setup)
        case Close() | Release():
            yield from _ended(ticked, setup)
        case Wait():
            if _lapses(ticked, setup):
                yield "lease left to lapse while out"


def _told(ticked: Tick, setup: Setup) -> Iterator[str]:
    world, step = ticked.node.world, ticked.step
    unproven = setup.acknowledge is Allowed.AT_DRAIN_END and not setup.siblings and _past_deadline(ticked)
    removed = all(
        stand in "OX" if not kind.cordons else stand == "X" or not kind.isolates
        for kind, stand in zip(setup.layers, world.stands, strict=True)
    )
    if not (unproven or (_drained(ticked, setup) and (removed or _yielded(ticked)))):
        yield f"{type(step).__name__.lower()} without proof"
    if not isinstance(step, Acknowledge):
        return
    if setup.budget and world.lease != "rebooting" and not _budget_free(ticked):
        yield "acknowledged without a rebooting lease"
    if step.event_id in world.acked:
        yield "acknowledged twice"
    if setup.siblings and not world.sibling:
        yield "acknowledged before every sibling"
    if world.tight:
        yield "acknowledged although the policy now says never"


def _ended(ticked: Tick, setup: Setup) -> Iterator[str]:
    world, step = ticked.node.world, ticked.step
    verb = type(step).__name__.lower()
    if ticked.row == "P8a":
        return
    if any(want == "I" and stand != "I" for want, stand in zip(world.wants, world.stands, strict=True)):
        yield f"{verb} while out"
    if any(world.late) or world.late_lease:
        yield f"{verb} while a write may still land"
    if isinstance(step, Close) and world.lease:
        yield "close while a lease stands"


def _lapses(ticked: Tick, setup: Setup) -> bool:
    episode = ticked.node.state.episode
    if episode is None or not _due(episode) or "acquire" in ticked.node.world.resting:
        return False
    out = any(
        episode.layer(kind.name).intended and stand != "I"
        for kind, stand in zip(setup.layers, ticked.node.world.stands, strict=True)
    )
    waits_for_own = any(key in str(ticked.step) for key in ("back-off",))
    return out and not waits_for_own and not (_yielded(ticked) and ticked.situation.face_in)


def _due(episode: Episode) -> bool:
    lease = episode.lease
    if lease.term is None or lease.given_up or lease.phase is None:
        return False
    return lease.term.remaining(NOW) <= lease.term.lasts / 2


def _place(setup: Setup, name: str) -> int:
    return next(at for at, kind in enumerate(setup.layers) if kind.name == name)


def _drained(ticked: Tick, setup: Setup) -> bool:
    world = ticked.node.world
    stands = list(zip(setup.layers, world.stands, strict=True))
    face = [stand for kind, stand in stands if kind.cordons] or [stands[0][1]]
    return not world.flows and all(stand in "OX" for stand in face)


def _past_deadline(ticked: Tick) -> bool:
    episode = ticked.node.state.episode
    started = any(nearness == "started" for _, nearness in ticked.node.world.notices)
    return started or (episode is not None and episode.cordoned_at == LONG_AGO)


def _past_force(ticked: Tick) -> bool:
    state = ticked.node.state
    near = any(nearness in ("force", "started") for _, nearness in ticked.node.world.notices)
    forced = state.episode.force_at if state.episode else None
    journalled = forced is not None and forced <= NOW.wall
    return near or journalled or state.wishes.force_at is not None


def _budget_free(ticked: Tick) -> bool:
    threat = ticked.assessment.threat
    return threat is not None and (
        not threat.uses_budget or all(t.event_id == OPERATOR_ID for t in threat.terms)
    )


def _yielded(ticked: Tick) -> bool:
    episode = ticked.node.state.episode
    return episode is not None and episode.yielded
