"""`drainer.management.Arm` by Azure's own SDK, in this process: raw JSON, and writes as operations."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.network import NetworkManagementClient

from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Failed, Json, Operation, Running, State, Succeeded
from drainer.transport.azure.sdk.answers import code_and_message, retry_after, translated, unreadable
from drainer.transport.azure.sdk.credential import Prefetched
from drainer.transport.azure.sdk.polling import LONGEST_DELAY_S, CappedPolling
from drainer.transport.azure.sdk.versions import version_of
from drainer.transport.azure.sdk.writes import begin, read

NETWORK = "/providers/microsoft.network/"
CONNECT_S, READ_S = 2, 8
MOST_PAGES = 100
CLOSED = (401, 403, 404, 410)
"""An operation's address that answers so is closed to us: the resource itself says how it stands."""

PUBLIC = "https://management.azure.com"


def audience_of(management_url: str) -> str:
    """Whom a token is for: each cloud's own management API, and the public cloud's anywhere else."""
    host = urlsplit(management_url).hostname or ""
    return management_url if host.startswith("management.") else PUBLIC


def _plain(resource_id: str) -> bool:
    """No part of it may end the path of an address."""
    return not set("?#\\@") & set(resource_id)


@dataclass(slots=True, kw_only=True)
class _Write:
    resource_id: str
    polling: CappedPolling
    next_at: float = 0.0
    state: State = field(default_factory=Running)


class SdkArm:
    """One client. `instance` reads the metadata service; `transport` is azure-core's, for tests."""

    def __init__(
        self,
        *,
        management_url: str,
        credential: Prefetched,
        instance: Callable[[], Json],
        now: Callable[[], datetime],
        ca_file: str = "",
        transport: Any = None,
        draw: Callable[[], float] = random.random,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self._instance = instance
        self._credential = credential
        self._now, self._draw, self._elapsed = now, draw, elapsed
        self._host = (urlsplit(management_url).hostname or "").casefold()
        self._writes: dict[str, _Write] = {}
        self._numbers = itertools.count(1)
        self._clients: dict[str, NetworkManagementClient] = {}
        self._url = management_url
        self._options: dict[str, Any] = {"transport": transport} if transport is not None else {}
        if ca_file:
            self._options["connection_verify"] = ca_file

    def instance(self) -> Json:
        return self._instance()

    def get(self, resource_id: str) -> Json:
        client = self._client(resource_id)
        try:
            found = read(client, resource_id) if NETWORK in resource_id.casefold() else None
            return self._asked(client, resource_id) if found is None else found
        except AzureError as error:
            raise self._translated(error) from error
        except ValueError as error:  # no JSON, of a type that the SDK does not look into
            raise unreadable(str(error)) from error

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        polling = CappedPolling(host=self._host)
        headers = {"If-Match": if_match} if if_match else {}
        try:
            begin(self._client(resource_id), resource_id, body, polling=polling, headers=headers)
        except AzureError as error:
            raise self._translated(error, writing=True) from error
        except (AttributeError, ValueError) as error:  # the SDK takes any body for a JSON object
            raise unreadable(str(error), writing=True) from error
        if polling.is_untold:
            raise unreadable("it is empty", writing=True)
        key = f"{next(self._numbers)}"
        self._writes[key] = _Write(resource_id=resource_id, polling=polling)
        return Operation(key=key, resource_id=resource_id)

    def operation(self, operation: Operation) -> State:
        write = self._writes.get(operation.key)
        if write is None or write.resource_id != operation.resource_id:
            return self._by_resource(operation.resource_id)
        if isinstance(write.state, Running) and self._elapsed() >= write.next_at:
            write.next_at = self._elapsed() + LONGEST_DELAY_S
            write.state = self._step(write)
        return write.state

    def rest(self) -> None:
        """Nothing to end in this process."""

    def close(self) -> None:
        self._credential.stop()
        for client in self._clients.values():
            client.close()

    def _client(self, resource_id: str) -> NetworkManagementClient:
        """One for each subscription: a balancer may be in another one than its VMs."""
        match resource_id.split("/"):
            case ["", word, subscription, *_] if word.casefold() == "subscriptions" and _plain(resource_id):
                pass
            case _:
                raise Refused("azure-rejected", f"no resource id: {resource_id!r}")
        if subscription not in self._clients:
            self._clients[subscription] = NetworkManagementClient(
                self._credential,
                subscription,
                base_url=self._url,
                credential_scopes=[f"{audience_of(self._url)}/.default"],
                retry_total=0,
                permit_redirects=False,
                connection_timeout=CONNECT_S,
                read_timeout=READ_S,
                user_agent="drainer",
                **self._options,
            )
        return self._clients[subscription]

    def _step(self, write: _Write) -> State:
        """Asked once. Trouble on the way is no answer: the operation goes on without us."""
        try:
            write.polling.step()
        except HttpResponseError as error:
            return self._troubled(write, error)
        except AzureError:
            return Running()
        if not write.polling.is_final:
            return Running()
        if not write.polling.failed:
            return Succeeded()
        code, reason = code_and_message(write.polling.last_response)
        return Failed(code=code or str(write.polling.status()), reason=reason)

    def _troubled(self, write: _Write, error: HttpResponseError) -> State:
        response: Any = error.response
        status = 0 if response is None else response.status_code
        if status == 401:
            self._credential.forget()
        if status in CLOSED:
            return self._by_resource(write.resource_id)
        if response is not None and (later := retry_after(response.headers, now=self._now, draw=self._draw)):
            write.next_at = self._elapsed() + later.total_seconds()
        return Running()

    def _by_resource(self, resource_id: str) -> State:
        found = self.get(resource_id)
        match str(found.get("properties", {}).get("provisioningState", "")).casefold():
            case "succeeded":
                return Succeeded()
            case "failed" | "canceled" as word:
                return Failed(code=word, reason="the resource's provisioning state says so")
            case _:
                return Running()

    def _asked(self, client: NetworkManagementClient, resource_id: str) -> Json:
        """Any other resource, through the same pipeline; of a collection all pages."""
        params = {"api-version": version_of(resource_id)}
        found = _sent(client, HttpRequest("GET", f"{{endpoint}}{resource_id}", params=params))
        following = found.pop("nextLink", None) if isinstance(found.get("value"), list) else None
        for _ in range(MOST_PAGES):
            if not following:
                return found
            where = urlsplit(str(following))
            if where.scheme != "https" or (where.hostname or "").casefold() != self._host:
                raise Refused("azure-untrusted", f"the next page is on another host: {following!s:.100}")
            page = _sent(client, HttpRequest("GET", str(following)))
            found["value"] += page.get("value") or []
            following = page.get("nextLink")
        raise Refused("azure-rejected", f"a collection of more than {MOST_PAGES} pages")

    def _translated(self, error: AzureError, *, writing: bool = False) -> DrainerError:
        ours = translated(error, now=self._now, draw=self._draw, writing=writing)
        if isinstance(ours, Transient) and ours.kind == "azure-token":
            self._credential.forget()
        return ours


def _sent(client: NetworkManagementClient, request: HttpRequest) -> Json:
    response = client.send_request(request)
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise Refused("azure-rejected", "the answer is no JSON object")
    return found
