"""Azure's SDK over a script in memory: real pipeline, real requests session, no socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

from drainer.management import Json
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOST = "management.azure.com"
TOKEN = "tok-SECRET"

GROUP = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Network"
NIC_ID = f"{GROUP}/networkInterfaces/n"
POOL_ID = f"{GROUP}/loadBalancers/l/backendAddressPools/p"
OPERATION_URL = f"https://{HOST}/subscriptions/s1/operations/1?sig=a%2Fb%3D{{x}}&t=SIGNED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it would have gone out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Line = Says | Exception


class Script(BaseAdapter):
    """Answers the requests of a session line by line, or `always` by one rule, and keeps them."""

    def __init__(self, *lines: Line, always: Callable[[Asked], Line] | None = None) -> None:
        super().__init__()
        self.lines = list(lines)
        self._always = always
        self.asked: list[Asked] = []

    def send(self, request: requests.PreparedRequest, *more: Any, **options: Any) -> requests.Response:
        body = request.body or b""
        self.asked.append(
            Asked(
                method=request.method or "",
                url=request.url or "",
                headers=dict(request.headers),
                body=body.encode() if isinstance(body, str) else body,
                timeout=options.get("timeout"),
            )
        )
        line = self._next(self.asked[-1])
        if isinstance(line, Exception):
            raise line
        return _response(request, line)

    def _next(self, asked: Asked) -> Line:
        if self._always is not None:
            return self._always(asked)
        assert self.lines, f"one request more than scripted: {asked.method} {asked.url}"
        return self.lines.pop(0)

    def close(self) -> None:
        pass

    @property
    def transport(self) -> RequestsTransport:
        session = requests.Session()
        session.mount("https://", self)
        session.mount("http://", self)
        return RequestsTransport(session=session, session_owner=False)


def _response(request: requests.PreparedRequest, line: Says) -> requests.Response:
    content = line.body if isinstance(line.body, bytes) else json.dumps(line.body).encode()
    found = requests.Response()
    found.status_code = line.status
    found.headers.update({"Content-Type": "application/json", **line.headers})
    found.raw = HTTPResponse(
        body=io.BytesIO(content), headers=found.headers, status=line.status, preload_content=False
    )
    found.url, found.request, found.reason = request.url or "", request, "Reason"
    return found


@dataclass(slots=True)
class Tokens:
    """A source of tokens that last `life_s`, and counts how often it was asked."""

    life_s: float = 3600.0
    now: Callable[[], datetime] = lambda: NOW
    given: int = 0

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        self.given += 1
        return AccessToken(f"{TOKEN}-{self.given}", int(self.now().timestamp() + self.life_s))


@dataclass(slots=True)
class Elapsed:
    """A clock of seconds that stands until told."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def arm(script: Script, *, tokens: Tokens | None = None, elapsed: Elapsed | None = None) -> SdkArm:
    """The SDK behind our seam, over a script; no jitter."""
    return SdkArm(
        management_url=f"https://{HOST}",
        credential=Prefetched(tokens or Tokens(), "scope", now=lambda: NOW),
        instance=lambda: dict[str, Any](compute={}),
        now=lambda: NOW,
        transport=script.transport,
        draw=lambda: 0.0,
        elapsed=elapsed or Elapsed(),
    )


def failing(code: str, message: str = "no", *, status: int, headers: Mapping[str, str] | None = None) -> Says:
    """An error as the management API words it."""
    body: Json = {"error": {"code": code, "message": message}}
    return Says(status=status, body=body, headers=headers or {})


def refused_connection() -> Exception:
    return requests.exceptions.ConnectionError(NewConnectionError(None, f"refused by {OPERATION_URL}"))  # type: ignore[arg-type]


def read_time_out() -> Exception:
    return requests.exceptions.ReadTimeout(ReadTimeoutError(None, OPERATION_URL, "read timed out"))  # type: ignore[arg-type]


def cut_connection() -> Exception:
    return requests.exceptions.ConnectionError(ProtocolError("aborted", ConnectionResetError()))
