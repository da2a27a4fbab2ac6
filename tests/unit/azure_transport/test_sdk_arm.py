"""The management API by Azure's SDK, seen from the wire: what is sent, and what comes back."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Json, Succeeded
from drainer.transport.azure.sdk.arm import audience_of
from drainer.transport.azure.sdk.versions import version_of
from tests.unit.azure_transport.scripted import (
    GROUP,
    NIC_ID,
    OPERATION_URL,
    POOL_ID,
    Says,
    Script,
    Tokens,
    arm,
    failing,
)

ACCEPTED = Says(headers={"Azure-AsyncOperation": OPERATION_URL})
NIC: Json = {
    "etag": 'W/"7"',
    "unknownAtTheTop": {"a": [1, 2.5, None, {"b": "é"}]},
    "id": NIC_ID,
    "tags": {"Owner": "x"},
    "properties": {
        "provisioningState": "Succeeded",
        "allowPort25Out": True,
        "ipConfigurations": [
            {
                "name": "a",
                "properties": {
                    "unknownBelow": [],
                    "privateIPAddress": "10.0.0.4",
                    "loadBalancerBackendAddressPools": [{"id": POOL_ID}],
                    "subnet": {"id": "s", "odd": None},
                },
            }
        ],
    },
}
VM_ID = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
RIGHTS_ID = f"{NIC_ID}/providers/Microsoft.Authorization/permissions"
WRITABLE = [
    NIC_ID,
    f"{GROUP}/loadBalancers/l",
    POOL_ID,
    f"{GROUP}/applicationGateways/a",
]


def test_a_resource_comes_as_it_stands_on_the_wire() -> None:
    """Every member, in its order, also those that no model knows."""
    found = arm(Script(Says(body=NIC))).get(NIC_ID)
    assert json.dumps(found) == json.dumps(NIC)


@pytest.mark.parametrize("resource_id", WRITABLE)
def test_a_write_sends_the_body_byte_for_byte(resource_id: str) -> None:
    """What was read goes back: nothing dropped, nothing renamed, no null lost."""
    script = Script(Says(body=NIC), ACCEPTED)
    ours = arm(script)
    ours.begin_put(resource_id, ours.get(resource_id))
    read, wrote = script.asked
    assert json.loads(wrote.body) == NIC
    assert list(json.loads(wrote.body)) == list(NIC)
    assert urlsplit(wrote.url).path == urlsplit(read.url).path == resource_id


def test_a_nic_without_its_only_pool_is_sent_with_an_empty_list() -> None:
    """An empty list leaves the pools; a missing one would too, but a null is refused by some versions."""
    script = Script(ACCEPTED)
    body: Json = {
        "properties": {"ipConfigurations": [{"properties": {"loadBalancerBackendAddressPools": []}}]}
    }
    arm(script).begin_put(NIC_ID, body)
    assert json.loads(script.asked[0].body) == body


def test_the_etag_is_sent_as_if_match() -> None:
    """As it was read, quotes and all; the model's own etag is not a condition."""
    script = Script(ACCEPTED)
    arm(script).begin_put(NIC_ID, NIC, if_match='W/"7"')
    assert script.asked[0].headers["If-Match"] == 'W/"7"'


def test_without_an_etag_no_condition_is_sent() -> None:
    """The seam says so."""
    script = Script(ACCEPTED)
    arm(script).begin_put(NIC_ID, NIC)
    assert "If-Match" not in script.asked[0].headers


@pytest.mark.parametrize("resource_id", [*WRITABLE, VM_ID, RIGHTS_ID, f"{GROUP}/networkSecurityGroups/x"])
def test_the_api_version_is_pinned_for_each_kind(resource_id: str) -> None:
    """The one that the package was made for is newer than what some clouds know."""
    script = Script(Says())
    arm(script).get(resource_id)
    asked = urlsplit(script.asked[0].url)
    assert asked.path == resource_id
    assert parse_qs(asked.query) == {"api-version": [version_of(resource_id)]}


@pytest.mark.parametrize("resource_id", WRITABLE)
def test_a_write_is_pinned_to_the_version_of_its_read(resource_id: str) -> None:
    """What one version shows another might drop."""
    script = Script(ACCEPTED)
    arm(script).begin_put(resource_id, {})
    assert parse_qs(urlsplit(script.asked[0].url).query) == {"api-version": [version_of(resource_id)]}


@pytest.mark.parametrize(
    ("resource_id", "version"), [(NIC_ID, "2024-05-01"), (VM_ID, "2024-07-01"), (RIGHTS_ID, "2022-04-01")]
)
def test_a_version_goes_by_the_last_provider(resource_id: str, version: str) -> None:
    """Rights hang under a resource of another provider."""
    assert version_of(resource_id) == version


@pytest.mark.parametrize("resource_id", [NIC_ID, VM_ID, RIGHTS_ID])
def test_every_kind_goes_through_the_same_pipeline(resource_id: str) -> None:
    """With our token, under our name; and errors in our words."""
    script = Script(Says(), failing("ResourceNotFound", status=404))
    ours = arm(script)
    ours.get(resource_id)
    assert script.asked[0].headers["Authorization"] == "Bearer tok-SECRET-1"
    assert script.asked[0].headers["User-Agent"].startswith("drainer")
    with pytest.raises(Refused) as caught:
        ours.get(resource_id)
    assert caught.value.kind == "azure-not-found"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("verb", ["get", "put"])
def test_one_call_is_one_request(verb: str, status: int) -> None:
    """Also where the service asks to come back: the SDK would sleep all of Retry-After, uncapped."""
    script = Script(failing("X", status=status, headers={"Retry-After": "3600"}))
    ours = arm(script)
    with pytest.raises(DrainerError):
        ours.get(VM_ID) if verb == "get" else ours.begin_put(NIC_ID, {})
    assert len(script.asked) == 1


def test_a_resource_in_another_subscription_is_asked_in_that_one() -> None:
    """A balancer may be in another one than its VMs."""
    script = Script(Says(), Says(), ACCEPTED)
    ours = arm(script)
    ours.get(NIC_ID)
    other = POOL_ID.replace("/s1/", "/s2/")
    ours.get(other)
    ours.begin_put(other, {})
    assert [urlsplit(asked.url).path for asked in script.asked] == [NIC_ID, other, other]


def test_an_id_in_another_case_is_asked_for_too() -> None:
    """The service itself spells its ids in several ways."""
    script = Script(Says(body=NIC))
    assert arm(script).get(NIC_ID.upper()) == NIC


@pytest.mark.parametrize("resource_id", [VM_ID, f"{GROUP}/publicIPPrefixes/x", f"{GROUP}/loadBalancers"])
def test_what_is_never_written_is_refused_before_any_request(resource_id: str) -> None:
    """Only kinds that a backend needs can be written."""
    script = Script()
    with pytest.raises(Refused) as caught:
        arm(script).begin_put(resource_id, {})
    assert caught.value.kind == "azure-rejected"
    assert script.asked == []


@pytest.mark.parametrize(
    "resource_id",
    [
        "",
        "/",
        "nic",
        "https://evil.example/subscriptions/s",
        ".evil.example/subscriptions/s/x",
        "@evil.example/subscriptions/s/x",
        "//evil.example/subscriptions/s/x",
        "/subscriptions/s?x=/providers/Microsoft.Network/networkInterfaces/n",
        "/subscriptions/s#/providers/Microsoft.Network/networkInterfaces/n",
    ],
)
def test_what_is_no_id_is_refused_before_any_request(resource_id: str) -> None:
    """It would bring a token elsewhere."""
    script = Script()
    for ask in (arm(script).get, lambda it: arm(script).begin_put(it, {})):
        with pytest.raises(Refused) as caught:
            ask(resource_id)
        assert caught.value.kind == "azure-rejected"
    assert script.asked == []


def test_an_answer_that_is_no_object_is_refused() -> None:
    """A resource is an object."""
    with pytest.raises(Refused):
        arm(Script(Says(body=[1]))).get(VM_ID)


def test_a_token_that_the_service_did_not_believe_is_forgotten() -> None:
    """The next call brings another."""
    tokens = Tokens()
    script = Script(failing("ExpiredAuthenticationToken", status=401), Says(body=NIC))
    ours = arm(script, tokens=tokens)
    with pytest.raises(DrainerError):
        ours.get(NIC_ID)
    assert ours.get(NIC_ID) == NIC
    assert script.asked[-1].headers["Authorization"] == "Bearer tok-SECRET-2"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """Whoever answers there learns nothing."""
    away = Says(status=status, headers={"Location": "https://evil.example/x"})
    script = Script(away, Says(body=NIC))
    with pytest.raises(Transient) as caught:
        arm(script).get(NIC_ID)
    assert caught.value.kind == "azure-unavailable"
    assert len(script.asked) == 1


def test_a_write_that_is_done_at_once_is_final() -> None:
    """Status 200 or 201 without an operation's address, and the state in the body."""
    for status in (200, 201):
        script = Script(Says(status=status, body=NIC))
        ours = arm(script)
        assert ours.operation(ours.begin_put(NIC_ID, NIC)) == Succeeded()
        assert len(script.asked) == 1


def test_two_writes_have_keys_of_their_own() -> None:
    """None is taken for another."""
    ours = arm(Script(ACCEPTED, ACCEPTED))
    assert ours.begin_put(NIC_ID, {}).key != ours.begin_put(NIC_ID, {}).key


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://management.azure.com", "https://management.azure.com"),
        ("https://management.usgovcloudapi.net", "https://management.usgovcloudapi.net"),
        ("https://127.0.0.1:8443", "https://management.azure.com"),
    ],
)
def test_a_token_is_for_the_cloud_that_is_asked(url: str, audience: str) -> None:
    """An emulator takes the public cloud's."""
    assert audience_of(url) == audience


def test_closed_it_asks_no_more_for_tokens() -> None:
    """And may be closed before anything was asked."""
    ours = arm(Script(Says()))
    assert ours.instance() == {"compute": {}}
    ours.rest()
    ours.close()
