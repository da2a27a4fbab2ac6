"""What the platform refuses before it looks at a category."""

import json

import pytest

from metadata_server.imds.service import respond
from tests.unit.metadata_server.builders import ask, world

INSTANCE = "/metadata/instance?api-version=2025-04-07"
EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
GUARDED = [INSTANCE, EVENTS, "/metadata/versions"]


@pytest.mark.parametrize("url", GUARDED)
@pytest.mark.parametrize("value", ["", "false", "yes", "1"])
def test_header_is_required(url: str, value: str) -> None:
    """Without Metadata: true every category answers 400 and says so."""
    answer = respond(ask(url, Metadata=value), world())
    assert answer.status == 400
    assert "Required metadata header not specified" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("url", GUARDED)
def test_proxied_requests_are_refused(url: str) -> None:
    """X-Forwarded-For is answered with 400, in the form that its switch says."""
    question = ask(url, X_Forwarded_For="10.0.0.4")
    assert respond(question, world()).status == 400
    assert b"X-Forwarded-For" in respond(question, world()).body
    bare = respond(question, world(forwarded_body="empty"))
    assert (bare.status, bare.body) == (400, b"")


@pytest.mark.parametrize("query", ["&api-version=2020-07-01", "&x=1&x=1", "&x=1&x=2"])
def test_repeated_parameters_are_refused(query: str) -> None:
    """A query parameter given twice is answered with 400, whatever its values."""
    assert respond(ask(EVENTS + query), world()).status == 400


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("any-case", "True", 200),
        ("any-case", "TRUE", 200),
        ("lower-case", "True", 400),
        ("lower-case", "true", 200),
    ],
)
def test_case_of_the_header(rule: str, value: str, expected: int) -> None:
    """Whether True is as good as true follows its switch."""
    assert respond(ask(EVENTS, Metadata=value), world(metadata_header=rule)).status == expected


def test_first_version_of_events_needs_no_header() -> None:
    """2017-03-01 answers without the header; every later version does not."""
    old = EVENTS.replace("2020-07-01", "2017-03-01")
    assert respond(ask(old, Metadata=""), world()).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/metadata", "/metadata/", "/metadata/nothing", "/latest/meta-data", "/metadata/versions/x"]
)
def test_other_paths(path: str) -> None:
    """What is no category is answered with 404."""
    assert respond(ask(path), world()).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("url", [INSTANCE, "/metadata/versions"])
def test_description_is_read_only(url: str, method: str) -> None:
    """Instance metadata knows GET alone."""
    answer = respond(ask(url, method=method), world())
    assert (answer.status, answer.headers) == (405, (("Allow", "GET"),))
