"""A bare HTTP client: what goes out is what the test says, and what comes back is shown whole."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

METADATA = {"Metadata": "true"}
EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


def ask(
    base: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] = METADATA,
    source: str | None = None,
) -> Reply:
    """One request on a connection of its own, from the address `source` if given."""
    parts = urlsplit(base)
    assert parts.hostname is not None
    from_address = None if source is None else (source, 0)
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port, timeout=10, source_address=from_address
    )
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Reply(status=response.status, headers=dict(response.headers), body=response.read())
    finally:
        connection.close()


def events(base: str) -> Any:
    """The newest document of Scheduled Events."""
    reply = ask(base, EVENTS)
    assert reply.status == 200
    return reply.content


def approve(base: str, *ids: str) -> Reply:
    """StartRequests for some events."""
    body = json.dumps({"StartRequests": [{"EventId": event_id} for event_id in ids]}).encode()
    return ask(base, EVENTS, method="POST", body=body)
