"""What a member's probe answers add up to. Pure."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`up` is None until the first success or the first full run of failures; `streak` counts the latest
    consecutive answers that speak against `up`."""

    up: bool | None = None
    streak: int = 0

    def after(self, *, answered: bool, rise: int, fall: int) -> Self:
        """The health once one more probe was answered well or not.

        `rise` successes bring a member up that was down, `fall` failures take it down; a member never seen
        before is up after one success.
        """
        if answered is self.up:
            return type(self)(up=self.up)
        if answered and self.up is None:
            return type(self)(up=True)
        streak = self.streak + 1
        if streak < (rise if answered else fall):
            return type(self)(up=self.up, streak=streak)
        return type(self)(up=answered)
