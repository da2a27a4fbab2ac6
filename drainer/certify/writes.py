"""Facts that unchanged writes of this VM's own interface tell. Membership stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from drainer.certify.facts import Facts
from drainer.doctor.azure import WRONG_ETAG
from drainer.doctor.patience import Patient
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Arm, Json, Running
from drainer.policyfile.durations import spell

Answer = TypeVar("Answer")

CONCURRENT = {"429": "429", "409": "409"}
SLOW_TRIES = 40


def measure(facts: Facts, arm: Patient, raw: Arm, nic: str) -> None:
    """Every fact of this kind; one that goes wrong is left open, and the others are measured."""
    for name, question in (
        ("if_match", _if_match),
        ("provisioning_state", _provisioning),
        ("concurrent_write", _concurrent),
    ):
        try:
            question(facts, arm, raw, nic)
        except DrainerError as error:
            facts.leave(name, f"{error.kind}: {error.reason}")


def _if_match(facts: Facts, arm: Patient, raw: Arm, nic: str) -> None:
    """Is a write with an etag that nobody has refused?"""
    try:
        arm.put(nic, arm.get(nic), if_match=WRONG_ETAG)
    except Transient as error:
        if error.kind != "azure-precondition":
            raise
        facts.know("if_match", "honoured")
    else:
        facts.know("if_match", "ignored")


def _provisioning(facts: Facts, arm: Patient, raw: Arm, nic: str) -> None:
    """Does the interface say Updating while a write runs? And how long does a write run?"""
    before = arm.get(nic)
    began = monotonic()
    operation = arm.begin_put(nic, before, if_match=_etag(before))
    said = str(arm.get(nic).get("properties", {}).get("provisioningState", "")).casefold()
    ran = isinstance(_once_answered(lambda: raw.operation(operation)), Running)
    arm.finish(operation)
    facts.know("operation_time", spell(timedelta(seconds=round(monotonic() - began, 1))))
    if said == "updating":
        facts.know("provisioning_state", "honest")
    elif ran:
        facts.know("provisioning_state", "ahead")
    else:
        facts.leave("provisioning_state", "the write was final before the interface was read")


def _concurrent(facts: Facts, arm: Patient, raw: Arm, nic: str) -> None:
    """What becomes of a write beside one that still runs?"""
    body = arm.get(nic)
    first = arm.begin_put(nic, body, if_match=_etag(body))
    try:
        second = _once_answered(lambda: raw.begin_put(nic, body))
    except Transient as error:
        status = error.reason.split()[0] if error.reason else ""
        if error.kind not in ("azure-locked", "azure-throttled") or status not in CONCURRENT:
            raise
        facts.know("concurrent_write", CONCURRENT[status])
    else:
        facts.know("concurrent_write", "superseded")
        arm.finish(second)
    finally:
        with contextlib.suppress(Refused):  # superseded by ours
            arm.finish(first)


def _once_answered(call: Callable[[], Answer]) -> Answer:
    """The answer however slow, and nothing repeated that the service refused."""
    for _ in range(SLOW_TRIES):
        try:
            return call()
        except Transient as error:
            if error.kind != "azure-slow":
                raise
    raise Transient("azure-slow", "no answer")


def _etag(resource: Json) -> str:
    return str(resource.get("etag", ""))
