"""/metadata/identity: which identity is meant, what its token says, and how long it is the same."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from metadata_server.clock import ManualClock
from metadata_server.commands import SetSwitch
from metadata_server.identities import identities
from metadata_server.imds.exchange import Answer
from metadata_server.imds.identity import Issuer
from metadata_server.imds.service import respond
from metadata_server.imds.sources import Sources
from metadata_server.tokens import TENANT, TokenRefused, Tokens, principal_of
from metadata_server.topology import Topology, Vm
from metadata_server.world import World
from tests.unit.metadata_server.builders import ANYWHERE, NOON, ask, at, world

ARM = "https://management.azure.com"
TOKEN = "/metadata/identity/oauth2/token"


def vm(*names: str) -> Vm:
    return Vm(name="web1", address=ANYWHERE, identities=names)


class Stage:
    """One VM with these identities, and its token service."""

    def __init__(self, *names: str) -> None:
        self.vm = vm(*names)
        self.world: World = world(topology=Topology(vms=(self.vm,)))
        self.tokens = Tokens()
        self._sources = Sources(issuer=Issuer(self.tokens))

    def get(
        self, query: str = "", *, url: str = TOKEN, method: str = "GET", metadata: str = "true", via: str = ""
    ) -> Answer:
        asked = f"{url}?api-version=2018-02-01&resource={ARM}{query}"
        question = ask(asked, method=method, metadata=metadata, x_forwarded_for=via)
        return respond(question, self.world, self._sources)

    def exactly(self, url: str) -> Answer:
        return respond(ask(url), self.world, self._sources)

    def client_id(self, query: str = "") -> str:
        return str(content(self.get(query))["client_id"])

    def advance(self, hours: float) -> None:
        assert isinstance(self.world.clock, ManualClock)
        self.world.clock.advance(timedelta(hours=hours))


def content(answer: Answer, status: int = 200) -> Mapping[str, Any]:
    assert answer.status == status
    read: Mapping[str, Any] = json.loads(answer.body)
    return read


def test_answer_is_the_platforms() -> None:
    """Every member is there, every value is a string, and the times are the scenario's."""
    stage = Stage("system")
    answer = content(stage.get())
    noon = int(NOON.timestamp())
    assert {key: value for key, value in answer.items() if key != "access_token"} == {
        "client_id": principal_of("web1").client_id,
        "expires_in": "86400",
        "expires_on": str(noon + 86400),
        "ext_expires_in": "86400",
        "not_before": str(noon),
        "refresh_token": "",
        "resource": ARM,
        "token_type": "Bearer",
    }
    assert stage.tokens.verify(answer["access_token"], now=at(0)) == principal_of("web1")
    with pytest.raises(TokenRefused, match="expired"):
        stage.tokens.verify(answer["access_token"], now=NOON + timedelta(days=1))


def test_tenant_is_told() -> None:
    """The tenant of the identities has a path of its own, with the same rules for headers and versions."""
    stage = Stage("system")
    assert content(stage.get(url="/metadata/identity/info")) == {"tenantId": TENANT}
    assert stage.get(url="/metadata/identity/info", metadata="").status == 400


@pytest.mark.parametrize(
    ("assigned", "chosen"),
    [(("system",), 0), (("one",), 0), (("one", "system"), 1), (("system", "one", "two"), 0)],
)
def test_without_a_name_the_own_identity_is_meant_or_the_only_one(
    assigned: tuple[str, ...], chosen: int
) -> None:
    """A VM's own identity goes first; one made apart is taken where it is the only one."""
    stage = Stage(*assigned)
    assert stage.client_id() == identities(stage.vm)[chosen].principal.client_id


def test_each_name_of_an_identity_finds_it() -> None:
    """Client id, object id and resource id name the same identity, in any case."""
    stage = Stage("system", "one", "two")
    two = identities(stage.vm)[2]
    names = {
        "client_id": two.principal.client_id,
        "object_id": two.principal.object_id.upper(),
        "msi_res_id": two.resource_id.lower(),
    }
    found = {stage.client_id(f"&{key}={value}") for key, value in names.items()}
    assert found == {two.principal.client_id}
    assert two.resource_id.endswith("/Microsoft.ManagedIdentity/userAssignedIdentities/two")


def test_identity_made_apart_is_the_same_on_each_of_its_vms() -> None:
    """Two VMs that share an identity are one principal, told apart by where the token was issued."""
    first, second = (Vm(name=name, address=ANYWHERE, identities=("one",)) for name in ("web1", "web2"))
    [one], [other] = identities(first), identities(second)
    assert one.principal.object_id == other.principal.object_id
    assert (one.principal.vm, other.principal.vm) == ("web1", "web2")


BAD = "invalid_request"


@pytest.mark.parametrize(
    ("assigned", "query", "description"),
    [
        ((), "", "Identity not found"),
        (("system",), "&client_id=00000000-0000-0000-0000-000000000000", "Identity not found"),
        (("system",), "&client_id=", "Identity not found"),
        (("one", "two"), "", "Multiple user assigned identities exist, please specify the clientId"),
        (("one",), "&client_id=a&object_id=b", "Only one of"),
        (("one",), "&client_id=a&client_id=b", "repeated"),
    ],
)
def test_identity_that_is_not_there(assigned: tuple[str, ...], query: str, description: str) -> None:
    """None assigned, none of that name, several and none named: 400 with the reason."""
    refusal = content(Stage(*assigned).get(query), status=400)
    assert refusal["error"] == BAD
    assert description in refusal["error_description"]


@pytest.mark.parametrize(
    ("url", "error", "description"),
    [
        (f"{TOKEN}?resource={ARM}", BAD, "Required query variable 'api-version' is missing"),
        (f"{TOKEN}?api-version=2017-12-01&resource={ARM}", BAD, "2017-12-01 is not supported"),
        (f"{TOKEN}?api-version=2018-02-01", BAD, "Required query variable 'resource' is missing"),
        (f"{TOKEN}?api-version=2018-02-01&resource=", BAD, "Required query variable 'resource' is missing"),
        (f"{TOKEN}?api-version=2018-02-01&resource=arm", "invalid_resource", "AADSTS50001"),
    ],
)
def test_request_that_lacks_something(url: str, error: str, description: str) -> None:
    """A missing or unknown parameter is named in the form of OAuth."""
    refusal = content(Stage("system").exactly(url), status=400)
    assert refusal["error"] == error
    assert description in refusal["error_description"]


@pytest.mark.parametrize(
    ("headers", "error", "description"),
    [
        ({"metadata": ""}, "bad_request_102", "Required metadata header not specified"),
        ({"via": "10.0.0.1"}, BAD, "X-Forwarded-For header is not allowed"),
    ],
)
def test_header_rules_hold(headers: dict[str, str], error: str, description: str) -> None:
    """The header is needed and a proxy is refused, as everywhere; the code is the token service's own."""
    assert content(Stage("system").get(**headers), status=400) == {
        "error": error,
        "error_description": description,
    }


def test_body_of_a_refused_proxy_is_a_switch() -> None:
    """Nobody knows what the refusal of X-Forwarded-For says: with the switch, nothing."""
    stage = Stage("system")
    stage.world.give(SetSwitch(at=NOON, name="forwarded-body", value="empty"))
    answer = stage.get(via="10.0.0.1")
    assert (answer.status, answer.body) == (400, b"")


def test_cache_is_bounded() -> None:
    """However many resources are asked for, the platform remembers a thousand tokens at most."""
    stage = Stage("system")
    first = content(stage.get())
    stage.advance(1)
    for number in range(1000):
        stage.exactly(f"{TOKEN}?api-version=2018-02-01&resource=https://vault{number}.azure.net")
    assert content(stage.get())["access_token"] != first["access_token"]


@pytest.mark.parametrize(("url", "status"), [(TOKEN, 405), ("/metadata/identity/oauth2", 404)])
def test_other_methods_and_paths(url: str, status: int) -> None:
    """A token is only read, and only there."""
    assert Stage("system").get(url=url, method="POST").status == status


def test_token_stays_the_same_until_half_of_its_life() -> None:
    """The platform gives the same token again, with less time left, until half of it is over."""
    stage = Stage("system")
    first = content(stage.get())
    stage.advance(11.5)
    again = content(stage.get())
    assert again["access_token"] == first["access_token"]
    assert (again["expires_in"], again["expires_on"]) == ("45000", first["expires_on"])
    stage.advance(0.5)
    renewed = content(stage.get())
    assert renewed["access_token"] != first["access_token"]
    assert renewed["expires_in"] == "86400"


def test_cache_can_be_bypassed() -> None:
    """A client that bypasses the cache has a new token, and the next ones have that."""
    stage = Stage("system")
    first = content(stage.get())
    stage.advance(1)
    bypassed = content(stage.get("&bypass_cache=true"))
    assert bypassed["access_token"] != first["access_token"]
    assert content(stage.get("&bypass_cache=false")) == bypassed


def test_each_identity_and_resource_has_its_own_token() -> None:
    """The cache mixes neither identities nor resources."""
    stage = Stage("system", "one")
    one = identities(stage.vm)[1].principal.client_id
    vault = stage.exactly(f"{TOKEN}?api-version=2018-02-01&resource=https://vault.azure.net")
    answers = (stage.get(), stage.get(f"&client_id={one}"), vault)
    assert len({content(answer)["access_token"] for answer in answers}) == 3


def test_lifetime_is_a_switch() -> None:
    """A changed lifetime holds for the next token, and one of no life is over as it is issued."""
    stage = Stage("system")
    stage.get()
    stage.world.give(SetSwitch(at=NOON, name="token-lifetime", value="10m"))
    assert content(stage.get())["expires_in"] == "600"
    stage.world.give(SetSwitch(at=NOON, name="token-lifetime", value="0s"))
    assert content(stage.get())["expires_in"] == "0"
