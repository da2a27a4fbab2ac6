"""Acceptance cases of event handling: what a document's notices lead to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.budgets.memory import Ledger, MemoryBudget
from drainer.core.model import (
    AckAnswer,
    At,
    Blank,
    EventStatus,
    Face,
    Garbled,
    InFlight,
    NotBefore,
    Standing,
    Unreadable,
)
from drainer.core.policy import Acknowledge, Any, BackendChoice, Do, Match, Policy, Rule, StuckAfter
from drainer.core.step import Wait
from drainer.core.wish import Skip
from drainer.dryrun import dry
from drainer.errors import Refused, Transient
from drainer.journal import MemoryStore
from tests.world import START, World, reboot, seconds

BLIND = Unreadable(kind="no-answer", reason="the service gives no answer")
DRAINED = ["cordon", "isolate", "acknowledge"]


def standing(world: World) -> Standing:
    return world.balancer.entries["fake"].standing


def test_maintenance_drains() -> None:
    """A due Reboot of this VM: Out before NotBefore, one drain, one acknowledgement."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(10))
    assert world.steps == DRAINED
    assert standing(world) is Standing.OUT
    assert world.events.count("episode.opened") == 1
    assert world.now.wall < START + timedelta(minutes=4)


def test_maintenance_dry_run() -> None:
    """Dry-run takes the steps of a real run and touches neither balancer, platform nor disk."""
    real, pretended = World(), World(store=MemoryStore())
    pretended.with_ports(
        **{name: getattr(dry(pretended.ports), name) for name in ("feed", "layers", "hooks")}
    )
    for world in (real, pretended):
        world.feed.events = (reboot(),)
        world.pass_time(seconds(10))
        world.feed.events = ()
        world.pass_time(seconds(40))
    assert pretended.steps == real.steps == [*DRAINED, "restore"]
    assert pretended.feed.acknowledged == []
    assert standing(pretended) is Standing.IN


def test_drain_only_mode() -> None:
    """A layer that only stops new work leaves established work alone until it ends by itself."""
    world = World(two=True)
    world.with_ports(layers=(world.probe,))
    world.application.work = InFlight(count=3)
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(60))) == "draining"
    assert world.steps == ["cordon"]
    world.application.work = InFlight(count=0)
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "acknowledge"]


def test_cancel_restores() -> None:
    """A notice that vanishes while Scheduled: given back once, and the episode closed."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.steps == [*DRAINED, "restore"]
    assert not world.open
    assert standing(world) is Standing.IN


def test_restart_without_reboot() -> None:
    """Killed while drained and started again on the same boot: it keeps draining, and cancel restores."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.restart()
    assert world.waits_for(world.pass_time(seconds(5))) == "notice pending"
    assert world.steps == DRAINED
    world.feed.events = ()
    world.pass_time(seconds(40))
    assert world.steps == [*DRAINED, "restore"]


def test_duplicate_event_ignored() -> None:
    """The same id again with another NotBefore: one drain, and force follows the document both ways."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    for minutes in (10, 2):
        moved = At(at=START + timedelta(minutes=minutes))
        world.feed.events = (reboot(not_before=moved),)
        world.pass_time(seconds(1))
        assert world.episode.force_at == moved.at - timedelta(seconds=60)
    assert world.steps == DRAINED


def test_one_id_twice_in_a_document() -> None:
    """An id listed twice is one notice, and the journal does not grow."""
    world = World()
    world.feed.events = (reboot(), reboot(not_before=At(at=START + timedelta(minutes=9))))
    world.pass_time(seconds(5))
    assert world.steps == DRAINED
    assert "step.livelock" not in world.events


def test_mark_all_done_on_shutdown() -> None:
    """Two notices at once: one drain, and both belong to that episode."""
    world = World()
    world.feed.events = (reboot(), reboot("E2", type="Redeploy"))
    world.pass_time(seconds(5))
    assert world.steps == ["cordon", "isolate", "acknowledge", "acknowledge"]
    assert set(world.episode.terms) == {"E1", "E2"}


def test_ignored_id_stays_ignored() -> None:
    """A skipped id leads to nothing until it vanishes; other ids still act."""
    world = World()
    world.wish(Skip(event_id="E1"))
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(30))) == "steady"
    world.feed.events = (reboot(), reboot("E2"))
    world.pass_time(seconds(5))
    assert world.feed.acknowledged == ["E2"]


@pytest.mark.parametrize(
    ("not_before", "status", "forced_after"),
    [
        (Blank(), EventStatus.STARTED, seconds(0)),
        (Blank(), EventStatus.SCHEDULED, timedelta(minutes=15)),
        (Garbled(text="soon"), EventStatus.SCHEDULED, timedelta(minutes=15)),
    ],
)
def test_missing_or_bad_times(not_before: NotBefore, status: EventStatus, forced_after: timedelta) -> None:
    """Blank and Started acts now; blank or garbled is due at once and forced after the type's notice."""
    world = World()
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(not_before=not_before, status=status),)
    world.tick()
    assert world.steps[0] == "cordon"
    assert world.episode.force_at == START + forced_after
    world.pass_time(seconds(20))
    assert world.episode.force_at == START + forced_after
    seen = next(line for line in world.lines if line["event"] == "notice.seen")
    assert ("not_before_reads" in seen) is isinstance(not_before, Garbled)


@pytest.mark.parametrize("resources", [("vm2",), ("vm10",), ("xvm1",), ("",), ()])
def test_remote_only_event(resources: tuple[str, ...]) -> None:
    """A notice that names others, a longer name, blanks or nobody is not ours: nothing happens."""
    world = World()
    world.feed.events = (reboot(resources=resources),)
    assert world.waits_for(world.pass_time(seconds(30))) == "steady"
    assert world.steps == []


@pytest.mark.parametrize("resources", [("_vm1",), ("VM1",), (" vm1 ", "vm2")])
def test_our_name_as_documents_spell_it(resources: tuple[str, ...]) -> None:
    """Underscore form, other case and stray blanks name us all the same."""
    world = World()
    world.feed.events = (reboot(resources=resources),)
    world.tick()
    assert world.steps[0] == "cordon"


def test_resource_absent_list() -> None:
    """Resources empty or with blanks: no crash, and not ours."""
    world = World()
    world.feed.events = (reboot(resources=()), reboot("E2", resources=("", "  ")))
    assert world.waits_for(world.pass_time(seconds(5))) == "steady"


def test_irrelevant_type() -> None:
    """A type that the policy ignores is neither drained for nor said."""
    world = World(Rule(match=Match(type="Freeze"), do=Do.IGNORE), Rule())
    world.feed.events = (reboot(type="Freeze"),)
    assert world.waits_for(world.pass_time(seconds(30))) == "steady"
    assert world.events == []


def test_a_logged_type_is_said_once() -> None:
    """A type that the policy logs is said once, also in the machine's own log, and not drained for."""
    world = World(Rule(match=Match(type="Freeze"), do=Do.LOG), Rule())
    world.feed.events = (reboot(type="Freeze"),)
    world.pass_time(seconds(30))
    assert world.events == ["notice.seen"]
    assert len(world.said.lines) == 1
    assert world.steps == []


def test_wrong_event_acked() -> None:
    """Reboot drained for, Freeze only logged: the Reboot alone is acknowledged."""
    world = World(Rule(match=Match(type="Freeze"), do=Do.LOG), Rule())
    world.feed.events = (reboot("F", type="Freeze"), reboot("R"))
    world.pass_time(seconds(10))
    assert world.feed.acknowledged == ["R"]


def test_pre_drained_by_human() -> None:
    """A VM that an operator had out is drained of work and acknowledged, and stays out."""
    world = World()
    world.balancer.take_out("fake")
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(5))) == "draining"
    world.application.work = InFlight(count=0)
    world.pass_time(seconds(5))
    assert world.steps == ["acknowledge"]
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.steps == ["acknowledge"]
    assert not world.open
    assert standing(world) is Standing.OUT


def test_condition_clears_after_own_drain() -> None:
    """What we drained is given back, exactly as it was."""
    world = World()
    before = world.fake.membership()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.fake.membership() == before


def test_started_first() -> None:
    """First seen as Started: out at once, no acknowledgement, nothing given back until it is gone."""
    world = World()
    world.application.work = InFlight(count=5)
    world.feed.events = (reboot(status=EventStatus.STARTED, not_before=Blank()),)
    assert world.waits_for(world.pass_time(timedelta(minutes=10))) == "notice pending"
    assert world.steps == ["cordon", "isolate"]
    assert world.feed.acknowledged == []
    world.feed.events = ()
    world.pass_time(seconds(60))
    assert world.steps == ["cordon", "isolate", "restore"]


def test_a_started_freeze_still_drains() -> None:
    """Flows outlive a Freeze, so that one that has Started keeps its drain timeout."""
    world = World()
    world.application.work = InFlight(count=5)
    world.feed.events = (reboot(type="Freeze", status=EventStatus.STARTED, not_before=Blank()),)
    assert world.waits_for(world.pass_time(seconds(60))) == "draining"
    world.pass_time(seconds(70))
    assert world.steps == ["cordon", "isolate"]


def test_reboot_becomes_freeze() -> None:
    """The Reboot passes without a boot: gone is gone, and restoring asks for no new boot id."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.events = (reboot(type="Freeze", status=EventStatus.STARTED, not_before=Blank()),)
    world.pass_time(seconds(20))
    world.feed.events = ()
    world.pass_time(seconds(40))
    assert world.steps == [*DRAINED, "restore"]


@pytest.mark.parametrize(
    ("duration", "does"), [(0, "log"), (5, "log"), (10, "log"), (11, "drain"), (None, "drain")]
)
def test_duration_rules(duration: int | None, does: str) -> None:
    """First match wins, and an unknown duration is below nothing."""
    brief = Match(type="Freeze", duration_below=seconds(11))
    world = World(Rule(match=brief, do=Do.LOG), Rule())
    impact = None if duration is None else seconds(duration)
    world.feed.events = (reboot(type="Freeze", duration=impact),)
    world.pass_time(seconds(5))
    assert world.steps == ([] if does == "log" else DRAINED)


def test_a_longer_duration_tightens_and_a_shorter_one_never_ends() -> None:
    """Once a notice opened an episode, a rule that no longer matches does not end it."""
    brief = Match(type="Freeze", duration_below=seconds(11))
    world = World(Rule(match=brief, do=Do.LOG), Rule())
    world.feed.events = (reboot(type="Freeze"),)
    world.pass_time(seconds(5))
    world.feed.events = (reboot(type="Freeze", duration=seconds(5)),)
    assert world.waits_for(world.pass_time(seconds(60))) == "notice pending"
    assert standing(world) is Standing.OUT


@pytest.mark.parametrize("type", ["Terminate", "Preempt"])
def test_exits_normally_on_terminal_event(type: str) -> None:
    """Drained for the last time; a life that ends there has everything of it in the journal."""
    never = Rule(match=Match(type=type), lead=Any.ANY, acknowledge=Acknowledge.NEVER)
    world = World(never, Rule())
    world.feed.events = (reboot(type=type),)
    world.pass_time(seconds(5))
    world.restart()
    assert world.waits_for(world.pass_time(seconds(5))) == "notice pending"
    assert world.steps == ["cordon", "isolate"]


def test_a_preempt_tightens_a_running_drain() -> None:
    """A tighter notice shortens the drain: force and deadline are the earliest of all."""
    preempt = Rule(match=Match(type="Preempt"), lead=Any.ANY, drain_timeout=seconds(20), use_budget=False)
    world = World(preempt, Rule())
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(30))) == "draining"
    soon = At(at=world.now.wall + seconds(30))
    world.feed.events = (reboot(), reboot("P", type="Preempt", not_before=soon))
    assert world.waits_for(world.pass_time(seconds(1))) == "notice pending"
    assert world.steps == ["cordon", "isolate"]
    assert world.episode.force_at == soon.at - seconds(60)


def test_the_force_of_a_notice_that_left_forces_nothing() -> None:
    """One of two notices is cancelled and the document goes blind: nothing is forced by what is gone."""
    ledger = Ledger(max_unavailable=0)
    world = World()
    world.with_ports(budget=MemoryBudget(ledger, holder="vm1", clock=world.clock))
    late = At(at=START + timedelta(hours=1))
    world.feed.events = (reboot("E1"), reboot("E2", not_before=late, source=reboot().source))
    world.policy = Policy(rules=(Rule(lead=Any.ANY),), backend=(BackendChoice(name="fake", options=None),))
    world.restart()
    assert world.waits_for(world.tick()) == "gate budget"
    world.feed.events = (reboot("E2", not_before=late),)
    world.pass_time(seconds(5))
    world.feed.blind = BLIND
    assert world.waits_for(world.pass_time(timedelta(minutes=5))) == "blind"
    assert "cordon" not in world.steps


def test_blind_past_force_cordons() -> None:
    """The journal knows the force: when it passes while the document cannot be read, the VM is cordoned."""
    world = World()
    world.with_ports(
        budget=MemoryBudget(Ledger(max_unavailable=0), holder="vm1", clock=world.clock),
    )
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(seconds(5))) == "gate budget"
    world.feed.blind = BLIND
    assert world.waits_for(world.pass_time(seconds(60))) == "blind"
    assert "cordon" not in world.steps
    world.pass_time(timedelta(minutes=3))
    assert world.steps[-1] == "cordon"
    assert "isolate" not in world.steps


def test_blind_document_is_no_document() -> None:
    """A read that fails is never "no notices": what is out stays out, however long."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(5))
    world.feed.blind = BLIND
    assert world.waits_for(world.pass_time(timedelta(hours=2), step=seconds(30))) == "blind"
    assert world.steps == DRAINED


def test_pending_at_start() -> None:
    """A notice that was listed before the daemon started is dealt with in its first cycle."""
    world = World()
    world.feed.events = (reboot(),)
    world.tick()
    assert world.steps[0] == "cordon"


def test_a_reboot_that_has_happened_is_not_drained_for() -> None:
    """Started in the first document after a boot: it has done its harm, and is only logged."""
    world = World()
    world.feed.events = (reboot(status=EventStatus.STARTED, not_before=Blank()),)
    world.restart(boot="boot-2")
    assert world.waits_for(world.pass_time(seconds(30))) == "steady"
    assert world.steps == []
    assert "notice.skipped" in world.events
    world.feed.events = (reboot("E2"),)
    world.pass_time(seconds(2))
    assert world.steps[0] == "cordon"


def test_stuck_event_is_skipped_after_the_policys_patience() -> None:
    """Each notice has its own patience; one that never ends is skipped, and the VM comes back."""
    policy = World().policy
    world = World(
        policy=Policy(
            rules=policy.rules, backend=policy.backend, stuck_after=StuckAfter(event=timedelta(minutes=30))
        )
    )
    world.feed.events = (reboot(),)
    assert world.waits_for(world.pass_time(timedelta(minutes=20), step=seconds(10))) == "notice pending"
    world.feed.events = (reboot(), reboot("E2"))
    world.pass_time(timedelta(minutes=15), step=seconds(10))
    assert world.state.wishes.skips == {"E1"}
    assert standing(world) is Standing.OUT
    world.pass_time(timedelta(minutes=30), step=seconds(10))
    assert standing(world) is Standing.IN


# --- acknowledging --------------------------------------------------------------------------------


def test_no_ack_on_failed_drain() -> None:
    """While the layer cannot be cordoned nothing is acknowledged, to the end."""
    world = World()
    world.balancer.readable = False
    world.feed.events = (reboot(),)
    world.pass_time(timedelta(minutes=6))
    assert world.feed.acknowledged == []


def test_at_drain_end_acknowledges_without_proof() -> None:
    """Where the rule says so, the end of the drain is enough."""
    world = World(Rule(acknowledge=Acknowledge.AT_DRAIN_END))
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(),)
    world.pass_time(seconds(100))
    assert world.feed.acknowledged == []
    world.pass_time(seconds(30))
    assert world.feed.acknowledged == ["E1"]


def test_ack_200_when_already_approved() -> None:
    """An answer of yes ends it, however often the document lists the event."""
    world = World()
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert world.feed.acknowledged == ["E1"]


def test_ack_400() -> None:
    """A refusal is a bug of ours: said loudly, never retried."""
    world = World()
    world.feed.answers = [Refused("bad-request", "400")]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert world.feed.acknowledged == ["E1"]
    refused = next(line for line in world.lines if line["event"] == "acknowledge.refused")
    assert refused["level"] == "error"


def test_ack_5xx() -> None:
    """A failure is retried with a growing back-off until it is answered."""
    world = World()
    world.feed.answers = [Transient("server-error", "503")] * 4
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert world.feed.acknowledged == ["E1"] * 5


def test_sib_acked_first() -> None:
    """Started before our acknowledgement: none is sent, and the log says it was given elsewhere."""
    world = World()
    world.application.work = InFlight(count=1)
    world.feed.events = (reboot(resources=("vm1", "vm2")),)
    world.pass_time(seconds(5))
    world.feed.events = (reboot(resources=("vm1", "vm2"), status=EventStatus.STARTED, not_before=Blank()),)
    world.pass_time(seconds(5))
    assert world.feed.acknowledged == []
    assert world.lines[-1]["event"] in {"isolate.done", "notice.seen"}
    assert [line.get("acknowledged") for line in world.lines if line["event"] == "notice.seen"][
        -1
    ] == "elsewhere"


def test_invalid_event_id() -> None:
    """An id that is no longer listed is gone, and not asked for again."""
    world = World()
    world.feed.answers = [AckAnswer.GONE]
    world.feed.events = (reboot(),)
    world.pass_time(seconds(60))
    assert world.feed.acknowledged == ["E1"]


@pytest.mark.case("future-event-waits")
def test_a_wait_knows_when_the_notice_comes_due() -> None:
    """A notice days ahead wakes the daemon when its lead begins."""
    world = World()
    world.feed.events = (reboot(not_before=At(at=START + timedelta(days=7))),)
    tick = world.tick()
    assert isinstance(tick.step, Wait)
    assert tick.step.wake_after == timedelta(days=7) - timedelta(minutes=5)
    assert world.fake.membership().face is Face.IN
