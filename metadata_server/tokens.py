"""Access tokens: issued by the metadata service to a VM, checked by the management API.

A JSON Web Token signed with a secret that lives as long as this emulator. Who may do what with one is not
decided here.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Azure Resource Manager goes by both names, with and without a slash at the end.
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
TENANT = "0f0f0f0f-7e57-4d0c-9f51-7e5700000000"
_NAMES = uuid.UUID("5b2f3a57-9d5e-4f0a-8f0d-7a8e2f6f4c11")
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose token it is; `vm` is the VM whose metadata service issued it, "" for an operator."""

    object_id: str
    client_id: str
    vm: str


class TokenRefused(Exception):
    """The token is no good; `code` is expired, audience or invalid."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"the token was refused: {code}")


def principal_of(vm: str) -> Principal:
    """The principal of a VM's system-assigned identity."""
    return Principal(object_id=guid(f"{vm} object"), client_id=guid(f"{vm} client"), vm=vm)


def guid(name: str) -> str:
    """The GUID that a name always gives."""
    return str(uuid.uuid5(_NAMES, name))


class Tokens:
    """Issues tokens and knows its own again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def issue(self, principal: Principal, *, audience: str, now: datetime, lifetime: timedelta) -> str:
        """A token for `audience`, good from `now` on."""
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "appid": principal.client_id,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "xms_mirid": principal.vm,
        }
        signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def verify(self, token: str, *, now: datetime) -> Principal:
        """Whose it is; TokenRefused if it is not ours, past its time or meant for somebody else."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise TokenRefused("invalid")
        claims = _claims(signed)
        if now.timestamp() >= claims["exp"]:
            raise TokenRefused("expired")
        if claims["aud"].rstrip("/") not in AUDIENCES:
            raise TokenRefused("audience")
        return Principal(object_id=claims["oid"], client_id=claims["appid"], vm=claims["xms_mirid"])

    def _signature(self, signed: str) -> str:
        return _text(hmac.new(self._secret, signed.encode(), hashlib.sha256).digest())


def _claims(signed: str) -> dict[str, Any]:
    encoded = signed.partition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return claims


def _encoded(part: object) -> str:
    return _text(json.dumps(part, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
