"""The reconciler: observe, assess, decide, journal the intent, act, journal the outcome.

One tick, one step. This is the only place that calls both `assess` and `decide`. It judges nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from drainer import look
from drainer.act import Acted, Ports, Touching, act, intent_of, rests_at_least
from drainer.core import wish as wishes
from drainer.core.assess import Assessment, LayerSight, Observation, assess
from drainer.core.decide import Decision, decide
from drainer.core.episode import Episode, State
from drainer.core.model import (
    Document,
    EventStatus,
    Failing,
    Membership,
    Stage,
    Unreadable,
    Vm,
    elapsed,
)
from drainer.core.naming import names_vm
from drainer.core.policy import Do, Policy
from drainer.core.record import Body, Closed, Finished, Joined, Noted, Opened, Outcome, Terms, Wished
from drainer.core.situation import Reads
from drainer.core.step import (
    Acknowledge,
    Close,
    Cordon,
    Hook,
    Isolate,
    Note,
    Noting,
    Open,
    Release,
    Restore,
    Step,
    Wait,
    key_of,
    name_of,
)
from drainer.core.threat import OPERATOR_ID, Threat, drain_wished
from drainer.errors import Broken
from drainer.journal import Journal
from drainer.log import Log
from drainer.memory import Memory

MOST_STEPS = 16
"""Steps between two waits; more is a livelock."""

YOUNG = timedelta(minutes=5)
"""A Reboot that is already Started in the first document after a boot this young has done its harm."""

SKEW_ALARM = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What one tick saw and did; an immutable snapshot for everybody who only looks."""

    seen: Observation
    state: State
    assessment: Assessment
    decision: Decision

    @property
    def step(self) -> Step:
        return self.decision.step


class Reconciler:
    """Owns nothing but its memory; everything else is a port, the journal, or the policy."""

    def __init__(self, *, ports: Ports, journal: Journal, policy: Policy, log: Log) -> None:
        self.ports = ports
        self.journal = journal
        self.policy = policy
        self.memory = Memory()
        self.health = look.HealthWatch()
        self.acted: Callable[[Step, tuple[Finished, ...]], None] = lambda step, outcomes: None
        self._log = log
        self._steps = 0
        self._opening_check: str | None = None

    # --- ticking ---

    def run_to_wait(self) -> Tick:
        """Tick until there is nothing to do now; at most `MOST_STEPS` steps."""
        for _ in range(MOST_STEPS):
            tick = self.tick()
            if isinstance(tick.step, Wait):
                return tick
        self._log.error("step.livelock", step=name_of(tick.step), row=tick.decision.row)
        return tick

    def tick(self) -> Tick:
        """One observation, one decision, at most one step."""
        seen = self._observe()
        self._settle_wishes(seen)
        assessment = assess(seen, self.journal.state, self.policy)
        decision = decide(assessment.situation)
        if self._needs_fresh(decision.step, seen):
            seen = self._observe()
            assessment = assess(seen, self.journal.state, self.policy)
            decision = decide(assessment.situation)
        self._tell(seen, assessment)
        self._carry_out(decision, seen, assessment)
        return Tick(seen=seen, state=self.journal.state, assessment=assessment, decision=decision)

    def wish(self, wish: wishes.Wish, *, by: str) -> None:
        """Journal an operator's wish. Raises Broken: it was not recorded, so it is not granted."""
        self.journal.append(Wished(wish=wish, by=by))
        self._log.info("wish.recorded", wish=type(wish).__name__.lower(), by=by)
        if isinstance(wish, (wishes.Resume, wishes.Restore, wishes.Force)):
            self.memory.backoffs.clear()
        if isinstance(wish, wishes.Adopt):
            self._forget_readings()

    def _observe(self) -> Observation:
        passes = self._passes()
        return look.observe(self.ports, self.journal.state, self.memory, passes=passes)

    def _passes(self) -> int:
        """Deep checks run only while they can matter: an open episode that has gone quiet."""
        episode = self.journal.state.episode
        if episode is None or episode.quiet_since is None or episode.failing:
            self.health.reset()
            return 0
        return self.health.look(self.ports, self.policy.health)

    def _needs_fresh(self, step: Step, seen: Observation) -> bool:
        """ARM and its like are read anew before a write; true if any reading was older than this tick."""
        if not isinstance(step, (Open, Cordon, Isolate, Restore, Acknowledge)):
            return False
        old = {
            backend.name for backend in self.ports.layers if self.memory.sights[backend.name].at != seen.now
        }
        self.memory.stale |= old
        return bool(old)

    def _forget_readings(self) -> None:
        self.memory.stale |= {backend.name for backend in self.ports.layers}

    # --- what the document does to the wishes ---

    def _settle_wishes(self, seen: Observation) -> None:
        """Wishes that have run their course, and notices that have done their harm."""
        for wish in self._due_wishes(seen):
            try:
                self.journal.append(Wished(wish=wish, by="drainer"))
            except Broken as error:
                self._alarm_once("journal.failed", kind=error.kind, reason=error.reason)
                return

    def _due_wishes(self, seen: Observation) -> tuple[wishes.Wish, ...]:
        asked = self.journal.state.wishes
        due: list[wishes.Wish] = []
        if asked.drain is not None and not drain_wished(asked, seen.now):
            due.append(wishes.Ended(wish="drain"))
        if asked.hold_until is not None and asked.hold_until <= seen.now.wall:
            due.append(wishes.Ended(wish="hold"))
        if not isinstance(seen.document, Document):
            return tuple(due)
        listed = {event.id for event in seen.document.events}
        due += [wishes.Ended(wish="skip", event_id=i) for i in sorted(asked.skips - listed)]
        due += [wishes.Skip(event_id=i, why="already-rebooted") for i in self._spent(seen.document)]
        due += [wishes.Skip(event_id=i, why="stuck") for i in self._stuck(seen, seen.document)]
        return tuple(due)

    def _spent(self, document: Document) -> tuple[str, ...]:
        """Reboots that were Started when this life first looked, just after the machine booted."""
        if self.memory.seen_document:
            return ()
        self.memory.seen_document = True
        if self.journal.state.episode is not None or self.ports.clock.uptime() >= YOUNG:
            return ()
        spent = tuple(
            event.id
            for event in document.events
            if event.status is EventStatus.STARTED
            and event.type in ("Reboot", "Redeploy")
            and names_vm(event, document.vm.name)
        )
        for event_id in spent:
            self._log.info("notice.spent", notice=event_id, reason="it had started before this boot")
        return spent

    def _stuck(self, seen: Observation, document: Document) -> tuple[str, ...]:
        limit, episode = self.policy.stuck_after.event, self.journal.state.episode
        if limit is None or episode is None or episode.quiet_since is not None:
            return ()
        if elapsed(episode.opened, seen.now) < limit:
            return ()
        skips = self.journal.state.wishes.skips
        return tuple(e.id for e in document.events if e.id in episode.terms and e.id not in skips)

    # --- carrying a step out ---

    def _carry_out(self, decision: Decision, seen: Observation, assessment: Assessment) -> None:
        match decision.step:
            case Wait():
                self._on_wait(assessment)
            case Open() as step:
                self._record(step, self._opening(step, seen, assessment))
            case Note() as step:
                self._record(step, self._note(step, seen, assessment))
            case Close() as step:
                self._close(step)
            case touching:
                self._touch(touching, decision.row, assessment)

    def _on_wait(self, assessment: Assessment) -> None:
        """The first rest of an episode asks once whether the application had been failing before it."""
        episode = self.journal.state.episode
        if episode is None or self._opening_check != episode.id or not episode.cordoned_at:
            return
        self._opening_check = None
        if assessment.situation.reads is Reads.THREAT and isinstance(self.ports.health.check(), Failing):
            self._record(Note(what=Noting.FAILING), Noted(what=Noting.FAILING))

    def _record(self, step: Step, body: Body) -> bool:
        """Journal a step that is nothing but its record. No record, no step: it rests."""
        try:
            self.journal.append(body)
        except Broken as error:
            self._rest_unrecorded(step, error)
            return False
        self.memory.succeeded(key_of(step))
        self._forget_readings()
        self._log_recorded(step, body)
        return True

    def _rest_unrecorded(self, step: Step, error: Broken) -> None:
        self.memory.failed(key_of(step), self.ports.clock.now(), reason=error.reason)
        self._alarm_once("journal.failed", kind=error.kind, reason=error.reason, step=name_of(step))

    def _opening(self, step: Open, seen: Observation, assessment: Assessment) -> Opened | Joined:
        readings = {sight.name: sight for sight in seen.layers}
        episode = self.journal.state.episode
        if episode is not None:
            return Joined(layers={name: _joined(episode, name, readings[name]) for name in step.layers})
        vm = _vm_of(seen)
        threat = assessment.threat
        opened = Opened(
            episode=_episode_id(seen, threat),
            vm=vm.name,
            vm_id=vm.id,
            policy=self.policy.digest,
            terms=threat.terms if threat else (),
            layers={
                name: sight.reading if isinstance(sight.reading, Membership) else sight.last
                for name, sight in readings.items()
            },
        )
        self._opening_check = opened.episode
        return opened

    def _note(self, step: Note, seen: Observation, assessment: Assessment) -> Noted:
        threat = assessment.threat
        terms = threat.terms if threat else ()
        match step.what:
            case Noting.TERMS | Noting.THREAT_RETURNED:
                return Noted(what=step.what, terms=terms)
            case Noting.RETURNED:
                view = next(layer for layer in assessment.situation.layers if layer.name == step.layer)
                reading = next(s.reading for s in seen.layers if s.name == step.layer)
                generation = reading.generation if isinstance(reading, Membership) else ""
                return Noted(what=step.what, layer=step.layer, partly=view.missing, generation=generation)
            case _:
                return Noted(what=step.what)

    def _close(self, step: Close) -> None:
        episode = self.journal.state.episode
        if self._record(step, Closed()) and episode is not None:
            self._log.info("episode.closed", episode=episode.id)
            self.memory.backoffs.clear()
            self.memory.said = {said for said in self.memory.said if said.startswith("notice")}

    def _touch(self, step: Touching, row: str, assessment: Assessment) -> None:
        """Journal the intent, act, journal the outcome. No record, no act, but giving back what we took."""
        intent = intent_of(step, self.ports)
        try:
            self.journal.append(intent)
        except Broken as error:
            if not isinstance(step, (Restore, Release)):
                self._rest_unrecorded(step, error)
                return
            self._alarm_once("journal.failed", kind=error.kind, reason=error.reason, step=name_of(step))
            self.journal.append_or_remember(intent)
        episode = self.journal.state.episode
        if episode is None:
            return
        self._log_intended(step, row, intent.undo)
        acted = act(step, self.ports, episode, assessment)
        for outcome in acted.outcomes:
            if not self.journal.append_or_remember(outcome):
                self._alarm_once("journal.failed", kind="journal-unwritable", reason="outcome not recorded")
        self._forget_readings()
        self._after(step, acted)
        self.acted(step, acted.outcomes)

    def _after(self, step: Touching, acted: Acted) -> None:
        now, key = self.ports.clock.now(), key_of(step)
        for outcome in acted.outcomes:
            self._log_outcome(outcome)
        if acted.failure is not None:
            at_least = rests_at_least(acted.failure)
            self.memory.failed(key, now, reason=acted.failure.reason, at_least=at_least)
        elif acted.denied is not None:
            self.memory.denied = (acted.denied.retry_at, acted.denied.reason)
            rests_for = max(timedelta(seconds=0.5), acted.denied.retry_at.wall - now.wall)
            self.memory.rest(key, now, rests_for=rests_for, reason=acted.denied.reason)
        elif acted.rests_for is not None:
            self.memory.rest(key, now, rests_for=acted.rests_for, reason="under way")
        else:
            self.memory.succeeded(key)
        if acted.granted is not None:
            self.memory.denied = None
        if acted.aborted is not None and isinstance(step, Hook) and step.stage is Stage.BEFORE_CORDON:
            self._skip_all()

    def _skip_all(self) -> None:
        """A before-cordon hook said abort: as if the operator had skipped these notices."""
        episode = self.journal.state.episode
        for event_id in tuple(episode.terms) if episode else ():
            ended = wishes.Ended(wish="drain")
            wish = ended if event_id == OPERATOR_ID else wishes.Skip(event_id=event_id, why="hook")
            self._record(Note(what=Noting.TERMS), Wished(wish=wish, by="hook"))

    # --- telling ---

    def _tell(self, seen: Observation, assessment: Assessment) -> None:
        """Say what is new in the document, once."""
        for sighting in assessment.outlook.sightings:
            event, state = sighting.event, "due" if sighting.threat else sighting.rule.do.value
            said = f"notice {event.id} {event.status.value} {state}"
            if said in self.memory.said or (sighting.rule.do is Do.IGNORE and not sighting.threat):
                continue
            self.memory.said.add(said)
            self._log.info(
                "notice.seen",
                notice=event.id,
                type=event.type,
                status=event.status.value,
                does=state,
                due_at=sighting.due_at,
            )
            if sighting.rule.do is Do.LOG and self.policy.system_log:
                self.ports.system_log.write("warning", _sentence(sighting.event.type, _vm_of(seen).name))
        if isinstance(seen.document, Document) and abs(seen.skew) > SKEW_ALARM:
            self._alarm_once("clock.skewed", seconds=round(seen.skew.total_seconds(), 1))

    def _alarm_once(self, event: str, **values: object) -> None:
        said = f"{event} {sorted(values.items())}"
        if said not in self.memory.said:
            self.memory.said.add(said)
            self._log.error(event, **values)

    def _log_recorded(self, step: Step, body: Body) -> None:
        match body:
            case Opened():
                types = [terms.type for terms in body.terms]
                self._log.info("episode.opened", episode=body.episode, notices=types, vm=body.vm)
            case Noted():
                self._log.info(f"{body.what.value}.noted", layer=body.layer)
            case Joined():
                self._log.info("layers.joined", layers=list(body.layers))
            case _:
                return

    def _log_intended(self, step: Touching, row: str, undo: tuple[str, ...]) -> None:
        values: dict[str, object] = {"row": row, **_subject(step)}
        if undo:
            values["undo"] = list(undo)
        self._log.info(f"{name_of(step)}.intended", **values)

    def _log_outcome(self, outcome: Finished) -> None:
        said = {k: v for k, v in _said(outcome).items() if v}
        event = f"{outcome.step}.{outcome.outcome.value}"
        if outcome.outcome is Outcome.FAILED:
            self._log.warning(event, **said)
        else:
            self._log.info(event, **said)


def _said(outcome: Finished) -> dict[str, object]:
    return {
        "layers": list(outcome.layers),
        "phase": outcome.phase,
        "stage": outcome.stage,
        "notice": outcome.event_id,
        "kind": outcome.kind,
        "reason": outcome.reason,
    }


def _subject(step: Touching) -> dict[str, object]:
    match step:
        case Cordon(layers=layers, forced=forced):
            return {"layers": list(layers), "forced": forced}
        case Isolate(layer=layer) | Restore(layer=layer):
            return {"layer": layer}
        case Hook(stage=stage):
            return {"stage": stage}
        case _:
            event_id = getattr(step, "event_id", "")
            return {"notice": event_id} if event_id else {}


def _joined(episode: Episode, name: str, sight: LayerSight) -> Membership:
    """What the layer counts as now: as it reads, and what was in at Open stays ours to give back."""
    reading = sight.reading
    if isinstance(reading, Unreadable):
        raise LookupError(f"layer {name!r} joined unread")
    facts = episode.layers.get(name)
    if facts is None or facts.was is None:
        return reading
    was = {entry.name: entry for entry in facts.was.entries if entry.name in facts.was.taking_work}
    now = {entry.name: entry for entry in reading.entries}
    merged = {**was, **{n: e for n, e in now.items() if n not in was}}
    return replace(reading, entries=tuple(merged.values()))


def _vm_of(seen: Observation) -> Vm:
    return seen.document.vm if isinstance(seen.document, Document) else Vm(name="")


def _episode_id(seen: Observation, threat: Threat | None) -> str:
    """Sortable by time, and unlike any other."""
    first: tuple[Terms, ...] = threat.terms[:1] if threat else ()
    kind = first[0].type.lower() if first else "none"
    return f"{seen.now.wall:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(3)}"


def _sentence(event_type: str, vm: str) -> str:
    return f"drainer: {event_type} of {vm} is announced by the platform; the policy says to log it only"
