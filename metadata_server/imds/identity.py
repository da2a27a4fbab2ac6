"""/metadata/identity: access tokens for the managed identities of a VM, and the tenant they belong to.

Source: "How to use managed identities on an Azure VM to acquire an access token", with its table of errors.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from metadata_server.identities import Identity, identities
from metadata_server.imds.exchange import Answer, Question, json_answer, not_allowed, not_found
from metadata_server.imds.gate import FORWARDED, HEADER_MISSING, complaint
from metadata_server.imds.versions import VERSIONS
from metadata_server.switches import Switches
from metadata_server.tokens import TENANT, Tokens
from metadata_server.topology import SYSTEM, Vm

# Instance metadata service, "Endpoint categories".
INTRODUCED = "2018-02-01"
_TOKEN = ("metadata", "identity", "oauth2", "token")
_KEYS = ("client_id", "object_id", "msi_res_id")
_KEPT = 1000
_NOT_FOUND = "Identity not found"
_SEVERAL = (
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity "
    "in the token request"
)
_RESOURCE = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/]+\S*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One token and its time."""

    token: str
    issued_at: datetime
    expires_at: datetime


class Issuer:
    """Gives out tokens, and the same one again until half of its life is over, as the platform does.

    It remembers a bounded number of them.
    """

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens or Tokens()
        self._granted: dict[tuple[str, str, str, timedelta], Grant] = {}

    def grant(self, identity: Identity, *, resource: str, now: datetime, lifetime: timedelta) -> Grant:
        """The token that is there, or a new one."""
        principal = identity.principal
        key = (principal.vm, principal.object_id, resource, lifetime)
        there = self._granted.get(key)
        if there is not None and now < there.issued_at + lifetime / 2:
            return there
        if len(self._granted) >= _KEPT:
            self._granted.clear()
        token = self._tokens.issue(principal, audience=resource, now=now, lifetime=lifetime)
        self._granted[key] = Grant(token=token, issued_at=now, expires_at=now + lifetime)
        return self._granted[key]

    def forget(self, identity: Identity, *, resource: str) -> None:
        """Let the next token for this be a new one."""
        whose = (identity.principal.vm, identity.principal.object_id, resource)
        self._granted = {key: grant for key, grant in self._granted.items() if key[:3] != whose}


def respond(question: Question, vm: Vm, *, issuer: Issuer, switches: Switches, now: datetime) -> Answer:
    """A token, the tenant, or why not."""
    wrong = complaint(question, switches)
    if wrong == FORWARDED and switches.forwarded_body == "empty":
        return Answer(status=400)
    if wrong is not None:
        code = "bad_request_102" if wrong == HEADER_MISSING else "invalid_request"
        return refused(wrong.removeprefix("Bad request. "), code=code)
    if question.segments not in (_TOKEN, (*_TOKEN[:2], "info")):
        return not_found()
    if question.method != "GET":
        return not_allowed("GET")
    version = question.parameter("api-version")
    if version is None:
        return refused("Required query variable 'api-version' is missing")
    if version not in VERSIONS or version < INTRODUCED:
        return refused(f"The api-version {version} is not supported")
    if question.segments != _TOKEN:
        return json_answer({"tenantId": TENANT})
    return _token(question, vm, issuer=issuer, lifetime=switches.token_lifetime, now=now)


def refused(description: str, *, code: str = "invalid_request") -> Answer:
    """400 in the form of OAuth: an error and its description."""
    content = {"error": code, "error_description": description}
    return Answer(status=400, body=json.dumps(content, separators=(",", ":")).encode())


def _token(question: Question, vm: Vm, *, issuer: Issuer, lifetime: timedelta, now: datetime) -> Answer:
    resource = question.parameter("resource")
    if not resource:
        return refused("Required query variable 'resource' is missing")
    if _RESOURCE.fullmatch(resource) is None:
        unknown = f"AADSTS50001: The application named {resource} was not found in the tenant named {TENANT}."
        return refused(unknown, code="invalid_resource")
    identity = _chosen(question, identities(vm))
    if isinstance(identity, str):
        return refused(identity)
    if (question.parameter("bypass_cache") or "").lower() == "true":
        issuer.forget(identity, resource=resource)
    grant = issuer.grant(identity, resource=resource, now=now, lifetime=lifetime)
    return json_answer(_content(grant, identity, resource=resource, now=now))


def _chosen(question: Question, assigned: Sequence[Identity]) -> Identity | str:
    """The identity that is meant, or the complaint that there is none."""
    named = {key: value for key in _KEYS if (value := question.parameter(key)) is not None}
    if len(named) > 1:
        return f"Only one of {', '.join(_KEYS)} may be specified"
    for key, value in named.items():
        found = [identity for identity in assigned if _name(identity, key).lower() == value.lower()]
        return found[0] if found else _NOT_FOUND
    own = [identity for identity in assigned if identity.name == SYSTEM]
    if not own and len(assigned) > 1:
        return _SEVERAL
    return next(iter(own or assigned), _NOT_FOUND)


def _name(identity: Identity, key: str) -> str:
    match key:
        case "client_id":
            return identity.principal.client_id
        case "object_id":
            return identity.principal.object_id
        case _:
            return identity.resource_id


def _content(grant: Grant, identity: Identity, *, resource: str, now: datetime) -> dict[str, str]:
    left = str(max(int((grant.expires_at - now).total_seconds()), 0))
    return {
        "access_token": grant.token,
        "client_id": identity.principal.client_id,
        "expires_in": left,
        "expires_on": str(int(grant.expires_at.timestamp())),
        "ext_expires_in": left,
        "not_before": str(int(grant.issued_at.timestamp())),
        "refresh_token": "",
        "resource": resource,
        "token_type": "Bearer",
    }
