"""Talks to the control path of a running emulator; the command line and tests use it.

Never through a proxy, and never for longer than its timeout.
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from metadata_server.errors import BadInput, Conflict, Problem, Unknown, bad_input

_ELSEWHERE = "what answers there is not a control path"
_KINDS = {error.kind: error for error in (BadInput, Unknown, Conflict)}


class ControlClient:
    """One control path; `url` is what `serve` printed, `http://127.0.0.1:9000`."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise bad_input("control", expected="a URL such as http://127.0.0.1:9000", found=url)
        self._host = parts.hostname
        self._port = parts.port or 80
        self._timeout_s = timeout_s

    def give(self, verb: str, **fields: object) -> dict[str, Any]:
        """Give a command: `give("advance", by="5m")`; `in_` stands for the field `in`.

        Raises what the emulator refused as BadInput, Unknown or Conflict; OSError if it is not there.
        """
        named = {name.rstrip("_"): value for name, value in fields.items() if value is not None}
        return self._ask("POST", f"/{verb}", json.dumps(named).encode())

    def show(self, view: str) -> dict[str, Any]:
        """A view: `show("events")`, `show("events?gone=shown")`, `show("clock")` and so on."""
        return self._ask("GET", f"/{view}", None)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            content = _parsed(response.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"no control path answers there: {error!r}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise _refusal(content)
        return content


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConnectionError(_ELSEWHERE)
    return content


def _refusal(content: Mapping[str, Any]) -> Exception:
    kind = _KINDS.get(content.get("kind", ""))
    if kind is None:
        return ConnectionError(_ELSEWHERE)
    return kind([Problem(**problem) for problem in content["problems"]])
