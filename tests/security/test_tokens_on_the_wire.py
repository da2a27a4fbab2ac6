"""Where a token may go, and to whom: no other name, no redirect, no reason that people read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drainer.errors import DrainerError, Transient
from drainer.transport.azure.peer import ChildArm
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched
from tests.unit.azure_transport.scripted import NIC_ID, NOW, TOKEN, Says, Script, Tokens
from tests.until import until
from tests.wire.azure_transport.management import NIC_ID as SERVED_ID
from tests.wire.azure_transport.management import served

ELSEWHERE = "https://elsewhere.example/"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln"


def arm_over(script: Script) -> SdkArm:
    return SdkArm(
        management_url="https://management.azure.com",
        credential=Prefetched(Tokens(), "scope", now=lambda: NOW),
        instance=dict,
        now=lambda: NOW,
        transport=script.transport,
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_the_management_api_is_not_followed(status: int) -> None:
    """One request, and an error: the token goes to nobody else, nor is the answer believed."""
    script = Script(Says(status=status, headers={"Location": ELSEWHERE}), Says())
    with pytest.raises(DrainerError):
        arm_over(script).get(NIC_ID)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "told", [f"Authorization: Bearer {TOKEN}", f"bearer  {TOKEN}", f"token {JWT} refused"]
)
def test_a_token_that_is_sent_back_is_in_no_reason(told: str) -> None:
    """A proxy that echoes the request's header in its error does not bring the token into our words."""
    script = Script(Says(status=403, body={"error": {"code": "Forbidden", "message": told}}))
    with pytest.raises(DrainerError) as caught:
        arm_over(script).get(NIC_ID)
    assert "(token)" in caught.value.reason
    assert TOKEN not in str(caught.value)
    assert JWT not in str(caught.value)


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """Our own authority signed it, but not for this name: unreachable, and nothing was asked."""
    with served(tmp_path) as (world, settings):
        named = replace(settings, management_url=f"https://localhost:{world.port}")
        arm = ChildArm(named)
        kinds: list[str] = []

        def told() -> bool:
            try:
                arm.get(SERVED_ID)
            except Transient as error:
                kinds.append(error.kind)
            return bool(kinds) and kinds[-1] != "azure-slow"

        try:
            until(told, "an answer of the child")
        finally:
            arm.close()
        assert kinds[-1] == "azure-unreachable"
        assert world.asked == []
