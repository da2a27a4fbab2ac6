"""Collections of the management API come in pages; as whom they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from drainer.errors import Refused
from drainer.transport.azure.sdk import arm as sdk
from drainer.transport.azure.sdk.credential import Prefetched, managed_identity

LISTED = "/subscriptions/s/providers/Microsoft.Network/networkInterfaces"
HOST = "https://management.test"


@pytest.fixture
def arm() -> Iterator[sdk.SdkArm]:
    """A client that sends nothing by itself."""
    credential = Prefetched(managed_identity(""), "scope", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    made = sdk.SdkArm(
        management_url=HOST,
        credential=credential,
        instance=dict,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    yield made
    made.close()


def served(monkeypatch: pytest.MonkeyPatch, *pages: dict[str, Any]) -> list[str]:
    """Answer with these pages in order, the last one for ever; the addresses that were asked."""
    asked: list[str] = []

    def sent(_client: object, request: Any) -> dict[str, Any]:
        asked.append(request.url)
        page = pages[min(len(asked), len(pages)) - 1]
        return {name: list(value) if isinstance(value, list) else value for name, value in page.items()}

    monkeypatch.setattr(sdk, "_sent", sent)
    return asked


def test_all_pages_are_read(arm: sdk.SdkArm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page's address is asked as it came, and one list comes back."""
    following = f"{HOST}/next?token=1"
    asked = served(monkeypatch, {"value": [1], "nextLink": following}, {"value": [2]})
    assert arm.get(LISTED) == {"value": [1, 2]}
    assert asked[1] == following


@pytest.mark.parametrize("following", ["https://elsewhere.test/next", "http://management.test/next"])
def test_a_page_elsewhere_gets_no_token(
    arm: sdk.SdkArm, monkeypatch: pytest.MonkeyPatch, following: str
) -> None:
    """A next page on another host, or without TLS, is refused before it is asked."""
    asked = served(monkeypatch, {"value": [1], "nextLink": following})
    with pytest.raises(Refused, match="azure-untrusted"):
        arm.get(LISTED)
    assert len(asked) == 1


def test_pages_without_end(arm: sdk.SdkArm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection that never ends is given up."""
    asked = served(monkeypatch, {"value": [], "nextLink": f"{HOST}/next"})
    with pytest.raises(Refused, match="pages"):
        arm.get(LISTED)
    assert len(asked) <= sdk.MOST_PAGES + 1


def test_whoever_is_logged_in_acts() -> None:
    """`az` in place of a client id stands for the command line's login."""
    assert type(managed_identity("az")).__name__ == "AzureCliCredential"
    assert type(managed_identity("")).__name__ == "ManagedIdentityCredential"
