"""Notices and wishes folded into one threat: which of them count, and what they come to together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from drainer.core.episode import Episode, Wishes
from drainer.core.model import Blank, Document, EventSource, EventStatus, Instant
from drainer.core.policy import Do, Match, Policy, Rule
from drainer.core.threat import Outlook, Sighting, Threat, drain_wished, outlook
from drainer.core.wish import OPERATOR_ID, Drain
from tests.unit.core.given import NOW, POLICY, RULE, at, document, episode, notice, seconds, terms

NOBODY = Wishes()
ASKED = Wishes(drain=Drain(reason="x"), drain_since=at(-9))


def looks(
    page: Document | None,
    *,
    policy: Policy = POLICY,
    known: Episode | None = None,
    wishes: Wishes = NOBODY,
    offset_s: float = 0,
) -> Outlook:
    return outlook(page, policy=policy, episode=known, wishes=wishes, now=NOW, platform_now=at(offset_s).wall)


def threats(found: Outlook) -> list[str]:
    return [t.event_id for t in found.threat.terms] if found.threat else []


def test_nothing_is_no_threat() -> None:
    """An empty document, and an unread one where nothing is known."""
    assert looks(document()) == looks(None) == Outlook(sightings=(), threat=None)


def test_a_notice_comes_inside_its_lead() -> None:
    """Before, it is only seen, with the time at which it comes due, by the platform's clock."""
    event = notice(due_s=301)
    waits = Sighting(event=event, rule=RULE, due_at=at(1).wall, threat=False)
    assert looks(document(event)) == Outlook(sightings=(waits,), threat=None)
    due = looks(document(event), offset_s=1)
    assert due.sightings == (Sighting(event=event, rule=RULE, due_at=None, threat=True),)
    assert due.next_due_at is None
    assert threats(due) == ["E1"]


def test_a_notice_is_known_since_now_and_timed_by_the_platform() -> None:
    """Its age is by our clock; one that started without a time is past its force by the platform's."""
    event = notice(status=EventStatus.STARTED, not_before=Blank())
    found = looks(document(event), offset_s=3).threat
    assert found is not None
    assert (found.terms[0].since, found.force_at) == (NOW, at(3).wall)


def test_the_first_notice_to_come_due_is_waited_for() -> None:
    """Of those that are not a threat yet; one that is already is waited for no more."""
    ahead = (notice("E2", due_s=500), notice("E3", due_s=400), notice("E4", due_s=350))
    known = episode(terms={"E4": terms("E4", due_s=350)})
    assert looks(document(*ahead), known=known).next_due_at == at(100).wall


LOGGED = replace(POLICY, rules=(Rule(match=Match(type="Freeze"), do=Do.LOG), RULE))


@pytest.mark.parametrize(
    ("ids", "page", "changes"),
    [
        (["E1", "E2"], document(notice(), notice("E2")), {}),
        (["E1"], document(notice(), notice("E2", resources=("vm2",)), notice("E3", due_s=999)), {}),
        (["E2"], document(notice("E2", due_s=999)), {"known": episode(terms={"E2": terms("E2")})}),
        (["E1", "E2"], document(notice(), notice(), notice("E2")), {}),
        (["E2"], document(notice(), notice("E2")), {"wishes": Wishes(skips=frozenset({"E1"}))}),
        ([], document(notice(type="Freeze")), {"policy": LOGGED}),
        (["E1"], document(notice(type="Freeze")), {"policy": LOGGED, "known": episode()}),
        (["E1", OPERATOR_ID], document(notice()), {"wishes": ASKED}),
        ([OPERATOR_ID], document(), {"wishes": ASKED, "known": episode()}),
        ([OPERATOR_ID], None, {"wishes": ASKED}),
        ([OPERATOR_ID, "E1"], None, {"wishes": ASKED, "known": episode()}),
        ([], None, {"known": episode()}),
        ([OPERATOR_ID], None, {"wishes": ASKED, "known": episode(quiet_since=at(-1))}),
        (
            [OPERATOR_ID, "E3"],
            None,
            {
                "wishes": replace(ASKED, skips=frozenset({"E2"})),
                "known": episode(
                    terms={
                        "E1": terms("E1", force_at=None),
                        "E2": terms("E2"),
                        "E3": terms("E3"),
                        OPERATOR_ID: terms(OPERATOR_ID),
                    }
                ),
            },
        ),
    ],
)
def test_which_notices_count(ids: list[str], page: Document | None, changes: dict[str, Any]) -> None:
    """Those of this VM that are due, drain and are not skipped, or that the journal knows as a threat.

    Blind they are believed only beside an operator's drain, which makes the threat.
    """
    assert threats(looks(page, **changes)) == ids


def test_terms_are_folded() -> None:
    """The earliest times, the longest waiting, and a budget only where all use it."""
    known = episode(
        terms={
            "E1": terms(drain_timeout=seconds(50), quiet_for=seconds(8), settle=seconds(31)),
            "E2": terms("E2", drain_timeout=seconds(40), settle=seconds(32), use_budget=False),
        }
    )
    found = looks(document(notice(), notice("E2", due_s=200)), known=known).threat
    assert found is not None
    assert replace(found, terms=()) == Threat(
        terms=(),
        force_at=at(140).wall,
        not_before=at(200).wall,
        started=False,
        drain_timeout=seconds(40),
        quiet_for=seconds(8),
        settle=seconds(32),
        uses_budget=False,
    )
    assert [t.since for t in found.terms] == [at(-60), at(-60)]


def test_an_operators_drain_has_no_times() -> None:
    """Nothing forces it and nothing starts; it is known since the wish."""
    found = looks(document(), wishes=ASKED).threat
    assert found is not None
    assert (found.force_at, found.not_before, found.started) == (None, None, False)
    assert found.terms[0].since == at(-9)


@pytest.mark.parametrize(
    ("type", "source", "takes"),
    [
        ("Reboot", EventSource.PLATFORM, True),
        ("Preempt", EventSource.PLATFORM, False),
        ("TERMINATE", EventSource.PLATFORM, False),
        ("Drain", EventSource.OPERATOR, False),
    ],
)
def test_a_lease_for_rebooting(type: str, source: EventSource, takes: bool) -> None:
    """Only for what comes back after the platform's own work."""
    page = document(notice(type=type, source=source, due_s=20))
    found = looks(page).threat
    assert found is not None
    assert found.takes_rebooting is takes


@pytest.mark.parametrize(
    ("holds", "until", "since", "now"),
    [
        (True, None, at(-9), NOW),
        (False, None, None, NOW),
        (False, None, at(-9), replace(NOW, boot="c")),
        (True, at(1).wall, at(-9), replace(NOW, boot="c")),
        (False, at(0).wall, at(-9), NOW),
    ],
)
def test_how_long_an_operators_drain_holds(
    holds: bool, until: datetime | None, since: Instant | None, now: Instant
) -> None:
    """Until its end on any boot; without one, until the next boot."""
    wishes = Wishes(drain=Drain(reason="x", until=until), drain_since=since)
    assert drain_wished(wishes, now) is holds


def test_no_drain_is_wished_where_none_was() -> None:
    """A time alone is no wish."""
    assert not drain_wished(Wishes(drain_since=at(-9)), NOW)
