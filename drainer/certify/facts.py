"""What was measured, and what was not and why: facts.json, whose names are the emulator's switches."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1

NOT_ASKED = {
    "established_on_removal": "no --client URL was given, or none of its connections reached this VM",
    "propagation": "no --client URL was given, or none of its connections reached this VM",
    "rehash_on_change": "it takes clients of several addresses, outside this VM",
    "admin_state_down": "it takes a layer azure-admin-state, which this command does not drive",
    "operations_read": "the management API's client reads the resource where the operation is closed to it",
    "pool_put_body": "no pool is written",
    "ack_unknown": "no notice is ever answered from here",
    "ack_started": "no notice is ever answered from here",
}
"""Facts that stay open unless something below measures them."""


@dataclass(slots=True)
class Facts:
    """Filled as the measuring goes on; what is known by then is written, whatever ends it."""

    measured: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=lambda: dict(NOT_ASKED))
    cycle: dict[str, Any] = field(default_factory=dict)

    def know(self, name: str, value: str) -> None:
        """This is how it is here."""
        self.measured[name] = value
        self.open.pop(name, None)

    def leave(self, name: str, why: str) -> None:
        """It could not be measured."""
        self.open[name] = why
        self.measured.pop(name, None)

    def as_object(self) -> dict[str, Any]:
        """As docs/interfaces.md describes it."""
        return {
            "schema": SCHEMA,
            "facts": dict(sorted(self.measured.items())),
            "unmeasured": dict(sorted(self.open.items())),
            "cycle": self.cycle,
        }


def write(path: Path, facts: Facts) -> None:
    """The file, whole or not at all. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(facts.as_object(), indent=2) + "\n", encoding="utf-8")
    os.replace(fresh, path)
