"""What the SDK does unless told otherwise, measured, and that ours does not. Others stand with their part.

Sleeps of 30 s and Retry-After on a running operation: test_polling. Retries, If-Match, unknown members and
versions: test_sdk_arm. Retries of the identity: test_credential. Authorities: the wire tests.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.mgmt.network import NetworkManagementClient

from drainer.errors import DrainerError, Refused
from drainer.management import Succeeded
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched, managed_identity
from drainer.transport.azure.sdk.versions import version_of
from tests.unit.azure_transport.scripted import NIC_ID, NOW, OPERATION_URL, Says, Script, Tokens, arm


def test_a_version_given_to_the_client_is_ignored_one_given_to_the_call_counts() -> None:
    """Hence ours is given to each call."""
    script = Script(Says(), Says())
    credential: Any = Tokens()
    stock = NetworkManagementClient(
        credential, "s1", transport=script.transport, api_version=version_of(NIC_ID)
    )
    stock.network_interfaces.get("g", "n")
    arm(script).get(NIC_ID)
    sent = [parse_qs(urlsplit(asked.url).query)["api-version"] for asked in script.asked]
    assert sent[0] != sent[1] == [version_of(NIC_ID)]


def test_one_removal_is_three_requests_without_a_final_read() -> None:
    """GET, PUT and the polls; the SDK reads the interface once more, which nobody needs."""
    accepted = Says(headers={"Azure-AsyncOperation": OPERATION_URL})
    script = Script(Says(), accepted, Says(body={"status": "Succeeded"}))
    ours = arm(script)
    begun = ours.begin_put(NIC_ID, ours.get(NIC_ID))
    assert ours.operation(begun) == Succeeded()
    assert ours.operation(begun) == Succeeded()
    assert [asked.method for asked in script.asked] == ["GET", "PUT", "GET"]


def test_a_token_never_travels_in_plain_text() -> None:
    """Not even where the settings say http."""
    script = Script(Says())
    ours = SdkArm(
        management_url="http://management.azure.com",
        credential=Prefetched(Tokens(), "scope", now=lambda: NOW),
        instance=dict,
        now=lambda: NOW,
        transport=script.transport,
    )
    with pytest.raises(DrainerError):
        ours.get(NIC_ID)
    assert script.asked == []


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.timeout(30)
def test_a_silent_metadata_service_is_given_up_soon(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own patience is more than 45 s."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://{silent}")
    with pytest.raises(ClientAuthenticationError):
        managed_identity("").get_token("https://management.azure.com/.default")


@pytest.mark.timeout(30)
def test_a_silent_management_api_is_given_up_soon(silent: str) -> None:
    """The package's own patience is 300 s."""
    ours = SdkArm(
        management_url=f"https://{silent}",
        credential=Prefetched(Tokens(), "scope", now=lambda: NOW),
        instance=dict,
        now=lambda: NOW,
    )
    with pytest.raises(DrainerError) as caught:
        ours.get(NIC_ID)
    assert caught.value.kind == "azure-unreachable"
    assert not isinstance(caught.value, Refused)
    ours.close()
