"""One request to the management API, and who sends it."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from metadata_server.arm.refusal import Refusal
from metadata_server.arm.store import Body
from metadata_server.tokens import Principal, TokenRefused, Tokens

_TOKEN_CODES = {
    "expired": (
        "ExpiredAuthenticationToken",
        "The access token expiry UTC time is earlier than current UTC time.",
    ),
    "audience": (
        "InvalidAuthenticationTokenAudience",
        "The access token has been obtained for the wrong audience.",
    ),
    "invalid": ("InvalidAuthenticationToken", "The access token is invalid."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request. Header names are in lower case; `path` as it came, case and all.

    `fails`: if it begins a write, that comes to nothing.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fails: bool = False

    def parameter(self, name: str) -> str:
        """The first value of that name; "" if there is none."""
        found = parse_qs(self.query, keep_blank_values=True)
        return next((values[0] for key, values in found.items() if key.casefold() == name), "")

    def resource(self) -> Body:
        """The body as a resource. Raises Refusal 400."""
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            told = "The request content was invalid and could not be deserialized."
            raise Refusal(400, "InvalidRequestContent", told)
        if not isinstance(body.get("properties"), dict):
            raise Refusal(400, "InvalidRequestFormat", "Cannot parse the request: properties are missing.")
        return body


def principal(asking: Asking, tokens: Tokens, *, now: datetime) -> Principal:
    """Who sends it. Raises Refusal 401."""
    scheme, _, token = asking.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        told = "Authentication failed. The 'Authorization' header is missing."
        raise _unauthorised("AuthenticationFailed", told)
    try:
        return tokens.verify(token, now=now)
    except TokenRefused as refused:
        raise _unauthorised(*_TOKEN_CODES[refused.code]) from None


def _unauthorised(code: str, message: str) -> Refusal:
    told = f'error="invalid_token", error_description="{code}"'
    challenge = f'Bearer authorization_uri="https://login.windows.net/", {told}'
    return Refusal(401, code, message, headers={"WWW-Authenticate": challenge})
