"""Notices as sentences and as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from drainer.clock import ManualClock
from drainer.core.model import (
    Addressee,
    At,
    Blank,
    Document,
    Event,
    EventSource,
    EventStatus,
    Garbled,
    SourceKind,
    Vm,
)
from drainer.notices import as_json, available, notices_of, sentence

REBOOT = Event(
    id="A",
    type="Reboot",
    status=EventStatus.SCHEDULED,
    not_before=At(at=datetime(2026, 4, 11, 22, 26, 58, tzinfo=UTC)),
    resources=("vm1", "vm2"),
    source=EventSource.PLATFORM,
    duration=timedelta(seconds=9),
    description="Host server is undergoing maintenance.",
)
OF_2015 = Event(
    id="instance-info:reboot",
    type="Reboot",
    status=EventStatus.UNSTATED,
    not_before=Blank(),
    resources=Addressee.READER,
    source=EventSource.UNSTATED,
)


def document(*events: Event, name: str = "vm1") -> Document:
    return Document(
        source=SourceKind.SCHEDULED_EVENTS, vm=Vm(name=name), events=events, read_at=ManualClock().now()
    )


def test_json_of_a_full_notice() -> None:
    """Every member of a notice stands in the JSON, times in UTC, durations in seconds."""
    local = replace(REBOOT, not_before=At(at=datetime(2026, 4, 12, tzinfo=timezone(timedelta(hours=2)))))
    assert as_json(document(REBOOT, local))["notices"] == [
        {
            "id": "A",
            "type": "Reboot",
            "status": "Scheduled",
            "not_before": "2026-04-11T22:26:58Z",
            "resources": ["vm1", "vm2"],
            "source": "Platform",
            "duration_s": 9,
            "description": "Host server is undergoing maintenance.",
        },
        {
            "id": "A",
            "type": "Reboot",
            "status": "Scheduled",
            "not_before": "2026-04-11T22:00:00Z",
            "resources": ["vm1", "vm2"],
            "source": "Platform",
            "duration_s": 9,
            "description": "Host server is undergoing maintenance.",
        },
    ]


def test_json_of_2015() -> None:
    """What the service of 2015 does not say is null, the VM's own name included."""
    assert as_json(document(OF_2015, name="")) == {
        "schema": 1,
        "vm": None,
        "notices": [
            {
                "id": "instance-info:reboot",
                "type": "Reboot",
                "status": None,
                "not_before": None,
                "resources": None,
                "source": None,
                "duration_s": None,
                "description": None,
            }
        ],
    }


def test_only_notices_that_name_this_vm() -> None:
    """Case 13: an event of a sibling, or of nobody, is no notice."""
    sibling = replace(REBOOT, resources=("vm11", "vm2"))
    nobody = replace(REBOOT, resources=())
    assert notices_of(document(sibling, REBOOT, nobody)) == (REBOOT,)
    assert as_json(document(sibling, nobody))["notices"] == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            REBOOT,
            (
                "VM vm1: Reboot scheduled by the platform, not before 2026-04-11T22:26:58Z,"
                " expected interruption 9 s; it starts then, or as soon as it is approved"
                " (notice A: Host server is undergoing maintenance.)"
            ),
        ),
        (
            replace(REBOOT, status=EventStatus.STARTED, not_before=Blank(), duration=timedelta(seconds=0.5)),
            (
                "VM vm1: Reboot started by the platform, expected interruption 0.5 s;"
                " it is over when the notice is gone (notice A: Host server is undergoing maintenance.)"
            ),
        ),
        (
            replace(REBOOT, source=EventSource.USER, not_before=Garbled(text="soon"), duration=None),
            (
                "VM vm1: Reboot scheduled by a user, at a time that could not be read ('soon');"
                " it may start at any moment (notice A: Host server is undergoing maintenance.)"
            ),
        ),
        (
            OF_2015,
            "VM vm1: Reboot about to happen; expect it within five minutes (notice instance-info:reboot)",
        ),
    ],
)
def test_sentences(event: Event, expected: str) -> None:
    """A sentence says who, what, when, and what comes next."""
    assert expected == sentence(event, vm="vm1")


def test_availability() -> None:
    """Nothing pending is a sentence too, also for a VM without a known name."""
    assert available("vm1") == "VM vm1: available, no maintenance pending"
    assert available("") == "this VM: available, no maintenance pending"
