"""One question to the metadata service and its answer, as values, and the answers all categories share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

JSON_TYPE = "application/json; charset=utf-8"
# Instance metadata service, "Error and debugging": the newest versions the refusal names.
NEWEST_VERSIONS = ("2025-04-07", "2024-07-17", "2024-03-15")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one VM asks. Header names are in lower case; `query` keeps order and repetitions."""

    vm: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str]
    body: bytes = b""

    def parameter(self, name: str) -> str | None:
        """The value of a query parameter; None if it is not there."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, a trailing slash aside."""
        return tuple(self.path.strip("/").split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service says."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(content: object, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """200 with `content`, written without spaces as the platform does."""
    return Answer(body=_compact(content), headers=headers)


def refusal(status: int, error: str) -> Answer:
    """An error in the platform's form: one member, `error`."""
    return Answer(status=status, body=_compact({"error": error}))


def not_found() -> Answer:
    """404: no such path."""
    return refusal(404, "Not found")


def not_allowed(*allowed: str) -> Answer:
    """405, with the methods that are allowed."""
    body = _compact({"error": "Method not allowed"})
    return Answer(status=405, body=body, headers=(("Allow", ", ".join(allowed)),))


def bad_version() -> Answer:
    """400 for a missing or unknown api-version (Instance metadata service, "Errors and debugging")."""
    error = (
        "Bad request. api-version is invalid or was not specified in the request. "
        "For more information refer to aka.ms/azureimds"
    )
    return Answer(status=400, body=_compact({"error": error, "newest-versions": NEWEST_VERSIONS}))


def too_many() -> Answer:
    """429: more than the platform allows in one second."""
    return refusal(429, "Too many requests")


def _compact(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
