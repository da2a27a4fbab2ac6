"""Ask one HTTP route for its status, within a time that holds for the whole exchange.

No proxies, no redirects, no body. It knows nothing of what a status means.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    status: int


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer in time: whoever waits longer may still get one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """Refused, reset, or no HTTP."""

    reason: str


Answer = Answered | Silent | Unreachable


_held: dict[str, threading.Thread] = {}
"""Askers that got no answer in time: while a trickling peer holds one, it is not joined by more."""


def ask(url: str, *, within: timedelta) -> Answer:
    """One GET. The library bounds each read alone, a thread's deadline the whole."""
    if url in _held and _held[url].is_alive():
        return Silent()
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    asker = threading.Thread(target=lambda: answers.put(_get(url, within)), daemon=True, name=f"ask {url}")
    asker.start()
    try:
        return answers.get(timeout=within.total_seconds())
    except queue.Empty:
        _held[url] = asker
        return Silent()


def _get(url: str, within: timedelta) -> Answer:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.get(
                url,
                timeout=within.total_seconds(),
                allow_redirects=False,
                stream=True,
                headers={"Connection": "close", "User-Agent": "drainer"},
            ) as answer:
                return Answered(status=answer.status_code)
        except requests.Timeout:
            return Silent()
        except (requests.RequestException, ValueError) as error:
            return Unreachable(reason=str(error))
