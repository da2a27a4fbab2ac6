"""This VM's managed identity: a token fetched ahead of its use, so that no call waits for one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError

from drainer.transport.azure.settings import LOGGED_IN

LIMITS = {"retry_total": 0, "connection_timeout": 0.5, "read_timeout": 2}
"""The package's own take 45 s and more where the metadata service is silent (measured)."""

AZ_S = 15

SHORTEST_LIFE_S = 60.0
"""A token that lasts less is not used any more."""

RENEWED_AFTER = 0.5
"""So much of what is left of its life is let pass."""

AFTER_FAILURE_S = 5.0


class TokenSource(Protocol):
    def get_token(self, *scopes: str, **more: Any) -> AccessToken: ...


def managed_identity(client_id: str, *, transport: Any = None) -> TokenSource:
    """The package's credential with short time-outs; `client_id` "": the system-assigned identity, "az": who
    is logged in with the command line. `transport` is azure-core's, for tests.
    """
    from azure.identity import AzureCliCredential, ManagedIdentityCredential

    if client_id == LOGGED_IN:
        return AzureCliCredential(process_timeout=AZ_S)

    options: dict[str, Any] = {**LIMITS, "client_id": client_id or None}
    if transport is not None:
        options["transport"] = transport
    return ManagedIdentityCredential(**options)


class Prefetched:
    """A credential that fetches in a thread of its own from `start` on, and renews in good time."""

    def __init__(
        self,
        source: TokenSource,
        scope: str,
        *,
        now: Callable[[], datetime],
        rest: Callable[[float], bool] | None = None,
    ) -> None:
        """`rest` waits so many seconds and tells whether to end; None: until `stop`."""
        self._source = source
        self._scope = scope
        self._now = now
        self._turn = threading.Lock()
        self._token: AccessToken | None = None
        self._ended = threading.Event()
        self._rest = rest or self._ended.wait

    def start(self) -> None:
        threading.Thread(target=self._renew, name="token", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        """The token at hand, or a fresh one. Raises ClientAuthenticationError, without a response."""
        if more.get("claims"):
            return self._fetched(**more)
        token = self._token
        return token if token is not None and self._left(token) > SHORTEST_LIFE_S else self._fetched()

    def forget(self) -> None:
        """The service did not believe it: the next call fetches another."""
        self._token = None

    def _fetched(self, **more: Any) -> AccessToken:
        with self._turn:
            try:
                self._token = self._source.get_token(self._scope, **more)
            except AzureError as error:  # with a response of the metadata service, not of the management API
                raise ClientAuthenticationError(str(error)) from error
            return self._token

    def _renew(self) -> None:
        rests_s = 0.0
        while not self._rest(rests_s):
            rests_s = AFTER_FAILURE_S
            with contextlib.suppress(AzureError):
                rests_s = max(AFTER_FAILURE_S, self._left(self._fetched()) * RENEWED_AFTER)

    def _left(self, token: AccessToken) -> float:
        return token.expires_on - self._now().timestamp()
