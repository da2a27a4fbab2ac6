"""The child's loop, in this process: calls in, answers out, and nothing that raises ends it."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from drainer.errors import Broken, DrainerError, Refused, Transient
from drainer.management import Failed, Json, Operation, State
from drainer.transport.azure.child import end_with_parent, instance_of, serve
from drainer.transport.azure.framing import Answer, read_answer, read_state, write_call
from drainer.transport.azure.settings import ArmSettings, environment, from_environment


@dataclass(slots=True)
class Told:
    """An Arm that answers what it is told, and keeps what it was asked."""

    error: Exception | None = None
    asked: list[Any] = field(default_factory=list)

    def instance(self) -> Json:
        self._note("instance")
        return {"compute": {}}

    def get(self, resource_id: str) -> Json:
        self._note(resource_id)
        return {"id": resource_id}

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        self._note((resource_id, body, if_match))
        return Operation(key="7", resource_id=resource_id)

    def operation(self, operation: Operation) -> State:
        self._note(operation)
        return Failed(code="Canceled", reason="superseded")

    def rest(self) -> None: ...

    def close(self) -> None: ...

    def _note(self, asked: object) -> None:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error


def answers(arm: Told, *calls: tuple[str, Json]) -> list[Answer]:
    lines = b"".join(write_call(number, *call) for number, call in enumerate(calls, start=1))
    said = io.BytesIO()
    serve(arm, io.BytesIO(lines), said)
    return [read_answer(line) for line in said.getvalue().splitlines(keepends=True)]


def test_every_verb_reaches_the_arm_and_is_answered_in_order() -> None:
    """Under its own number."""
    arm = Told()
    found = answers(
        arm,
        ("instance", {}),
        ("get", {"id": "a"}),
        ("put", {"id": "a", "body": {"x": None}, "if_match": "e"}),
        ("operation", {"id": "a", "key": "7"}),
    )
    assert [answer.number for answer in found] == [1, 2, 3, 4]
    assert [answer.result for answer in found[:3]] == [{"compute": {}}, {"id": "a"}, "7"]
    assert read_state(found[3].result) == Failed(code="Canceled", reason="superseded")
    assert arm.asked == ["instance", "a", ("a", {"x": None}, "e"), Operation(key="7", resource_id="a")]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (Transient("azure-throttled", "429", retry_after=timedelta(seconds=3)), Transient),
        (Refused("azure-forbidden", "no"), Refused),
        (KeyError("odd"), Broken),
    ],
)
def test_what_the_arm_raises_is_an_answer(raised: Exception, told: type[DrainerError]) -> None:
    """Also a bug; and the loop goes on."""
    first, second = answers(Told(error=raised), ("get", {"id": "a"}), ("instance", {}))
    assert type(first.error) is type(second.error) is told
    assert first.error is not None
    assert first.error.kind == getattr(raised, "kind", "azure-bug")


def wrapped(inner: BaseException) -> Exception:
    outer = Transient("azure-token", "no token")
    outer.__context__ = inner
    return outer


@pytest.mark.parametrize(
    "raised",
    [MemoryError(), SystemError("error return without exception set"), wrapped(MemoryError())],
    ids=["itself", "in C code", "wrapped"],
)
def test_a_child_that_is_short_of_memory_ends(raised: Exception) -> None:
    """However the shortage shows: what is full answers nothing more, and the next child begins anew."""
    with pytest.raises(SystemExit, match="512 MiB"):
        answers(Told(error=raised), ("get", {"id": "a"}))


def test_an_unknown_verb_is_refused() -> None:
    """By name."""
    (found,) = answers(Told(), ("delete", {}))
    assert isinstance(found.error, Refused)
    assert "delete" in found.error.reason


def test_settings_reach_the_child_in_its_environment() -> None:
    """With the daemon's pid, and the metadata service kept from any proxy."""
    settings = ArmSettings(metadata_url="http://10.1.2.3:80", ca_file="/ca", client_id="c")
    found = environment(settings)
    assert from_environment(found) == ArmSettings(
        metadata_url="http://10.1.2.3:80", ca_file="/ca", client_id="c", parent=os.getpid()
    )
    assert {"10.1.2.3", "169.254.169.254"} <= set(found["NO_PROXY"].split(","))
    assert found["NO_PROXY"] == found["no_proxy"]


def test_the_child_sees_nothing_else_of_the_daemons_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Least of all what was meant for others."""
    monkeypatch.setenv("SOME_SECRET", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    found = environment(ArmSettings())
    assert "SOME_SECRET" not in found
    assert found["HTTPS_PROXY"] == "http://proxy"


def test_a_child_whose_parent_is_gone_already_ends() -> None:
    """It was adopted before it could ask to die with it."""
    with pytest.raises(SystemExit):
        end_with_parent(-1)


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_an_instance_document_that_cannot_be_read_is_unreachable(status: int, body: bytes) -> None:
    """Another answer may come."""

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(Transient) as caught:
            instance_of(f"http://127.0.0.1:{server.server_port}")
        thread.join()
    assert caught.value.kind == "azure-unreachable"
