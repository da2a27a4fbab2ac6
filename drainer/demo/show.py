"""Show who serves what as it happens: a live table on a terminal, one line an event elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from time import monotonic
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

WINDOW_S = 1.0
BAR = 40
STYLES = {"notice": "yellow", "reboot": "bold red", "boot": "magenta", "restored": "bold green"}


class Seen(Protocol):
    """One request as the traffic reports it."""

    @property
    def vm(self) -> str: ...

    @property
    def ok(self) -> bool: ...


class Show:
    """Fed by traffic and by what happens to VMs; draws itself ten times a second on a terminal."""

    def __init__(self, console: Console, title: str, vms: tuple[str, ...]) -> None:
        self._console = console
        self._title = title
        self._vms = vms
        self._states = dict.fromkeys(vms, "serving")
        self._recent: deque[tuple[float, str]] = deque()
        self._served: Counter[str] = Counter()
        self._failed = 0
        self._began = monotonic()
        self._live = Live(console=console, refresh_per_second=10, get_renderable=self._draw, transient=False)

    def __enter__(self) -> Show:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(self._title)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def answered(self, vm: str, *, ok: bool) -> None:
        """A request came to its end."""
        if not ok:
            self._failed += 1
            return
        self._served[vm] += 1
        self._recent.append((monotonic(), vm))

    def happened(self, vm: str, what: str) -> None:
        """Something happened to a VM."""
        self._states[vm] = what
        if not self._console.is_terminal:
            at = monotonic() - self._began
            asked = sum(self._served.values()) + self._failed
            self._console.print(
                f"{at:6.1f} s  {vm}  {what:<24} {asked:>6} requests, {self._failed} failed", highlight=False
            )

    def out(self, taking: dict[str, bool]) -> None:
        """Which VMs the balancer gives new work now."""
        for vm, takes in taking.items():
            if self._states.get(vm) == "notice" and not takes:
                self.happened(vm, "drained out of the pool")
            elif self._states.get(vm) == "restored" and takes:
                self._states[vm] = "serving"

    def _draw(self) -> RenderableType:
        now = monotonic()
        while self._recent and now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()
        rate = Counter(vm for _, vm in self._recent)
        most = max(rate.values(), default=1)
        table = Table(title=self._title, title_justify="left", expand=False)
        for column in ("VM", "state", "requests/s", "", "served"):
            table.add_column(column, justify="right" if column in ("requests/s", "served") else "left")
        for vm in self._vms:
            bar = "█" * round(BAR * rate[vm] / max(most, 1))
            table.add_row(vm, self._state(vm), str(rate[vm]), bar.ljust(BAR), str(self._served[vm]))
        asked = sum(self._served.values()) + self._failed
        colour = "bold red" if self._failed else "green"
        total = Text(f"{now - self._began:6.1f} s   {asked} requests, ")
        total.append(f"{self._failed} failed", style=colour)
        return Group(table, total)

    def _state(self, vm: str) -> Text:
        state = self._states[vm]
        return Text(state, style=STYLES.get(state.split(",")[0], "green" if state == "serving" else "yellow"))
