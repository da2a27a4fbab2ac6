"""Ask one HTTP route for its status, within a time that holds for the whole exchange.

No proxies, no redirects, no body. It knows nothing of what a status means.
"""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """It was not asked, or not believed: no such name, no way there, no descriptor left, a certificate of
    nobody that we know. It says nothing of what another asker is answered.
    """

    reason: str


Answer = Answered | Silent | Unreachable | Unasked

THEIRS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
"""What the other end does, to every asker alike."""

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
            kind = Unreachable if any(map(_is_theirs, _behind(error))) else Unasked
            return kind(reason=str(error))


def _is_theirs(error: BaseException) -> bool:
    return isinstance(error, HTTPException) or (isinstance(error, OSError) and error.errno in THEIRS)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps, as the libraries do it: as argument, reason or cause."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        wrapped = (*found.args, getattr(found, "reason", None), found.__cause__, found.__context__)
        waiting += [one for one in wrapped if isinstance(one, BaseException)]
