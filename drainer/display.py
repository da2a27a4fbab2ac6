"""What the daemon shows of itself: the newest tick, and what is wrong, to whoever asks and to the supervisor.

Used by the deciding thread alone; readers look at the board. It decides nothing, and remembers of the alarms
those alone that no tick can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from drainer.alarms import Scene, alarms_of, announce, refusals
from drainer.board import Alarm, Board, Snapshot
from drainer.core.episode import State
from drainer.log import Log
from drainer.ports import Backend
from drainer.status import headline
from drainer.supervisor import Supervisor


class Display:
    """`wake` is called when somebody hands a wish in."""

    def __init__(self, wake: Callable[[], None], *, log: Log, supervisor: Supervisor) -> None:
        self.board = Board(wake)
        self._log = log
        self._supervisor = supervisor
        self._raised: dict[str, Alarm] = {}

    def raise_alarm(self, kind: str, reason: str) -> None:
        """It stands until it is cleared; shown with the next tick."""
        self._raised[kind] = Alarm(kind=kind, reason=reason)

    def clear_alarm(self, kind: str) -> None:
        self._raised.pop(kind, None)

    def recorded(self, state: State) -> None:
        """What the journal says, for whoever asks: the first tick may take its time."""
        self.board.show(Snapshot(state=state))

    def ticked(
        self, scene: Scene, *, layers: Iterable[Backend], vm: str, policy: str, counters: dict[str, float]
    ) -> None:
        """`scene.tick` None: nothing may be decided yet; what is wrong stands there all the same."""
        self._show(
            Snapshot(
                tick=scene.tick,
                state=scene.journal.state,
                document=scene.document,
                alarms=(*self._raised.values(), *refusals(layers), *alarms_of(scene)),
                vm=vm,
                policy=policy,
                counters=counters,
            )
        )

    def broken_off(self) -> None:
        """What was shown before, with the alarms of now: a tick that never ends well shows nothing itself."""
        before = self.board.snapshot
        kept = (alarm for alarm in before.alarms if alarm.kind not in self._raised)
        self._show(replace(before, alarms=(*self._raised.values(), *kept)))

    def _show(self, shown: Snapshot) -> None:
        announce(self._log, before=self.board.snapshot.alarms, fresh=shown.alarms)
        self.board.show(shown)
        self._supervisor.status(headline(shown))
