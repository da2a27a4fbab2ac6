"""What the management API refuses, and how it misbehaves when told to, as Azure's own client meets it."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import requests
from azure.core.exceptions import (
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpResponse
from azure.mgmt.network import NetworkManagementClient

from metadata_server.testing import ServedEmulator
from metadata_server.tokens import principal_of
from tests.until import until
from tests.wire.metadata_server.azure_client import (
    API,
    GROUP,
    NET,
    QUICK,
    WEB,
    ask,
    client,
    nic,
    pool,
    served,
    topology,
)

JOIN = "Microsoft.Network/loadBalancers/backendAddressPools/join/action"
WRITE = "Microsoft.Network/networkInterfaces/write"


@pytest.fixture(scope="module")
def shared() -> Iterator[ServedEmulator]:
    with served(topology()) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: ServedEmulator) -> Iterator[ServedEmulator]:
    """Every right and no fault, whatever the test before did."""
    yield shared
    shared.control.give("arm-mend")
    for name in ("vm1", "vm2"):
        shared.control.give("assign", vm=name, roles=["drain", "drain-pool", "doctor"])
    for name in ("if-match", "concurrent-write", "operations-read", "operation-time", "pool-put-body"):
        shared.control.give("switch", name=name, value=_default(name))


def _default(name: str) -> str:
    return QUICK.shown(name)


def body_of(emulator: ServedEmulator, path: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(emulator, "GET", path).json()
    return found


def error(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Authorization": ""}, "AuthenticationFailed"),
        ({"Authorization": "Basic eDp5"}, "AuthenticationFailed"),
        ({"Authorization": "Bearer a.b.c"}, "InvalidAuthenticationToken"),
    ],
)
def test_without_a_token(emulator: ServedEmulator, headers: dict[str, str], code: str) -> None:
    """No token, another scheme and somebody else's token are 401 with a challenge."""
    reply = ask(emulator, "GET", nic("vm1"), headers=headers)
    assert error(reply) == (401, code)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


@pytest.mark.parametrize(
    ("audience", "lifetime", "code"),
    [
        ("https://vault.azure.net", timedelta(hours=1), "InvalidAuthenticationTokenAudience"),
        ("https://management.azure.com", timedelta(seconds=-1), "ExpiredAuthenticationToken"),
    ],
)
def test_with_another_token(emulator: ServedEmulator, audience: str, lifetime: timedelta, code: str) -> None:
    """A token for another service, or past its end, is 401 under a code of its own."""
    token = emulator.token(principal_of("vm1"), audience=audience, lifetime=lifetime)
    reply = ask(emulator, "GET", nic("vm1"), headers={"Authorization": f"Bearer {token}"})
    assert error(reply) == (401, code)


@pytest.mark.parametrize(
    ("params", "code"),
    [({}, "MissingApiVersionParameter"), ({"api-version": "latest"}, "InvalidApiVersionParameter")],
)
def test_without_a_version(emulator: ServedEmulator, params: dict[str, str], code: str) -> None:
    """Each request names a version of the API."""
    assert error(ask(emulator, "GET", nic("vm1"), params=params)) == (400, code)


def test_a_missing_right(emulator: ServedEmulator) -> None:
    """Without the right to write, the client meets 403 with the action and the scope in the message."""
    emulator.control.give("assign", vm="vm1", roles=["drain"], without=[WRITE])
    with client(emulator) as sdk:
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        with pytest.raises(HttpResponseError) as caught:
            sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found)
    who = principal_of("vm1")
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "AuthorizationFailed"
    assert caught.value.error.message == (
        f"The client '{who.client_id}' with object id '{who.object_id}' does not have authorization to "
        f"perform action '{WRITE}' over scope '{nic('vm1')}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials."
    )


def test_joining_is_a_right_of_its_own(emulator: ServedEmulator) -> None:
    """Where joining is denied, a body that names the pool is refused, and one that leaves it is taken: a VM
    can take itself out and not put itself back."""
    emulator.control.give("assign", vm="vm1", roles=["drain"], without=[JOIN])
    with client(emulator) as sdk:
        inside = sdk.network_interfaces.get(GROUP, "vm1-nic")
        outside = sdk.network_interfaces.get(GROUP, "vm1-nic")
        outside["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = []
        put = sdk.network_interfaces.begin_create_or_update
        with pytest.raises(HttpResponseError, match="LinkedAuthorizationFailed"):
            put(GROUP, "vm1-nic", inside)
        # its gateway's pool is joined under another right
        put(GROUP, "vm1-nic", outside).result()
        with pytest.raises(HttpResponseError) as caught:
            put(GROUP, "vm1-nic", inside)
        assert (
            f"it does not have permission to perform action '{JOIN}' on the linked scope(s) '{WEB}'"
            in caught.value.message
        )
        emulator.control.give("assign", vm="vm1", roles=["drain"])
        put(GROUP, "vm1-nic", inside).result()


def test_a_pool_that_is_gone(emulator: ServedEmulator) -> None:
    """A reference to a pool that is not there is 400."""
    body = body_of(emulator, nic("vm1"))
    pools = body["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"]
    pools.append({"id": WEB.replace("/web", "/gone")})
    assert error(ask(emulator, "PUT", nic("vm1"), body=body)) == (400, "InvalidResourceReference")


def test_asking_after_an_operation_may_need_a_right(emulator: ServedEmulator) -> None:
    """With the switch, the poll of a write is refused to a role without that right; without, it is free."""
    right = "Microsoft.Network/locations/operations/read"
    emulator.control.give("assign", vm="vm1", roles=["drain"], without=[right])
    reply = ask(emulator, "PUT", nic("vm1"), vm="vm1", body=body_of(emulator, nic("vm1")))
    address = reply.headers["Azure-AsyncOperation"]
    assert ask(emulator, "GET", address, vm="vm1", params={}).status_code == 200
    emulator.control.give("switch", name="operations_read", value="needed")
    assert error(ask(emulator, "GET", address, vm="vm1", params={})) == (403, "AuthorizationFailed")


@pytest.mark.parametrize(
    ("value", "expected"), [("429", (429, "RetryableError")), ("409", (409, "AnotherOperationInProgress"))]
)
def test_a_write_beside_another(emulator: ServedEmulator, value: str, expected: tuple[int, str]) -> None:
    """Beside a write that runs, another is told to wait, as the switch has it."""
    emulator.control.give("switch", name="operation-time", value="1h")
    body = body_of(emulator, nic("vm2"))
    first = ask(emulator, "PUT", nic("vm2"), body=body)
    emulator.control.give("switch", name="concurrent-write", value=value)
    second = ask(emulator, "PUT", nic("vm2"), body=body)
    assert (first.status_code, error(second)) == (200, expected)
    emulator.control.give("switch", name="concurrent-write", value="superseded")
    emulator.control.give("switch", name="operation-time", value="0s")
    assert ask(emulator, "PUT", nic("vm2"), body=body).status_code == 200
    polled = ask(emulator, "GET", first.headers["Azure-AsyncOperation"], params={}).json()
    assert polled["status"] == "Canceled"
    assert polled["error"]["code"] == "CanceledAndSupersededDueToAnotherOperation"


def test_if_match_may_be_ignored(emulator: ServedEmulator) -> None:
    """With the switch, a write under another etag is done."""
    body = body_of(emulator, nic("vm1"))
    emulator.control.give("switch", name="if_match", value="ignored")
    assert ask(emulator, "PUT", nic("vm1"), body=body, headers={"If-Match": 'W/"0"'}).status_code == 200


def test_members_of_an_interface_pool_are_not_written_there(emulator: ServedEmulator) -> None:
    """A pool of interfaces takes its own list back, also without the members that Azure's client leaves out,
    and no other."""
    with client(emulator) as sdk:
        pools = sdk.load_balancer_backend_address_pools
        found = pools.get(GROUP, "lb", "web")
        pools.begin_create_or_update(GROUP, "lb", "web", found).result()
        del found["properties"]["loadBalancerBackendAddresses"][0]
        with pytest.raises(HttpResponseError, match="ModificationOfNICIpConfigBackendPoolNotSupported"):
            pools.begin_create_or_update(GROUP, "lb", "web", found)


def test_an_administrative_state_reaches_the_balancer(emulator: ServedEmulator) -> None:
    """adminState of a member is written on the pool of interfaces, shown there, and followed."""
    with client(emulator) as sdk:
        pools = sdk.load_balancer_backend_address_pools
        for wanted in ("Down", "None"):
            found = pools.get(GROUP, "lb", "web")
            found["properties"]["loadBalancerBackendAddresses"][0]["properties"]["adminState"] = wanted
            pools.begin_create_or_update(GROUP, "lb", "web", found).result()
            again = pools.get(GROUP, "lb", "web").load_balancer_backend_addresses
            assert [each.admin_state for each in again] == [wanted, "None"]
            until(partial(is_state, emulator, wanted.lower()), wanted)


def is_state(emulator: ServedEmulator, state: str) -> bool:
    return emulator.effects().pools["web"]["vm1"] == state


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("429", 429, "TooManyRequests"),
        ("409", 409, "AnotherOperationInProgress"),
        ("412", 412, "PreconditionFailed"),
        ("500", 500, "InternalServerError"),
        ("503", 503, "ServiceUnavailable"),
    ],
)
def test_faults_that_answer(emulator: ServedEmulator, kind: str, status: int, code: str) -> None:
    """A fault answers in the place of the API, with Retry-After if it is given, to the requests it names."""
    emulator.control.give("arm-fault", kind=kind, every=2, times=1, method="GET", path="vm1-nic", retry=7)
    replies = [ask(emulator, "GET", nic("vm1")) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, status, 200, 200]
    assert error(replies[1]) == (status, code)
    assert replies[1].headers["Retry-After"] == "7"


def test_a_write_dropped_before_or_after(emulator: ServedEmulator) -> None:
    """A dropped write was not done, one that was dropped after was; the client hears the same of both."""
    etag = body_of(emulator, nic("vm1"))["etag"]
    with client(emulator) as sdk:
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        for kind, done in (("drop", False), ("drop-after", True)):
            emulator.control.give("arm-fault", kind=kind, method="PUT", times=1)
            with pytest.raises((ServiceRequestError, ServiceResponseError)):
                sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found)
            assert (body_of(emulator, nic("vm1"))["etag"] != etag) is done


def test_a_fault_of_writes_alone(emulator: ServedEmulator) -> None:
    """A fault that names a method meets no other one, and the controller shows how often it was met."""
    emulator.control.give("arm-fault", kind="503", method="PUT", vm="vm1")
    with client(emulator) as sdk:
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        for _ in range(2):
            with pytest.raises(HttpResponseError, match="ServiceUnavailable"):
                sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found)
        sdk.network_interfaces.get(GROUP, "vm1-nic")
    [shown] = emulator.control.show("arm-faults")["faults"]
    assert (shown["kind"], shown["method"], shown["vm"], shown["hits"]) == ("503", "PUT", "vm1", 2)


def test_a_pool_that_is_written_says_so(emulator: ServedEmulator) -> None:
    """While a write of a pool runs, the pool itself says Updating, and its balancer does."""
    addresses = WEB.replace("/web", "/addresses")
    before = body_of(emulator, addresses)
    emulator.control.give("switch", name="operation-time", value="2s")
    assert ask(emulator, "PUT", addresses, body=before).status_code == 200
    for path in (addresses, WEB.partition("/backendAddressPools")[0]):
        assert body_of(emulator, path)["properties"]["provisioningState"] == "Updating"

    def over() -> bool:
        return bool(body_of(emulator, addresses)["properties"]["provisioningState"] == "Succeeded")

    until(over, "the end of the write")


def test_a_slow_answer(emulator: ServedEmulator) -> None:
    """A slow write is done at once, and answered late."""
    etag = body_of(emulator, nic("vm1"))["etag"]
    emulator.control.give("arm-fault", kind="slow", delay="1h", method="PUT")
    with client(emulator, read_timeout=0.2) as sdk:
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        with pytest.raises(ServiceResponseError):
            sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found)
    assert body_of(emulator, nic("vm1"))["etag"] != etag


def test_a_write_that_fails_in_the_end(emulator: ServedEmulator) -> None:
    """An operation that fails says why, and the resource is again what it was."""
    emulator.control.give("arm-fault", kind="fail", method="PUT", times=1)
    with client(emulator) as sdk:
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        before = found.as_dict()["properties"]["ipConfigurations"][0]["properties"]
        found["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = []
        with pytest.raises(HttpResponseError, match="InternalServerError"):
            sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found).result()
        after = sdk.network_interfaces.get(GROUP, "vm1-nic").as_dict()["properties"]
    assert after.pop("provisioningState") == "Failed"
    assert after["ipConfigurations"][0]["properties"] == {**before, "provisioningState": "Failed"}


def test_throttling(emulator: ServedEmulator) -> None:
    """Each answer tells how much is left; past the documented burst reads are 429 with Retry-After."""
    with client(emulator, "vm2") as sdk:
        left: list[int] = []
        refused = throttled(sdk, left)
    assert refused.status_code == 429
    assert isinstance(refused.response, HttpResponse)
    assert refused.response.headers["Retry-After"] == "1"
    assert left[0] <= 249


def throttled(sdk: NetworkManagementClient, left: list[int]) -> HttpResponseError:
    """The refusal after so many reads that a bucket is empty."""
    for _ in range(2000):
        try:
            sdk.network_interfaces.get(
                GROUP, "vm2-nic", raw_response_hook=lambda raw: left.append(_left(raw))
            )
        except HttpResponseError as error:
            return error
    raise AssertionError("2000 reads, and no throttling")


def _left(raw: Any) -> int:
    return int(raw.http_response.headers.get("x-ms-ratelimit-remaining-subscription-reads", 0))


def test_the_log_of_requests(emulator: ServedEmulator) -> None:
    """The log tells who asked what and the status, and never a token."""
    emulator.control.give("arm-fault", kind="500", method="GET", vm="vm1", times=1)
    ask(emulator, "GET", nic("vm1"), vm="vm1", headers={"x-ms-client-request-id": "known"})
    last = emulator.requests()[-1]
    assert (last["vm"], last["method"], last["path"], last["status"]) == ("vm1", "GET", nic("vm1"), 500)
    assert last["request_id"] == "known"
    assert "Bearer" not in str(emulator.requests())


def test_permissions(emulator: ServedEmulator) -> None:
    """A VM reads the actions it has at a scope, if the doctor's role is among its roles."""
    path = f"{nic('vm1')}/providers/Microsoft.Authorization/permissions"
    emulator.control.give("assign", vm="vm1", roles=["drain", "doctor"], without=[JOIN])
    [granted] = ask(emulator, "GET", path, vm="vm1", params=API).json()["value"]
    assert WRITE in granted["actions"]
    assert JOIN not in granted["actions"]
    emulator.control.give("assign", vm="vm1", roles=["drain"])
    assert error(ask(emulator, "GET", path, vm="vm1")) == (403, "AuthorizationFailed")


def test_an_operators_write_and_deletion(emulator: ServedEmulator) -> None:
    """What an operator writes past the API holds at once, under a new etag; a pool that is deleted is gone
    from every interface."""
    before = emulator.resource(nic("vm2"))
    emulator.control.give("arm-put", body={**before, "tags": {"by": "hand"}})
    after = emulator.resource(nic("vm2"))
    assert (after["tags"], after["etag"] != before["etag"]) == ({"by": "hand"}, True)
    balancer = emulator.resource(f"{NET}/loadBalancers/lb")
    emulator.control.give("arm-delete", resource=WEB)
    assert ask(emulator, "GET", WEB).status_code == 404
    configuration = emulator.resource(nic("vm2"))["properties"]["ipConfigurations"][0]
    assert configuration["properties"]["loadBalancerBackendAddressPools"] == []
    emulator.control.give("arm-put", body=balancer)
    for name in ("vm1", "vm2"):
        emulator.control.give("arm-put", body={**before, "id": nic(name), "name": f"{name}-nic"})


def test_another_authority_is_not_trusted(emulator: ServedEmulator) -> None:
    """A client that does not trust the throw-away authority gets no answer."""
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{emulator.management_url}{nic('vm1')}", timeout=10)


def test_the_way_out_is_the_pool() -> None:
    """Where the pool is the only way out, a VM that has left it is never answered again, and its siblings
    are; an operator's hand brings it back."""
    only = topology(pools=(pool("web", "vm1", "vm2", outbound_rule=True),), outbound="pool")
    with served(only) as emulator, client(emulator, read_timeout=0.3) as sdk:
        inside = emulator.resource(nic("vm1"))
        found = sdk.network_interfaces.get(GROUP, "vm1-nic")
        found["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = []
        sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found)
        until(lambda: "vm1" in emulator.effects().cut_off, "vm1 to be cut off")
        with pytest.raises(ServiceResponseError):
            sdk.network_interfaces.get(GROUP, "vm1-nic")
        assert ask(emulator, "GET", nic("vm1"), vm="vm2").status_code == 200
        emulator.control.give("arm-put", body=inside)
        assert sdk.network_interfaces.get(GROUP, "vm1-nic").name == "vm1-nic"
