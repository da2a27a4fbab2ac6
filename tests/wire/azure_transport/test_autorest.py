"""The polling loop against a server that others wrote: the long-running operations of autorest's test server.

Its `swagger/lro.json` names every scenario that it serves. `tests/install-node-packages` installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, RetryPolicy
from azure.core.polling import LROPoller
from azure.core.rest import HttpRequest
from azure.mgmt.core.polling.arm_polling import ARMPolling

from drainer.errors import Refused
from drainer.transport.azure.sdk.polling import CappedPolling
from tests.until import until

SERVER = Path(__file__).parents[3] / ".node/node_modules/@microsoft.azure/autorest.testserver"
MISSING = shutil.which("node") is None or not SERVER.exists()
SCENARIOS = 81
MOST_STEPS = 20
CUSTOM_ID = "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0"
"""The server asks for this request id in its scenarios about headers that every poll must repeat."""

UNTRUSTED = {
    "delete /lro/error/delete/202/retry/invalidheader",
    "delete /lro/error/deleteasync/retry/invalidheader",
    "post /lro/error/post/202/retry/invalidheader",
    "post /lro/error/postasync/retry/invalidheader",
    "put /lro/error/putasync/retry/invalidheader",
    "patch /lro/patch/200/succeeded/ignoreheaders",
}
"""An address that is relative or on another host: the SDK fails to ask it, ours refuses to."""

pytestmark = pytest.mark.skipif(
    MISSING and os.environ.get("CI") != "true",
    reason="autorest's test server is not installed: tests/install-node-packages",
)

End = tuple[str, str]
"""How it ended, "done", "failed", "refused" (the first answer) or "untrusted", and the last status."""


class Sleepless(ARMPolling):
    """The SDK's own loop, which has no other place to take its sleeps out."""

    def _sleep(self, delay: float) -> None:
        pass


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", str(SERVER / "dist/cli/cli.js"), "--port", str(port)]
    place = tmp_path_factory.mktemp("autorest")
    with (place / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--coverageDirectory", str(place)], stdout=log, stderr=log, cwd=place
        )
        try:
            until(lambda: _listens(port), "the test server")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def test_ours_ends_as_the_sdks_in_every_scenario(base: str) -> None:
    """Alike in outcome and last status, run to the end or a step at a time; refused only where untrusted."""
    found = {name: _ends(base, name, options) for name, options in _scenarios()}
    assert len(found) == SCENARIOS
    trusted = {name: ends for name, ends in found.items() if name not in UNTRUSTED}
    assert {name: ends for name, ends in trusted.items() if len(set(ends)) > 1} == {}
    assert {name: ends[0][0] for name, ends in found.items() if name in UNTRUSTED} == dict.fromkeys(
        UNTRUSTED, "failed"
    )
    assert {name for name, ends in found.items() if ends[1][0] == ends[2][0] == "untrusted"} == UNTRUSTED
    assert {ends[0][0] for ends in trusted.values()} == {"done", "failed", "refused"}


def _scenarios() -> list[tuple[str, dict[str, str] | None]]:
    paths = json.loads((SERVER / "swagger/lro.json").read_text(encoding="utf-8-sig"))["paths"]
    return [
        (f"{method} {path}", operation.get("x-ms-long-running-operation-options"))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def _ends(base: str, name: str, options: dict[str, str] | None) -> tuple[End, End, End]:
    def capped(stepped: bool) -> CappedPolling:
        return CappedPolling(
            host="127.0.0.1", stepped=stepped, sleep=lambda seconds: None, lro_options=options
        )

    return (
        _end(base, name, Sleepless(lro_options=options)),
        _end(base, name, capped(stepped=False)),
        _end(base, name, capped(stepped=True)),
    )


def _end(base: str, name: str, polling: Any) -> End:
    method, path = name.split(" ")
    retries = RetryPolicy(retry_total=3, retry_backoff_factor=0)  # some scenarios fail once, to be retried
    client: PipelineClient[Any, Any] = PipelineClient(
        base, policies=[RequestIdPolicy(), HeadersPolicy(), retries]
    )
    headers = {"x-ms-client-request-id": CUSTOM_ID} if "customheader" in path else {}
    body: object = None if method == "delete" else {}
    request = HttpRequest(method.upper(), f"{base}{path}", headers=headers, json=body)
    with client:
        first: Any = client.send_request(request, _return_pipeline_response=True)
        if first.http_response.status_code >= 400:
            return "refused", str(first.http_response.status_code)
        return _polled(client, first, polling)


def _polled(client: PipelineClient[Any, Any], first: Any, polling: Any) -> End:
    try:
        LROPoller(client, first, lambda response: response, polling).result()
        _step_to_the_end(polling)
    except Refused:
        return "untrusted", ""
    except AzureError:
        return "failed", _word(polling)
    if isinstance(polling, CappedPolling) and polling.failed:
        return "failed", _word(polling)
    return "done", _word(polling)


def _step_to_the_end(polling: Any) -> None:
    """Nothing where the SDK ran it."""
    if not isinstance(polling, CappedPolling):
        return
    for _ in range(MOST_STEPS):
        polling.step()
    assert polling.is_final


def _word(polling: Any) -> str:
    """Of an answer that cannot be read the loop says "Failed", a single step says nothing."""
    word = str(getattr(polling, "_status", "")).casefold()
    return word if word in ("succeeded", "canceled") else ""


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
