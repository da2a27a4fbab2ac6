"""Access tokens: good for their time and purpose, and for nobody who changed them."""

import base64
import json
from datetime import timedelta

import pytest

from metadata_server.tokens import TokenRefused, Tokens, principal_of
from tests.unit.metadata_server.builders import NOON, at

HOUR = timedelta(hours=1)
ARM = "https://management.azure.com/"
WEB1 = principal_of("web1")


@pytest.mark.parametrize("audience", [ARM, ARM.rstrip("/"), "https://management.core.windows.net/"])
def test_token_tells_whose_it_is(audience: str) -> None:
    """A token for the management API is its principal's until it expires."""
    tokens = Tokens()
    token = tokens.issue(WEB1, audience=audience, now=NOON, lifetime=HOUR)
    assert tokens.verify(token, now=at(59)) == WEB1


def test_claims_can_be_read() -> None:
    """Clients that look inside find audience, principal and times."""
    token = Tokens().issue(WEB1, audience=ARM, now=NOON, lifetime=HOUR)
    encoded = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(encoded + "=="))
    assert (claims["aud"], claims["oid"], claims["appid"]) == (ARM, WEB1.object_id, WEB1.client_id)
    assert claims["exp"] - claims["nbf"] == 3600


@pytest.mark.parametrize(
    ("audience", "minute", "code"),
    [(ARM, 60, "expired"), ("https://vault.azure.net", 0, "audience")],
)
def test_token_is_refused_out_of_time_or_place(audience: str, minute: float, code: str) -> None:
    """A token past its time, or for another service, says which it was."""
    tokens = Tokens()
    token = tokens.issue(WEB1, audience=audience, now=NOON, lifetime=HOUR)
    with pytest.raises(TokenRefused) as caught:
        tokens.verify(token, now=at(minute))
    assert caught.value.code == code


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.ü"])
def test_what_is_no_token_is_refused(token: str) -> None:
    """Anything unsigned is invalid."""
    with pytest.raises(TokenRefused, match="invalid"):
        Tokens().verify(token, now=NOON)


def test_token_of_another_emulator_is_refused() -> None:
    """Each emulator knows its own tokens only."""
    token = Tokens().issue(WEB1, audience=ARM, now=NOON, lifetime=HOUR)
    with pytest.raises(TokenRefused, match="invalid"):
        Tokens().verify(token, now=NOON)


def test_changed_token_is_refused() -> None:
    """No claim can be changed without the secret."""
    tokens = Tokens()
    mine = tokens.issue(WEB1, audience=ARM, now=NOON, lifetime=HOUR)
    other = tokens.issue(principal_of("web2"), audience=ARM, now=NOON, lifetime=HOUR)
    forged = ".".join([*other.split(".")[:2], mine.split(".")[2]])
    with pytest.raises(TokenRefused, match="invalid"):
        tokens.verify(forged, now=NOON)


def test_principals_differ() -> None:
    """Every VM has identities of its own, the same at every start."""
    assert principal_of("web1") == WEB1 != principal_of("web2")
    assert WEB1.object_id != WEB1.client_id
