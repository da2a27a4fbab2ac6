"""How a running operation is asked after: the SDK's own polling, never more than two seconds apart.

The service's Retry-After: 10 and the SDK's default of 30 s would make a three-second operation look ten
times as long. The operation's address is used as it came, is never logged, and gets a token only where its
host is the management API's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import DecodeError, HttpResponseError
from azure.core.polling.base_polling import BadResponse, BadStatus, OperationFailed
from azure.mgmt.core.polling.arm_polling import ARMPolling, BodyContentPolling

from drainer.errors import Refused

LONGEST_DELAY_S = 2.0
LOOPBACK = ("127.0.0.1", "localhost")
"""Where an emulator may speak plain http."""


class CappedPolling(ARMPolling):
    """ARMPolling that is driven a step at a time, or run to its end as the SDK does it.

    Inherits, since the SDK takes polling methods of its own kind alone. `stepped`: nobody runs it; `step`
    asks once.
    """

    def __init__(
        self, *, host: str, stepped: bool = True, sleep: Callable[[float], None] | None = None, **config: Any
    ) -> None:
        super().__init__(timeout=LONGEST_DELAY_S, **config)
        self._host = host
        self._stepped = stepped
        self._asked_to_sleep = sleep

    def finished(self) -> bool:
        """The SDK starts a thread for what is not finished: a stepped one says it is."""
        return self._stepped or self.is_final

    @property
    def is_final(self) -> bool:
        return bool(super().finished())

    @property
    def failed(self) -> bool:
        return self.is_final and self.status().casefold() != "succeeded"

    @property
    def is_untold(self) -> bool:
        """Whether the first answer names neither an operation nor a resource: one cut off in its head is a
        bare 200 to the SDK, which takes that for done."""
        return isinstance(self._operation, BodyContentPolling) and not self.last_response.text().strip()

    def step(self) -> None:
        """Ask once, unless it is final. Raises what the SDK raises, and Refused "azure-untrusted"."""
        if self.is_final:
            return
        try:
            self.update_status()
        except (BadStatus, BadResponse, OperationFailed) as error:  # no AzureError: the SDK's loop wraps them
            raise HttpResponseError(response=self.last_response, error=error) from error
        except (AttributeError, ValueError) as error:  # it takes any body for a JSON object
            raise DecodeError("the answer is no JSON object", error=error) from error

    @property
    def last_response(self) -> Any:
        return self._pipeline_response.http_response

    def request_status(self, status_link: str) -> Any:
        """Only the management API's own host, or one below it, is asked: the question carries a token."""
        if why := self._untrusted(status_link):
            raise Refused("azure-untrusted", f"the operation's address {why}")
        return super().request_status(status_link)

    def _untrusted(self, address: str) -> str:
        """Why not to ask there; "" where it is the management API's. Clients read odd addresses oddly."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return "cannot be read"
        host = (parts.hostname or "").casefold()
        if "\\" in address or "@" in parts.netloc:
            return "is not plain"
        if parts.scheme != "https" and self._host not in LOOPBACK:
            return "is not https"
        if host != self._host and not host.endswith(f".{self._host}"):
            return f"is on {host!r}, not on {self._host!r}"
        return ""

    def _delay(self) -> None:
        self._sleep(min(float(self._extract_delay()), LONGEST_DELAY_S))

    def _sleep(self, delay: float) -> None:
        if self._asked_to_sleep is None:
            super()._sleep(delay)
        else:
            self._asked_to_sleep(delay)
