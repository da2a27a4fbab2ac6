"""Acceptance cases that policies answer for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.core.model import Blank, Event, EventSource, EventStatus
from drainer.core.policy import Do, Policy
from drainer.errors import PolicyInvalid
from drainer.policyfile import load
from tests.unit.policyfile.samples import KINDS, problems

FREEZES = """\
version: 1
rules:
  - match: {type: Freeze, duration_below: 11s}
    do: log
  - match: {}
    do: drain
"""

BAD_DURATION_AND_CONTRADICTION = """\
version: 1
rules:
  - match: {source: User}
    drain_timeout: 5 minutes
  - match: {}
    lead: 1m
    force: 10m
"""


@pytest.fixture
def freezes() -> Policy:
    return load(FREEZES, file="policy.yaml", backends=KINDS)


@pytest.mark.parametrize(
    ("seconds", "do"), [(0, Do.LOG), (5, Do.LOG), (10, Do.LOG), (11, Do.DRAIN), (None, Do.DRAIN)]
)
def test_case_25_duration_rules(freezes: Policy, seconds: int | None, do: Do) -> None:
    """A freeze below the bound is logged, one at the bound drains, and an unknown duration never matches."""
    event = Event(
        id="e",
        type="Freeze",
        status=EventStatus.SCHEDULED,
        not_before=Blank(),
        resources=("vm1",),
        source=EventSource.PLATFORM,
        duration=None if seconds is None else timedelta(seconds=seconds),
    )
    assert do is freezes.rule_for(event)[1].do


def test_case_25_the_first_match_wins(freezes: Policy) -> None:
    """Where several rules match, the one further up decides."""
    event = Event(
        id="e",
        type="Freeze",
        status=EventStatus.SCHEDULED,
        not_before=Blank(),
        resources=("vm1",),
        source=EventSource.PLATFORM,
        duration=timedelta(seconds=5),
    )
    assert freezes.rule_for(event) == (0, freezes.rules[0])


@pytest.mark.case("self-drain-config-parse")
def test_case_58_self_drain_config_parse(freezes: Policy) -> None:
    """A bad duration and a contradiction are refused with file and line; an accepted policy is untouched."""
    before = freezes.digest
    with pytest.raises(PolicyInvalid) as refused:
        load(BAD_DURATION_AND_CONTRADICTION, file="/etc/drainer/policy.yaml", backends=KINDS)
    assert [(each.file, each.line, each.column, each.field) for each in refused.value.problems] == [
        ("/etc/drainer/policy.yaml", 4, 20, "rules[0].drain_timeout"),
        ("/etc/drainer/policy.yaml", 7, 12, "rules[1].force"),
    ]
    assert before == freezes.digest


def test_case_58_every_line_can_be_followed() -> None:
    """Each message begins with file, line and column, as editors and terminals follow them."""
    assert all(line.startswith("p:") for line in problems(BAD_DURATION_AND_CONTRADICTION))
