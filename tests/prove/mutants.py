"""Cores that believe something wrong on purpose. A search that lets one of them pass has no teeth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from drainer.core.assess import Assessment, Observation, assess
from drainer.core.episode import State
from drainer.core.fold import after
from drainer.core.model import Document, Phase, Stage, Unreadable
from drainer.core.policy import Acknowledge, Policy
from drainer.core.record import Finished, Intended, Record
from drainer.core.situation import Lease, Reads, Situation
from tests.prove.model import Core
from tests.prove.world import BOTH, Setup, document_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A wrong core, where it shows, and the property that catches it."""

    name: str
    core: Core
    setup: Setup
    caught_by: str


def _blind_as_empty(seen: Observation, state: State, policy: Policy) -> Assessment:
    blind = isinstance(seen.document, Unreadable)
    document: Document | Unreadable = document_of((), siblings=False) if blind else seen.document
    return assess(replace(seen, document=document), state, policy)


def _forgets_answers(state: State, record: Record) -> State:
    deaf = isinstance(record.body, Finished) and record.body.step == "acknowledge"
    return state if deaf else after(state, record)


def _owns_nothing(s: Situation) -> Situation:
    return replace(s, layers=tuple(replace(layer, intended=False) for layer in s.layers))


def _owns_everything(s: Situation) -> Situation:
    return replace(
        s, layers=tuple(replace(layer, intended=layer.intended or layer.missing) for layer in s.layers)
    )


def _forgets_intents(state: State, record: Record) -> State:
    return state if isinstance(record.body, Intended) else after(state, record)


def _never_reloads(seen: Observation, state: State, policy: Policy) -> Assessment:
    return assess(seen, state, LOOSE.policy(tight=False))


def _each_layer(**changes: Any) -> Core:
    """A core that sees every layer so."""
    return Core(weigh=lambda s: replace(s, layers=tuple(replace(layer, **changes) for layer in s.layers)))


def _believes(**changes: Any) -> Core:
    """A core for which this is always so."""
    return Core(weigh=lambda s: replace(s, **changes))


def _agreed(s: Situation) -> Situation:
    return replace(s, acks=tuple(replace(ack, published_by_all=True) for ack in s.acks))


def _never_due(s: Situation) -> Situation:
    return replace(s, lease=Lease.HELD) if s.renewal_due else s


def _once_quiet(s: Situation) -> Situation:
    return replace(s, reads=Reads.QUIET) if s.quiet_noted else s


def _never_quiet(s: Situation) -> Situation:
    return replace(s, reads=Reads.THREAT) if s.open else s


def _ends_by_the_clock(seen: Observation, state: State, policy: Policy) -> Assessment:
    found = assess(seen, state, policy)
    term = state.episode.lease.term if state.episode else None
    over = term is not None and term.remaining(seen.now) <= timedelta(0)
    return replace(found, situation=replace(found.situation, release_owed=False)) if over else found


def _one_boot(seen: Observation, state: State, policy: Policy) -> Assessment:
    episode = state.episode
    if episode is None or episode.lease.given_up is None:
        return assess(seen, state, policy)
    lease = replace(episode.lease, given_up=replace(episode.lease.given_up, boot=seen.now.boot))
    return assess(seen, replace(state, episode=replace(episode, lease=lease)), policy)


def _settled_writes(s: Situation) -> Situation:
    settled = tuple(replace(layer, unsettled=False) for layer in s.layers)
    return replace(s, layers=settled, lease_unsettled=False)


def _restored_hook_due(s: Situation) -> Situation:
    return replace(s, hooks_due=s.hooks_due | {Stage.RESTORED}) if s.open else s


PLAIN = Setup(name="plain", layers=(BOTH,), faults=0)
HELD = Setup(name="held", faults=0, acts=1, hands=(), wishes=("hold",))
BY_HAND = Setup(name="by hand", faults=0, acts=1)
BUDGET = Setup(name="budget", faults=0, budget=True, appears=("due",))
CLOCK = replace(BUDGET, name="clock set forward", faults=1, blind=False, late=False, clocks=True)
DEAF = replace(
    CLOCK, name="release fails", acknowledge=Acknowledge.NEVER, comes=(), fails=frozenset({"release"})
)
FAULT = Setup(name="a fault", blind=False, appears=("due",))
SIBLINGS = Setup(name="siblings", faults=0, siblings=True)
LOOSE = Setup(name="reloads", faults=0, reloads=True)


def _mutant(name: str, core: Core, setup: Setup, caught_by: str) -> Mutant:
    return Mutant(name=name, core=core, setup=setup, caught_by=caught_by)


DRAINS_EARLY = "isolated before drained or deadline"
MUTANTS: tuple[Mutant, ...] = (
    _mutant("a blind read is empty", Core(assess=_blind_as_empty), PLAIN, "acted blind"),
    _mutant("no work is in flight", _believes(busy=False), PLAIN, DRAINS_EARLY),
    _mutant("the deadline is always past", _believes(before_deadline=False), PLAIN, DRAINS_EARLY),
    _mutant("an answer is not remembered", Core(after=_forgets_answers), PLAIN, "acknowledged twice"),
    _mutant("an intent is not remembered", Core(after=_forgets_intents), PLAIN, "stays out"),
    _mutant("nothing is ours", Core(weigh=_owns_nothing), PLAIN, "stays out"),
    _mutant(
        "everything is ours",
        Core(weigh=_owns_everything),
        BY_HAND,
        "gave back what an operator took out",
    ),
    _mutant("nothing is to be removed", _each_layer(to_isolate=False), PLAIN, "acknowledge without proof"),
    _mutant(
        "a threat that returns is not seen", Core(weigh=_once_quiet), PLAIN, "restored under threat or blind"
    ),
    _mutant("a threat never ends", Core(weigh=_never_quiet), PLAIN, "stays out"),
    _mutant("hold closes no gate", _believes(gates=(), hold=False), HELD, "cordon under hold"),
    _mutant("hold does not keep out", _believes(hold=False), HELD, "restore under hold"),
    _mutant(
        "every lease is held",
        _believes(lease=Lease.HELD, phase=Phase.REBOOTING),
        BUDGET,
        "cordoned without a lease before force",
    ),
    _mutant("no lease is due", Core(weigh=_never_due), BUDGET, "lease left to lapse while out"),
    _mutant("no lease is owed", _believes(release_owed=False), BUDGET, "close while a lease stands"),
    _mutant(
        "a lease ends by the clock", Core(assess=_ends_by_the_clock), CLOCK, "close while a lease stands"
    ),
    _mutant("every boot is this one", Core(assess=_one_boot), DEAF, "close while a lease stands"),
    _mutant(
        "no reboot is near",
        _believes(takes_rebooting=False),
        BUDGET,
        "acknowledged without a rebooting lease",
    ),
    _mutant("a lease has no phase", _believes(phase=None), BUDGET, "no row"),
    _mutant(
        "every write has settled", Core(weigh=_settled_writes), FAULT, "close while a write may still land"
    ),
    _mutant("siblings always agree", Core(weigh=_agreed), SIBLINGS, "acknowledged before every sibling"),
    _mutant(
        "the policy never changes",
        Core(assess=_never_reloads),
        LOOSE,
        "acknowledged although the policy now says never",
    ),
    _mutant("a last hook is always due", Core(weigh=_restored_hook_due), PLAIN, "stays open for ever"),
)
