"""Alarms of an open episode: what does not come to its end, and what moved under us."""

from __future__ import annotations

from datetime import timedelta

from drainer.alarms.kind import Kind, Scene, seconds
from drainer.core.assess import HOOK_FAILURES, LayerSight
from drainer.core.episode import Episode
from drainer.core.model import Membership, elapsed
from drainer.core.step import Wait

NEVER_ENDING_AFTER = timedelta(hours=1)
NOT_REBOOTED_AFTER = timedelta(minutes=15)
UNHEALTHY_AFTER = timedelta(minutes=10)
BOOTING_TYPES = frozenset({"reboot", "redeploy"})
"""Events in which this VM boots."""


def _never_ending(scene: Scene) -> str:
    if scene.episode is None or scene.episode.quiet_since is not None:
        return ""
    for terms in scene.terms.values():
        if elapsed(terms.since, scene.now) > NEVER_ENDING_AFTER:
            return f"{terms.type} {terms.event_id} is listed for {seconds(elapsed(terms.since, scene.now))}"
    return ""


def _not_rebooted(scene: Scene) -> str:
    """Out, its time has come, and this is still the boot in which it was taken out."""
    episode, now = scene.episode, scene.now
    if episode is None or episode.quiet_since is not None or episode.cordoned_at is None:
        return ""
    out_for = elapsed(episode.cordoned_at, now)
    if episode.cordoned_at.boot != now.boot or out_for <= NOT_REBOOTED_AFTER:
        return ""
    for terms in scene.terms.values():
        begins = terms.not_before or episode.cordoned_at.wall
        if terms.type.casefold() in BOOTING_TYPES and scene.platform_now - begins > NOT_REBOOTED_AFTER:
            return f"out for {seconds(out_for)} for {terms.type} {terms.event_id}, and not rebooted"
    return ""


def _never_healthy(scene: Scene) -> str:
    episode, tick = scene.episode, scene.tick
    if tick is None or episode is None or episode.quiet_since is None:
        return ""
    unhealthy = isinstance(tick.step, Wait) and tick.step.reason == "unhealthy"
    span = elapsed(episode.quiet_since, scene.now)
    if not unhealthy or span <= UNHEALTHY_AFTER:
        return ""
    return f"the notice is gone for {seconds(span)}, and the deep check keeps failing"


def _drift(scene: Scene) -> str:
    episode = scene.episode
    if episode is None or episode.quiet_since is not None or episode.yielded:
        return ""
    steady = scene.memory.last
    return next(filter(None, (_moved(sight, episode, steady.get(sight.name)) for sight in scene.layers)), "")


def _moved(sight: LayerSight, episode: Episode, steady: Membership | None) -> str:
    """What somebody else did to this layer since the steady times before the episode; "" nothing."""
    facts = episode.layer(sight.name)
    if facts.returned:
        return f"{sight.name} was put back while we held it out, {facts.returned} times"
    took_work = steady is not None and bool(steady.taking_work)
    if not took_work or facts.intended or not isinstance(sight.reading, Membership):
        return ""
    return "" if sight.reading.taking_work else f"{sight.name} was taken out by another hand than ours"


def _yielded(scene: Scene) -> str:
    return "somebody put this VM back twice" if scene.episode is not None and scene.episode.yielded else ""


def _hooks(scene: Scene) -> str:
    for stage, facts in scene.episode.hooks.items() if scene.episode else ():
        if facts.failures >= HOOK_FAILURES and not facts.done:
            return f"{stage.value} failed {facts.failures} times"
    return ""


def _unknown_layers(scene: Scene) -> str:
    if scene.episode is None:
        return ""
    unknown = sorted(set(scene.episode.layers) - {sight.name for sight in scene.layers})
    return f"the policy has no layer {', '.join(unknown)} any more" if unknown else ""


STUCK = (
    Kind(name="hook-given-up", says=_hooks, next="the episode goes on without the hooks of that stage"),
    Kind(name="yielded", says=_yielded, next="it stays in; `drainer resume` takes it out again"),
    Kind(
        name="drift",
        says=_drift,
        next="put back once, it is taken out again, twice, it is left in; what others took out stays out",
    ),
    Kind(
        name="never-ending",
        says=_never_ending,
        next="this VM stays out until it is gone; `drainer skip` ends the wait, as `stuck_after` would",
    ),
    Kind(
        name="not-rebooted",
        says=_not_rebooted,
        next="this VM stays out until the notice is gone, rebooted or not; `drainer skip` ends the wait",
    ),
    Kind(
        name="never-healthy",
        says=_never_healthy,
        next="this VM stays out until the check passes; look at the application",
    ),
    Kind(
        name="layer-unknown",
        says=_unknown_layers,
        next="the episode stays open; put the layer back into the policy, or give back by hand",
    ),
)
