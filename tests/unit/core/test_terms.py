"""The terms of a notice: fresh from its rule, and never looser than the journal has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drainer.core.model import At, Blank, Event, EventSource, EventStatus, Garbled, SourceKind
from drainer.core.policy import Acknowledge, Do, Match, Policy, Rule
from drainer.core.policy import Any as AnyTime
from drainer.core.record import Terms
from drainer.core.terms import due_at_of, keeps_flows, operator_terms, terms_of
from tests.unit.core.given import NOW, POLICY, RULE, at, document, notice, seconds, terms

LATER = at(300).wall
FIRST = at(-400).wall


def judged(event: Event, recorded: Terms | None = None, *, rule: Rule = RULE, offset_s: float = 0) -> Terms:
    """The notice's terms, by a platform clock so far ahead of ours."""
    page = document(event)
    return terms_of(event, rule, recorded, document=page, now=NOW, platform_now=at(offset_s).wall)


def test_fresh_terms() -> None:
    """What the event and its rule say, known since now."""
    rule = Rule(
        force=seconds(61),
        drain_timeout=seconds(62),
        quiet_for=seconds(3),
        settle=seconds(64),
        acknowledge=Acknowledge.AT_DRAIN_END,
        use_budget=False,
    )
    assert judged(notice(), rule=rule) == Terms(
        event_id="E1",
        type="Reboot",
        source="Platform",
        since=NOW,
        started=False,
        force_at=at(240 - 61).wall,
        not_before=at(240).wall,
        force=seconds(61),
        drain_timeout=seconds(62),
        quiet_for=seconds(3),
        settle=seconds(64),
        acknowledge=Acknowledge.AT_DRAIN_END,
        use_budget=False,
        siblings=("vm2",),
    )


TIGHT: dict[str, Any] = {
    "force": seconds(90),
    "drain_timeout": seconds(30),
    "quiet_for": seconds(9),
    "settle": seconds(99),
    "use_budget": False,
    "acknowledge": Acknowledge.NEVER,
}
LOOSE: dict[str, Any] = {
    "force": seconds(1),
    "drain_timeout": seconds(900),
    "quiet_for": seconds(0),
    "settle": seconds(0),
    "use_budget": True,
    "acknowledge": Acknowledge.AT_DRAIN_END,
}


def test_a_looser_policy_loosens_nothing_that_was_journalled() -> None:
    """Each term is the stricter of the two, whichever came first; the notice is as old as it was."""
    recorded = terms(**TIGHT)
    strict = replace(recorded, force_at=at(150).wall)
    assert judged(notice(), recorded, rule=Rule(**LOOSE)) == strict
    assert judged(notice(), terms(**LOOSE), rule=Rule(**TIGHT)) == strict
    assert judged(notice(), terms(), rule=RULE) == terms()


@pytest.mark.parametrize("recorded", list(Acknowledge))
@pytest.mark.parametrize("fresh", list(Acknowledge))
def test_the_stricter_acknowledgement_stands(recorded: Acknowledge, fresh: Acknowledge) -> None:
    """Never before when drained, and that before at drain end; an event that started has none to give."""
    order = [Acknowledge.NEVER, Acknowledge.WHEN_DRAINED, Acknowledge.AT_DRAIN_END]
    known, rule = terms(acknowledge=recorded), replace(RULE, acknowledge=fresh)
    assert judged(notice(), known, rule=rule).acknowledge is min(recorded, fresh, key=order.index)
    started = notice(status=EventStatus.STARTED, not_before=Blank())
    assert judged(started, known, rule=rule).acknowledge is Acknowledge.NEVER


def test_a_rule_that_no_longer_drains_ends_no_terms() -> None:
    """The journal's stand, but for what the document says of the event itself."""
    recorded = terms(**TIGHT)
    event = notice(type="Redeploy", resources=("vm1", "vm3"), due_s=500)
    found = judged(event, recorded, rule=replace(RULE, do=Do.LOG))
    times: dict[str, Any] = {"not_before": at(500).wall, "force_at": at(410).wall}
    assert found == replace(recorded, type="Redeploy", siblings=("vm3",), **times)
    assert judged(started(), recorded, rule=replace(RULE, do=Do.LOG)).started


def started(type: str = "Reboot") -> Event:
    return notice(type=type, status=EventStatus.STARTED, not_before=Blank())


@pytest.mark.parametrize(
    ("event", "recorded", "force_at", "not_before"),
    [
        (started(), None, at(5).wall, at(5).wall),
        (started(), terms(), at(5).wall, at(5).wall),
        (started(), terms(started=True, force_at=FIRST), FIRST, FIRST),
        (started(), terms(started=True, force_at=None), at(5).wall, at(5).wall),
        (started("Freeze"), None, at(5).wall, None),
        (notice(due_s=360), terms(), LATER, at(360).wall),
        (notice(not_before=Blank()), None, at(905).wall, at(905).wall),
        (notice(not_before=Garbled(text="soon")), terms(), at(180).wall, at(240).wall),
        (notice(not_before=Blank()), terms(force_at=FIRST, not_before=None), FIRST, None),
        (notice(not_before=Blank()), terms(force_at=None), at(905).wall, at(905).wall),
        (notice(not_before=Blank()), terms(started=True), at(905).wall, at(905).wall),
    ],
)
def test_times(
    event: Event, recorded: Terms | None, force_at: datetime | None, not_before: datetime | None
) -> None:
    """As the event says; where it says nothing, as first seen. A freeze ends no flows when it starts."""
    found = judged(event, recorded, offset_s=5)
    assert (found.force_at, found.not_before) == (force_at, not_before)


@pytest.mark.parametrize(
    ("event", "rule", "due_at"),
    [
        (notice(), RULE, at(-60).wall),
        (notice(), replace(RULE, lead=AnyTime.ANY), None),
        (started(), RULE, None),
        (notice(status=EventStatus.STARTED), RULE, None),
        (notice(not_before=Blank()), RULE, None),
        (notice(not_before=Garbled(text="?")), RULE, None),
        (
            notice(not_before=At(at=datetime.min.replace(tzinfo=UTC))),
            RULE,
            datetime.min.replace(tzinfo=UTC),
        ),
    ],
)
def test_when_a_notice_is_due(event: Event, rule: Rule, due_at: datetime | None) -> None:
    """Its lead before NotBefore; at once where there is no telling, or it runs already."""
    assert due_at_of(event, rule) == due_at


@pytest.mark.parametrize(("type", "keeps"), [("Freeze", True), ("FREEZE", True), ("Reboot", False)])
def test_a_freeze_keeps_flows(type: str, keeps: bool) -> None:
    """In any case of letters; nothing else does."""
    assert keeps_flows(type) is keeps


OWN = Terms(
    event_id="operator-drain",
    type="Drain",
    source="Operator",
    since=at(-7),
    started=False,
    force_at=None,
    not_before=None,
    force=RULE.force,
    drain_timeout=RULE.drain_timeout,
    quiet_for=RULE.quiet_for,
    settle=RULE.settle,
    acknowledge=Acknowledge.NEVER,
    use_budget=True,
)


def policy(*rules: Rule) -> Policy:
    return replace(POLICY, rules=rules)


def test_an_operators_drain_has_the_terms_of_its_rule() -> None:
    """That of type Drain and source Operator; where that one does not drain, those of a plain rule."""
    match = Match(type="Drain", source=EventSource.OPERATOR)
    own = Rule(match=match, settle=seconds(1), drain_timeout=seconds(2), use_budget=False)
    spared = replace(OWN, settle=seconds(1), drain_timeout=seconds(2), use_budget=False)
    assert operator_terms(POLICY, at(-7)) == OWN
    assert operator_terms(policy(own, RULE), at(-7)) == spared
    ignored = replace(own, do=Do.IGNORE)
    assert operator_terms(policy(ignored, RULE), at(-7)) == OWN


def test_the_minimum_notice_is_the_types_and_the_documents() -> None:
    """An unknown type is given the shortest; the documents of 2015 have one for all."""
    event = notice(type="Unheard", not_before=Blank())
    assert judged(event).force_at == at(30).wall
    page = document(event, source=SourceKind.MAINTENANCE)
    old = terms_of(event, RULE, None, document=page, now=NOW, platform_now=NOW.wall)
    assert old.force_at == NOW.wall + timedelta(minutes=5)
