"""The reconciler: observe, assess, decide, journal the intent, act, journal the outcome.

One tick, one step. This is the only place that calls both `assess` and `decide`. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from drainer import look, recording
from drainer.act import Touching, act, intent_of
from drainer.acted import PENDING_REST, Acted, rests_at_least
from drainer.around import Ports
from drainer.core import wish as wishes
from drainer.core.assess import Assessment, Observation, assess
from drainer.core.decide import Decision, decide
from drainer.core.episode import State
from drainer.core.model import Document, Failing, Stage
from drainer.core.policy import Policy
from drainer.core.record import Body, Closed, Finished, Noted, Wished
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
    Restore,
    Step,
    Wait,
    key_of,
    name_of,
)
from drainer.errors import Broken
from drainer.journal import Journal
from drainer.log import Log
from drainer.memory import Memory
from drainer.telling import Teller
from drainer.wishing import due_wishes

MOST_STEPS = 16
"""Steps between two waits; more is a livelock."""

SHORTEST_DENIAL = timedelta(milliseconds=500)
SKEW_ALARM = timedelta(seconds=2)
"""A clock that is further off than this is worth an alarm."""

AFRESH = (Open, Cordon, Isolate, Acknowledge, Restore)
"""Steps before which every layer is read anew, however long a reading stays good."""

GIVING_BACK = (Stage.BEFORE_RESTORE, Stage.RESTORED)


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
        self._tell = Teller(log)
        self._opened_here = ""

    def run_to_wait(self) -> Tick:
        """Tick until there is nothing to do now; at most `MOST_STEPS` steps."""
        for _ in range(MOST_STEPS):
            tick = self.tick()
            if isinstance(tick.step, Wait):
                return tick
        self._tell.livelock(tick.step, tick.decision.row)
        return tick

    def tick(self) -> Tick:
        """One observation, one decision, at most one step."""
        seen = self._observe()
        self._settle_wishes(seen)
        seen, assessment, decision = self._decided(seen)
        if isinstance(decision.step, AFRESH) and self._any_reading_older_than(seen):
            self.memory.forget_readings()
            seen, assessment, decision = self._decided(self._observe())
        system_log = self.ports.system_log if self.policy.system_log else None
        self._tell.notices(seen, assessment, self.memory, system_log)
        self._carry_out(decision, seen, assessment)
        return Tick(seen=seen, state=self.journal.state, assessment=assessment, decision=decision)

    def wish(self, wish: wishes.Wish, *, by: str) -> None:
        """Journal an operator's wish. Raises Broken: it was not recorded, so it is not granted."""
        self.journal.append(Wished(wish=wish, by=by))
        self._tell.wished(wish, by=by)
        self.memory.forget_readings()
        if isinstance(wish, (wishes.Resume, wishes.Restore, wishes.Force)):
            self.memory.backoffs.clear()

    # --- observing ---

    def _observe(self) -> Observation:
        return look.observe(self.ports, self.journal.state, self.memory, passes=self._passes())

    def _passes(self) -> int:
        """Deep checks run only while they can matter: an open episode that has gone quiet."""
        episode = self.journal.state.episode
        if episode is None or episode.quiet_since is None or episode.failing:
            self.health.reset()
            return 0
        return self.health.look(self.ports, self.policy.health)

    def _decided(self, seen: Observation) -> tuple[Observation, Assessment, Decision]:
        assessment = assess(seen, self.journal.state, self.policy)
        return seen, assessment, decide(assessment.situation)

    def _any_reading_older_than(self, seen: Observation) -> bool:
        return any(sight.at != seen.now for sight in self.memory.sights.values())

    def _settle_wishes(self, seen: Observation) -> None:
        """Wishes that have run their course, and notices that nothing is to be done about."""
        first = isinstance(seen.document, Document) and not self.memory.seen_document
        self.memory.seen_document |= first
        due = due_wishes(
            seen,
            self.journal.state,
            stuck_after=self.policy.stuck_after.event,
            uptime=self.ports.clock.uptime() if first else None,
        )
        for wish in due:
            try:
                self.journal.append(Wished(wish=wish, by="drainer"))
            except Broken as error:
                self._tell.unrecorded(self.memory, error, "wish")
                return
            self._tell.wished(wish, by="drainer")

    # --- carrying a step out ---

    def _carry_out(self, decision: Decision, seen: Observation, assessment: Assessment) -> None:
        match decision.step:
            case Wait():
                return
            case Open() as step:
                self._record(step, self._opening(step, seen, assessment))
            case Note() as step:
                self._note(step, seen, assessment)
            case Close() as step:
                self._close(step)
            case touching:
                self._touch(touching, decision.row, seen, assessment)

    def _opening(self, step: Open, seen: Observation, assessment: Assessment) -> Body:
        episode = self.journal.state.episode
        if episode is None:
            opened = recording.opened(seen, assessment, policy=self.policy.digest)
            self._opened_here = opened.episode
            return opened
        return recording.joined(step, seen, episode)

    def _note(self, step: Note, seen: Observation, assessment: Assessment) -> None:
        quiet = assessment.situation.reads is Reads.QUIET
        self._record(step, recording.noted(step, seen, assessment), giving_back=quiet)
        if step.what is Noting.CORDONED_AT:
            self._check_once()

    def _check_once(self) -> None:
        """Whether the application was failing all along: asked once this VM is out, so that nothing waits for
        the answer, and before any hook can have stopped it. A later life knows nothing of "all along"."""
        episode, opened_here = self.journal.state.episode, self._opened_here
        self._opened_here = ""
        if episode is None or episode.id != opened_here:
            return
        if isinstance(self.ports.health.check(), Failing):
            self._record(Note(what=Noting.FAILING), Noted(what=Noting.FAILING))

    def _close(self, step: Close) -> None:
        if self._record(step, Closed()):
            self.memory.backoffs.clear()
            self.memory.said.clear()
            self.memory.last.clear()

    def _record(self, step: Step, body: Body, *, giving_back: bool = False) -> bool:
        """Journal a step that is nothing but its record. No record, no step: it rests."""
        episode = self.journal.state.episode
        if not self._append(step, body, giving_back=giving_back):
            return False
        self.memory.succeeded(key_of(step))
        self.memory.forget_readings()
        self._tell.recorded(body, episode=episode.id if episode else "")
        return True

    def _append(self, step: Step, body: Body, *, giving_back: bool) -> bool:
        """Whether the step may go on: no record, no act, but giving back what we took."""
        try:
            self.journal.append(body)
        except Broken as error:
            self._tell.unrecorded(self.memory, error, name_of(step))
            if not giving_back:
                self.memory.failed(key_of(step), self.ports.clock.now(), reason=error.reason)
                return False
            self.journal.remember(body)
        return True

    def _touch(self, step: Touching, row: str, seen: Observation, assessment: Assessment) -> None:
        """Journal the intent, act, journal the outcome."""
        intent = intent_of(step, self.ports)
        episode = self.journal.state.episode
        if episode is None or not self._append(step, intent, giving_back=_gives_back(step)):
            return
        self._tell.intended(step, row, intent.undo)
        acted = act(step, self.ports, episode, assessment.threat, platform_now=seen.platform_now)
        for outcome in acted.outcomes:
            self._append(step, outcome, giving_back=True)
            self._tell.outcome(outcome)
        self.memory.forget_readings()
        self._rest(step, acted)
        self.acted(step, acted.outcomes)

    def _rest(self, step: Touching, acted: Acted) -> None:
        """How long this step rests before it is tried again."""
        now, key, memory = self.ports.clock.now(), key_of(step), self.memory
        if acted.failure is not None:
            memory.failed(key, now, reason=acted.failure.reason, at_least=rests_at_least(acted.failure))
        elif acted.denied is not None:
            memory.denied = (acted.denied.retry_at, acted.denied.reason)
            rests_for = max(SHORTEST_DENIAL, acted.denied.retry_at.wall - now.wall)
            memory.rest(key, now, rests_for=rests_for, reason=acted.denied.reason)
        elif acted.rests_for is not None:
            memory.rest(key, now, rests_for=acted.rests_for, reason="under way")
        elif isinstance(step, Restore) and self._still_ours(step.layer):
            memory.rest(key, now, rests_for=PENDING_REST, reason="an earlier write may still land")
        else:
            memory.succeeded(key)
        if acted.granted is not None:
            memory.denied = None

    def _still_ours(self, layer: str) -> bool:
        episode = self.journal.state.episode
        return episode is not None and episode.layer(layer).intended


def _gives_back(step: Touching) -> bool:
    """Steps that must not wait for a disk. Release does: a later life would stand on a lease that another VM
    may have by then. Unreleased it lapses.
    """
    match step:
        case Restore():
            return True
        case Hook(stage=stage):
            return stage in GIVING_BACK
        case _:
            return False


__all__ = ["MOST_STEPS", "SKEW_ALARM", "Reconciler", "Tick"]
