"""The token is at hand before it is needed, and only a metadata service's final word is final."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from drainer.clock import ManualClock
from drainer.errors import DrainerError, Refused, Transient
from drainer.transport.azure.sdk.answers import translated
from drainer.transport.azure.sdk.credential import (
    AFTER_FAILURE_S,
    SHORTEST_LIFE_S,
    Prefetched,
    managed_identity,
)
from tests.unit.azure_transport.scripted import (
    NOW,
    Line,
    Says,
    Script,
    Tokens,
    cut_connection,
    read_time_out,
    refused_connection,
)
from tests.until import until


@dataclass(slots=True)
class Rests:
    """Stands for the event that ends the renewing thread: notes each rest, and lets `turns` of them pass."""

    turns: int
    asked_s: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> bool:
        self.asked_s.append(seconds)
        return len(self.asked_s) > self.turns


def prefetched(source: Any, clock: ManualClock | None = None, **more: Any) -> Prefetched:
    clock = clock or ManualClock(NOW)
    return Prefetched(source, "scope", now=lambda: clock.now().wall, **more)


@pytest.mark.parametrize("life_s", [3600.0, 86400.0, 600.0])
def test_it_is_renewed_at_half_of_its_remaining_life(life_s: float) -> None:
    """From the start on, without anybody asking."""
    source, rests = Tokens(life_s=life_s), Rests(turns=2)
    credential = prefetched(source, rest=rests)
    credential.start()
    until(lambda: len(rests.asked_s) == 3, "two renewals")
    assert rests.asked_s == [0.0, life_s / 2, life_s / 2]
    assert source.given == 2


def test_a_service_that_hands_out_an_old_token_is_not_asked_in_a_loop() -> None:
    """However little life is left."""
    rests = Rests(turns=1)
    prefetched(Tokens(life_s=1.0), rest=rests).start()
    until(lambda: len(rests.asked_s) == 2, "a renewal")
    assert rests.asked_s[1] == AFTER_FAILURE_S


def test_a_fetch_that_fails_is_made_again_soon() -> None:
    """The thread outlives it."""

    class Failing:
        def get_token(self, *scopes: str, **more: Any) -> AccessToken:
            raise ClientAuthenticationError("not now")

    rests = Rests(turns=3)
    prefetched(Failing(), rest=rests).start()
    until(lambda: len(rests.asked_s) == 4, "three attempts")
    assert rests.asked_s == [0.0, AFTER_FAILURE_S, AFTER_FAILURE_S, AFTER_FAILURE_S]


def test_a_call_does_not_wait_while_a_valid_token_is_there() -> None:
    """Not even for a renewal that hangs."""
    hangs, asked = threading.Event(), threading.Event()
    tokens = Tokens()

    class Hanging:
        def get_token(self, *scopes: str, **more: Any) -> AccessToken:
            if tokens.given:
                asked.set()
                hangs.wait(60)
            return tokens.get_token(*scopes)

    credential = prefetched(Hanging(), rest=Rests(turns=2))
    with _released(hangs):
        credential.start()
        assert asked.wait(60)
        assert credential.get_token("scope").token.endswith("-1")


def test_the_token_at_hand_is_used_again() -> None:
    """One fetch serves many calls."""
    source = Tokens()
    credential = prefetched(source)
    assert {credential.get_token("scope").token for _ in range(5)} == {"tok-SECRET-1"}


def test_a_token_near_its_end_is_not_used() -> None:
    """The last minute is not trusted."""
    clock = ManualClock(NOW)
    source = Tokens(now=lambda: clock.now().wall)
    credential = prefetched(source, clock)
    credential.get_token("scope")
    clock.advance(timedelta(seconds=3600 - SHORTEST_LIFE_S - 1))
    assert credential.get_token("scope").token.endswith("-1")
    clock.advance(timedelta(seconds=2))
    assert credential.get_token("scope").token.endswith("-2")


def test_what_was_forgotten_is_fetched_anew() -> None:
    """The service did not believe it."""
    credential = prefetched(Tokens())
    credential.get_token("scope")
    credential.forget()
    assert credential.get_token("scope").token.endswith("-2")


def test_a_claims_challenge_brings_a_fresh_token() -> None:
    """The one at hand does not satisfy it."""
    credential = prefetched(Tokens())
    credential.get_token("scope")
    assert credential.get_token("scope", claims="{}").token.endswith("-2")


def test_stopped_it_asks_no_more() -> None:
    """Nor starts again."""
    source = Tokens()
    credential = prefetched(source)
    credential.stop()
    credential.start()
    until(lambda: not any(thread.name == "token" for thread in threading.enumerate()), "the thread's end")
    assert source.given == 0


@pytest.mark.parametrize(
    "told",
    [
        "Identity not found",
        "No identity has been assigned to this VM",
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity",
    ],
)
def test_no_identity_is_for_good(told: str) -> None:
    """A person must assign or name one."""
    body = {"error": "invalid_request", "error_description": told}
    found, _ = _identity_error(Says(status=400, body=body))
    assert isinstance(found, Refused)
    assert found.kind == "azure-identity"
    assert told in found.reason


@pytest.mark.parametrize(
    "line",
    [
        Says(status=404, body={"error": "not yet"}),
        Says(status=410),
        Says(status=429, headers={"Retry-After": "3"}),
        Says(status=500),
        Says(status=503, body=b"<html>"),
        Says(status=404, body=b"<html>"),
        Says(body={}),
        refused_connection(),
        read_time_out(),
        cut_connection(),
    ],
)
def test_any_other_trouble_with_the_identity_passes_and_is_asked_once(line: Line) -> None:
    """Also before a write, which was never sent; the package's own retries would take a minute and more."""
    found, script = _identity_error(line)
    assert isinstance(found, Transient)
    assert found.kind == "azure-token"
    assert len(script.asked) == 1


@pytest.mark.parametrize("client_id", ["", "c1"])
def test_the_identity_is_named_only_where_the_settings_name_one(client_id: str) -> None:
    """Without a name the system-assigned one answers."""
    _, script = _identity_error(Says(status=500), client_id=client_id)
    assert ("client_id=c1" in script.asked[0].url) == bool(client_id)
    assert script.asked[0].headers["Metadata"] == "true"


def _identity_error(line: Line, *, client_id: str = "") -> tuple[DrainerError, Script]:
    script = Script(line)
    credential = prefetched(managed_identity(client_id, transport=script.transport))
    with pytest.raises(ClientAuthenticationError) as caught:
        credential.get_token("https://management.azure.com/.default")
    return translated(caught.value, now=lambda: NOW, writing=True), script


@contextmanager
def _released(event: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        event.set()
