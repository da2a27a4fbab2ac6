"""What the management API was asked, newest last; never a token, a signature or a body."""

from collections import deque
from dataclasses import asdict, dataclass

MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. `vm` "": no VM's. `status` 0: it was never answered."""

    at: str
    vm: str
    method: str
    path: str
    status: int
    if_match: bool
    request_id: str


class RequestLog:
    def __init__(self) -> None:
        self._asked: deque[Asked] = deque(maxlen=MOST)

    def note(self, asked: Asked) -> None:
        self._asked.append(asked)

    def clear(self) -> None:
        self._asked.clear()

    def shown(self) -> list[dict[str, object]]:
        return [asdict(asked) for asked in self._asked]
