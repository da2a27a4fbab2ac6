"""What the management API says no with: a status, a code, a message, as Resource Manager writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the API. `headers` beside those that every answer has."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The request is refused."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: tuple[tuple[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.details, self.headers = details, dict(headers or {})

    def reply(self) -> Reply:
        """Asynchronous operations and common errors: `{"error": {"code", "message", "details"}}`."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = [{"code": code, "message": message} for code, message in self.details]
        return json_reply({"error": error}, status=self.status, headers=self.headers)


def json_reply(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status=status, body=body, headers=dict(headers or {}))


def not_found(resource_id: str) -> Refusal:
    return Refusal(404, "ResourceNotFound", f"The Resource '{resource_id}' was not found.")


def stale(given: str, current: str, resource_id: str) -> Refusal:
    """412 as it was seen in the field; what follows "of resource" is unconfirmed."""
    told = (
        f"Etag provided in if-match header {given} does not match etag {current} of resource {resource_id}"
        " in NRP data store."
    )
    return Refusal(
        412,
        "PreconditionFailed",
        "Precondition failed.",
        details=(("PreconditionFailedEtagMismatch", told),),
    )
