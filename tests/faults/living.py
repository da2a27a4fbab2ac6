"""One daemon before an emulated Azure, looked at from outside: what it can read, and what it holds.

It breaks and mends what the daemon reads; it never starts the daemon a second time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from tests.azure import AzureStand, azure
from tests.soak.gauge import Held, children, held
from tests.until import until

EVENTS = "/metadata/scheduledevents"
TOKEN = "/metadata/identity"
NOWHERE = "http://127.0.0.1:1/"
LAYER = "azure-nic-pool"
ENDED = "the child ended"
NOT_TROUBLE = (None, "asleep", "azure-slow")
"""Kinds of an unread layer that say nothing about whoever is asked."""

MORE: dict[str, dict[str, object]] = {
    "delay": {"delay": "1s"},
    "redirect": {"location": NOWHERE},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """`pid`: of the one daemon."""

    stand: AzureStand
    pid: int

    # --- what it says ---

    def status(self) -> dict[str, Any]:
        return self.stand.sidecar.status()

    def sees(self) -> bool:
        return bool((self.status()["document"] or {}).get("readable"))

    def notices(self) -> list[Any]:
        listed: list[Any] = self.status()["notices"]
        return listed

    def trouble(self) -> str:
        """Why the pool cannot be read; "" where it can, nobody asks, or the child was only ended by us."""
        shown = next(each for each in self.status()["layers"] if each["name"] == LAYER)
        ended = str(shown["reason"]).endswith(ENDED)
        return "" if ended or shown["kind"] in NOT_TROUBLE else f"{shown['kind']}: {shown['reason']}"

    def reads_pool(self) -> bool:
        return any(each["name"] == LAYER and each["kind"] is None for each in self.status()["layers"])

    def waits_for_pool(self) -> bool:
        """Silence is slowness for as long as somebody waits: the pool is unread all the same."""
        return not self.reads_pool()

    def meets_fault(self) -> bool:
        """Whether a fault of the management API that is in force was met."""
        return any(each["hits"] for each in self.stand.platform.control.show("arm-faults")["faults"])

    def reads_pool_by_others(self, children: tuple[int, ...]) -> bool:
        """Whether the pool was read by a child that is none of these."""
        return self.children() not in ((), children) and self.reads_pool()

    # --- what is done to it ---

    def fault(self, kind: str, path: str, **more: object) -> None:
        given = {**MORE.get(kind, {}), **more}
        self.stand.platform.control.give("fault", vm=self.stand.vm, kind=kind, path=path, **given)

    def mend(self) -> None:
        self.stand.platform.control.give("mend", vm=self.stand.vm)

    @contextmanager
    def announced(self) -> Iterator[None]:
        """A notice for as long as this lasts; at its end the daemon has seen it gone."""
        event = self.stand.schedule(in_="4m")
        yield
        self.stand.complete(event)
        until(lambda: not self.notices(), "the end of the notice", every_s=0.05)

    def hold(self) -> None:
        """Take nothing out, give nothing back; whatever it had read is read again."""
        assert self.stand.sidecar.told("hold", "--until", "2h").returncode == 0

    def end_children(self) -> tuple[int, ...]:
        """Whoever is asked next, which is at once, knows no token. Who was ended."""
        ended = self.children()
        for pid in ended:
            os.kill(pid, signal.SIGKILL)
        self.hold()
        return ended

    # --- what it holds ---

    def holds(self) -> Held:
        found = held("daemon", self.pid, at_s=monotonic())
        assert found is not None, "the daemon lives"
        return found

    def peak_kb(self) -> int:
        """The most resident memory that it ever had."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

    def children(self) -> tuple[int, ...]:
        return children(self.pid)

    @property
    def lives(self) -> bool:
        sidecar = self.stand.sidecar
        return sidecar.runs and sidecar.starts == 1 and "bug.survived" not in sidecar.events()


@contextmanager
def living(root: Path) -> Iterator[Living]:
    """A daemon that has read its first document, however slowly that was answered."""
    with azure(root, first_answer="2s") as stand:
        sidecar = stand.start()
        sidecar.until_said("daemon.started")
        assert sidecar.process is not None
        one = Living(stand=stand, pid=sidecar.process.pid)
        until(one.sees, "the first document")
        yield one
