"""Everything that the SDK raises, in our words; driven through the SDK's own pipeline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.errors import DrainerError, Refused, Transient
from drainer.transport.azure.sdk.answers import JITTER, LONGEST_REASON, missing_action, retry_after
from tests.unit.azure_transport.scripted import (
    NIC_ID,
    NOW,
    OPERATION_URL,
    TOKEN,
    Line,
    Says,
    Script,
    arm,
    cut_connection,
    failing,
    read_time_out,
    refused_connection,
)

ACTION = "Microsoft.Network/loadBalancers/backendAddressPools/join/action"
POOL = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Network/loadBalancers/l/backendAddressPools/p"
PLAIN_403 = (
    "The client 'c' with object id 'c' does not have authorization to perform action "
    f"'Microsoft.Network/networkInterfaces/write' over scope '{NIC_ID}' or the scope is invalid."
)
LINKED_403 = (
    "The client has permission to perform action 'Microsoft.Network/networkInterfaces/write' on scope "
    f"'{NIC_ID}'; however, it does not have permission to perform action '{ACTION}' on the linked scope(s) "
    f"'{POOL}' or the linked scope(s) are invalid."
)


def read(line: Line) -> DrainerError:
    with pytest.raises(DrainerError) as caught:
        arm(Script(line)).get(NIC_ID)
    return caught.value


def write(line: Line) -> DrainerError:
    with pytest.raises(DrainerError) as caught:
        arm(Script(line)).begin_put(NIC_ID, {})
    return caught.value


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (failing("TooManyRequests", status=429), "azure-throttled"),
        (failing("OperationNotAllowed", status=429), "azure-locked"),
        (failing("RetryableErrorDueToAnotherOperation", status=429), "azure-locked"),
        (failing("AnotherOperationInProgress", status=409), "azure-locked"),
        (failing("AnythingElse", status=409), "azure-locked"),
        (failing("PreconditionFailed", status=412), "azure-precondition"),
        (failing("ExpiredAuthenticationToken", status=401), "azure-token"),
        (failing("RequestTimeout", status=408), "azure-unavailable"),
        (failing("InternalServerError", status=500), "azure-unavailable"),
        (failing("ServiceUnavailable", status=503), "azure-unavailable"),
        (Says(status=502, body=b"<html>bad gateway</html>"), "azure-unavailable"),
    ],
)
def test_what_passes_is_transient(line: Says, kind: str) -> None:
    """Whether it is asked to read or to write."""
    for error in (read(line), write(line)):
        assert isinstance(error, Transient)
        assert error.kind == kind


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (failing("AuthorizationFailed", PLAIN_403, status=403), "azure-forbidden"),
        (failing("ResourceNotFound", status=404), "azure-not-found"),
        (failing("InvalidRequestFormat", status=400), "azure-rejected"),
        (failing("MethodNotAllowed", status=405), "azure-rejected"),
    ],
)
def test_what_is_for_good_is_refused(line: Says, kind: str) -> None:
    """Whether it is asked to read or to write."""
    for error in (read(line), write(line)):
        assert isinstance(error, Refused)
        assert error.kind == kind


def test_another_4xx_tells_the_code_of_the_service() -> None:
    """And its message."""
    assert read(failing("InvalidRequestFormat", "say it better", status=400)).reason == (
        "400 InvalidRequestFormat: say it better"
    )


def test_a_lock_is_known_by_an_inner_code_too() -> None:
    """RetryableError stands inside the details of a general error."""
    inner = {"code": "RetryableError", "message": "an operation is in progress"}
    body = {"error": {"code": "TooManyRequests", "message": "wait", "details": [inner]}}
    found = read(Says(status=429, body=body))
    assert found.kind == "azure-locked"
    assert found.reason == "429 RetryableError: wait (an operation is in progress)"


@pytest.mark.parametrize(
    ("message", "action", "scope"),
    [
        (PLAIN_403, "Microsoft.Network/networkInterfaces/write", NIC_ID),
        (LINKED_403, ACTION, POOL),
        ("does not have authorization to perform action 'A/b'", "A/b", ""),
        ("no", "", ""),
    ],
)
def test_a_403_names_the_missing_action_and_its_scope(message: str, action: str, scope: str) -> None:
    """Of a linked scope: the action that is missing, not the one that is there."""
    assert missing_action(message) == (action, scope)


def test_the_reason_of_a_403_tells_what_to_grant() -> None:
    """In words that a person can act on."""
    found = write(failing("LinkedAuthorizationFailed", LINKED_403, status=403))
    assert ACTION in found.reason
    assert POOL in found.reason
    assert "networkInterfaces/write" not in found.reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    """Never less than nothing; what cannot be read is now."""
    found = retry_after({"Retry-After": text}, now=lambda: NOW, draw=lambda: 0.0)
    assert found == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["inf", "1e300", "999999999999"])
def test_a_senseless_retry_after_is_a_day_at_most(text: str) -> None:
    """It neither overflows nor silences the sidecar for good."""
    found = retry_after({"Retry-After": text}, now=lambda: NOW, draw=lambda: 0.0)
    assert found == timedelta(days=1)


def test_no_retry_after_is_none() -> None:
    """Absent is not zero."""
    assert retry_after({}, now=lambda: NOW, draw=lambda: 0.0) is None


@given(seconds=st.integers(min_value=0, max_value=3600), drawn=st.floats(0, 1))
def test_jitter_only_lengthens_and_within_its_bound(seconds: int, drawn: float) -> None:
    """Obeyed in full, and at most a fifth longer."""
    found = retry_after({"Retry-After": str(seconds)}, now=lambda: NOW, draw=lambda: drawn)
    assert found is not None
    assert seconds <= found.total_seconds() <= seconds * (1 + JITTER) + 1e-6


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_the_time_that_the_service_names_comes_along(status: int) -> None:
    """Also on a lock and on a failure of its own."""
    found = read(failing("X", status=status, headers={"Retry-After": "17"}))
    assert isinstance(found, Transient)
    assert found.retry_after == timedelta(seconds=17)


def test_a_connection_that_was_refused_is_unreachable_also_for_a_write() -> None:
    """Nothing was sent: nothing can be lost."""
    assert read(refused_connection()).kind == "azure-unreachable"
    assert write(refused_connection()).kind == "azure-unreachable"


def test_a_read_that_times_out_is_unreachable() -> None:
    """Reading again is harmless."""
    assert read(read_time_out()).kind == "azure-unreachable"


def test_a_write_that_times_out_is_lost() -> None:
    """It may have been done."""
    assert write(read_time_out()).kind == "azure-lost"


def test_a_write_whose_connection_was_cut_is_lost() -> None:
    """It may have been done."""
    assert write(cut_connection()).kind == "azure-lost"


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{cut", b"\xff"])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_an_answer_that_is_no_json_is_unavailable(body: bytes, kind: str) -> None:
    """A portal or proxy said it, not the management API."""
    found = read(Says(body=body, headers={"Content-Type": kind}))
    assert isinstance(found, Transient)
    assert found.kind == "azure-unavailable"


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("body", [b"", b" "])
def test_a_write_that_was_answered_with_nothing_is_lost(status: int, body: bytes) -> None:
    """An answer cut off in its head leaves a status alone: nobody says that anything was done."""
    assert write(Says(status=status, body=body)).kind == "azure-lost"


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{cut", b"null", b"[]", b'"text"'])
def test_a_write_that_was_answered_with_no_json_is_lost(body: bytes) -> None:
    """Status 200, so it may have been done."""
    assert write(Says(body=body)).kind == "azure-lost"


@pytest.mark.parametrize(
    "line",
    [
        failing("Bad", f"see {OPERATION_URL}", status=400),
        failing("Bad", f"see {OPERATION_URL}", status=500),
        Says(status=400, body=f"no error object, {OPERATION_URL}".encode()),
        refused_connection(),
        read_time_out(),
    ],
)
def test_no_address_and_no_token_is_ever_in_a_reason(line: Line) -> None:
    """Operations' addresses are signed; reasons go to logs."""
    for error in (read(line), write(line)):
        assert "https://" not in error.reason
        assert "SIGNED" not in error.reason
        assert TOKEN not in error.reason


def test_a_reason_is_one_line_of_bounded_length() -> None:
    """Whatever the service sends."""
    found = read(failing("Bad", "very\nlong " * 1000, status=400))
    assert len(found.reason) <= LONGEST_REASON
    assert "\n" not in found.reason
