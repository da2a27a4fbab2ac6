"""How a running operation is asked after: soon, at a trusted address only, and to its end."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.network import NetworkManagementClient

from drainer.errors import DrainerError, Refused
from drainer.management import Failed, Operation, Running, State, Succeeded
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.polling import LONGEST_DELAY_S, CappedPolling
from tests.unit.azure_transport.scripted import (
    HOST,
    NIC_ID,
    OPERATION_URL,
    Asked,
    Elapsed,
    Line,
    Says,
    Script,
    Tokens,
    arm,
    cut_connection,
    failing,
    read_time_out,
)

ACCEPTED = Says(
    body={"properties": {"provisioningState": "Succeeded"}},
    headers={"Azure-AsyncOperation": OPERATION_URL, "Retry-After": "10"},
)
"""The state runs ahead of the operation, as the real service's may."""

SENT_URL = OPERATION_URL.replace("{", "%7B").replace("}", "%7D")
RUNNING = Says(body={"status": "InProgress"}, headers={"Retry-After": "10"})
DONE = Says(body={"status": "Succeeded"})


def test_an_operation_of_3_s_with_retry_after_10_asks_for_at_most_4_s_of_sleep() -> None:
    """Run to its end as the SDK does it, on a clock that only its sleeps move."""
    elapsed, slept = Elapsed(), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        elapsed.at += seconds

    def answers(asked: Asked) -> Line:
        if asked.method == "PUT":
            return ACCEPTED
        if asked.url == SENT_URL:
            return DONE if elapsed.at >= 3 else RUNNING
        return Says(body={"id": NIC_ID})

    polling = CappedPolling(host=HOST, stepped=False, sleep=sleep)
    _run(Script(always=answers), polling)
    assert elapsed.at >= 3
    assert sum(slept) <= 4
    assert max(slept) <= LONGEST_DELAY_S


def test_without_retry_after_it_is_asked_as_often() -> None:
    """The SDK's own default is 30 s."""
    slept: list[float] = []
    operation = {"Azure-AsyncOperation": OPERATION_URL}
    running = Says(body={"status": "InProgress"})
    script = Script(Says(headers=operation), running, running, DONE, Says())
    polling = CappedPolling(host=HOST, stepped=False, sleep=slept.append)
    _run(script, polling)
    assert slept == [LONGEST_DELAY_S] * 2


def test_a_shorter_retry_after_is_obeyed() -> None:
    """The cap only shortens."""
    slept: list[float] = []
    soon = Says(body={"status": "InProgress"}, headers={"Retry-After": "1"})
    polling = CappedPolling(host=HOST, stepped=False, sleep=slept.append)
    script = Script(ACCEPTED, soon, DONE, Says())
    _run(script, polling)
    assert slept == [1.0]


def test_stepped_it_asks_at_most_every_two_seconds() -> None:
    """However often its state is asked for."""
    elapsed = Elapsed()
    script = Script(ACCEPTED, RUNNING, DONE)
    ours, operation = _begun(script, elapsed=elapsed)
    states: list[State] = []
    for at in (0.0, 0.1, 1.9, 2.1, 2.2):
        elapsed.at = at
        states.append(ours.operation(operation))
    assert states == [Running(), Running(), Running(), Succeeded(), Succeeded()]
    assert len(script.asked) == 3


def test_beginning_asks_once_and_starts_no_thread_that_polls() -> None:
    """The SDK's poller has nothing to run."""
    script = Script(ACCEPTED)
    _begun(script)
    assert [asked.method for asked in script.asked] == ["PUT"]


def test_the_address_is_used_verbatim() -> None:
    """Percent escapes and all, since its signature covers them; braces are escaped, never filled in."""
    script = Script(ACCEPTED, DONE)
    ours, operation = _begun(script)
    assert ours.operation(operation) == Succeeded()
    assert script.asked[-1].url == SENT_URL


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/operations/1",
        f"https://{HOST}.evil.example/operations/1",
        f"https://evil{HOST}/operations/1",
        f"https://{HOST}@evil.example/operations/1",
        f"https://evil.example\\@{HOST}/operations/1",
        f"https://evil.example#@{HOST}/operations/1",
        f"https://user:pass@{HOST}/operations/1",
        f"http://{HOST}/operations/1",
        "//evil.example/operations/1",
        "/operations/1",
        "https:///operations/1",
        "https://[/operations/1",
    ],
)
def test_an_untrusted_address_is_never_asked(address: str) -> None:
    """The question would carry a token."""
    script = Script(Says(headers={"Azure-AsyncOperation": address}))
    ours, operation = _begun(script)
    with pytest.raises(Refused) as caught:
        ours.operation(operation)
    assert caught.value.kind == "azure-untrusted"
    assert len(script.asked) == 1


def test_an_untrusted_location_is_never_asked() -> None:
    """Whichever header names it."""
    script = Script(Says(status=201, headers={"Location": "https://evil.example/1"}))
    ours, operation = _begun(script)
    with pytest.raises(DrainerError) as caught:
        ours.operation(operation)
    assert caught.value.kind == "azure-untrusted"
    assert len(script.asked) == 1


def test_a_host_below_the_management_apis_own_is_trusted() -> None:
    """Regions answer under names of their own."""
    address = f"https://westeurope.{HOST}/operations/1"
    script = Script(Says(headers={"Azure-AsyncOperation": address}), DONE)
    ours, operation = _begun(script)
    assert ours.operation(operation) == Succeeded()


@pytest.mark.parametrize("word", ["Failed", "Canceled"])
def test_a_failed_operation_is_failed_although_its_status_is_200(word: str) -> None:
    """With the service's own code and message."""
    error = {"code": "CanceledAndSupersededDueToAnotherOperation", "message": "superseded"}
    script = Script(ACCEPTED, Says(body={"status": word, "error": error}))
    ours, operation = _begun(script)
    assert ours.operation(operation) == Failed(code=error["code"], reason="superseded")


def test_a_failed_operation_without_an_error_tells_its_status() -> None:
    """A code is never empty."""
    ours, operation = _begun(Script(ACCEPTED, Says(body={"status": "Canceled"})))
    assert ours.operation(operation) == Failed(code="Canceled", reason="")


@pytest.mark.parametrize(
    "trouble",
    [
        failing("TooManyRequests", status=429),
        failing("ServiceUnavailable", status=503),
        failing("InternalServerError", status=500),
        failing("BadRequest", status=400),
        Says(body=b"<html>log in</html>"),
        Says(body=b"<html>log in</html>", headers={"Content-Type": "text/html"}),
        Says(body=b""),
        Says(body={}),
        Says(body=[]),
        read_time_out(),
        cut_connection(),
    ],
)
def test_trouble_on_a_poll_is_not_the_end(trouble: Line) -> None:
    """The operation goes on without us: the next poll tells."""
    elapsed = Elapsed()
    script = Script(ACCEPTED, trouble, DONE)
    ours, operation = _begun(script, elapsed=elapsed)
    assert ours.operation(operation) == Running()
    elapsed.at = 2.1
    assert ours.operation(operation) == Succeeded()


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_refused_poll_is_obeyed_in_full(status: int) -> None:
    """Unlike that of a running operation."""
    elapsed = Elapsed()
    script = Script(ACCEPTED, failing("X", status=status, headers={"Retry-After": "30"}), DONE)
    ours, operation = _begun(script, elapsed=elapsed)
    for at in (0.0, 2.1, 29.9):
        elapsed.at = at
        assert ours.operation(operation) == Running()
    elapsed.at = 30.0
    assert ours.operation(operation) == Succeeded()


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Succeeded", Succeeded()),
        ("Updating", Running()),
        ("Failed", Failed(code="failed", reason="the resource's provisioning state says so")),
    ],
)
def test_where_its_address_is_closed_to_us_the_resource_tells(status: int, word: str, state: State) -> None:
    """A role may lack the right to read operations."""
    resource = Says(body={"properties": {"provisioningState": word}})
    ours, operation = _begun(Script(ACCEPTED, failing("X", status=status), resource))
    assert ours.operation(operation) == state


def test_a_token_that_a_poll_was_refused_for_is_forgotten() -> None:
    """The next poll brings another."""
    elapsed, tokens = Elapsed(), Tokens()
    resource = Says(body={"properties": {"provisioningState": "Updating"}})
    script = Script(ACCEPTED, failing("ExpiredAuthenticationToken", status=401), resource, DONE)
    ours, operation = _begun(script, elapsed=elapsed, tokens=tokens)
    assert ours.operation(operation) == Running()
    elapsed.at = 2.1
    assert ours.operation(operation) == Succeeded()
    assert tokens.given == 2


def test_an_operation_of_another_child_is_told_by_its_resource() -> None:
    """Its address is not known here."""
    script = Script(Says(body={"properties": {"provisioningState": "Updating"}}))
    assert arm(script).operation(Operation(key="", resource_id=NIC_ID)) == Running()
    assert [asked.method for asked in script.asked] == ["GET"]


def _begun(
    script: Script, *, elapsed: Elapsed | None = None, tokens: Tokens | None = None
) -> tuple[SdkArm, Operation]:
    ours = arm(script, elapsed=elapsed, tokens=tokens)
    return ours, ours.begin_put(NIC_ID, {})


def _run(script: Script, polling: CappedPolling) -> None:
    """To its end, by the SDK's own loop."""
    credential: Any = Tokens()
    client = NetworkManagementClient(credential, "s1", transport=script.transport, retry_total=0)
    operations: Any = client.network_interfaces
    operations.begin_create_or_update("g", "n", {}, polling=polling).result()
