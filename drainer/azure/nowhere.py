"""Where no management API is configured: every call says so, and nothing is asked."""

from __future__ import annotations

from typing import NoReturn

from drainer.errors import Refused
from drainer.management import Json, Operation


class Nowhere:
    """Stands in for `drainer.management.Arm`."""

    def instance(self) -> NoReturn:
        raise Refused("azure-unreachable", "there is no management API here")

    def get(self, resource_id: str) -> NoReturn:
        self.instance()

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> NoReturn:
        self.instance()

    def operation(self, operation: Operation) -> NoReturn:
        self.instance()

    def rest(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing runs."""
