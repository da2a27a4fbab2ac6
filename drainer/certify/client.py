"""A client of the service, through the balancer: which connections reach this VM, before and after.

The page it asks for must name the VM that answers. HTTP and HTTPS; certificates are not checked, since
nothing secret is sent and nothing that is read is believed for more than a name.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from urllib.parse import urlsplit

from drainer.certify.facts import Facts
from drainer.policyfile.durations import spell

WITHIN_S = 5.0
TRIES = 60
ELSEWHERE = 30
"""So many connections in a row that reach others say that none reaches this VM any more."""
PAUSE_S = 0.1
BODY_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`name`: this VM's, as the page writes it."""

    url: str
    name: str

    def connect(self) -> HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            unchecked = ssl.create_default_context()
            unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
            return HTTPSConnection(parts.netloc, timeout=WITHIN_S, context=unchecked)
        return HTTPConnection(parts.netloc, timeout=WITHIN_S)

    def is_here(self, connection: HTTPConnection) -> bool:
        """Whether this VM answers there. Raises OSError or HTTPException where nobody does."""
        parts = urlsplit(self.url)
        connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        return self.name.encode() in connection.getresponse().read(BODY_LIMIT)

    def lands_here(self) -> bool:
        """Whether one fresh connection reaches this VM; one that fails did not."""
        connection = self.connect()
        try:
            return self.is_here(connection)
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def established(service: Service) -> HTTPConnection | None:
    """A connection that reached this VM and stays open; None where none of many did."""
    for _ in range(TRIES):
        connection = service.connect()
        try:
            if service.is_here(connection) and connection.sock is not None:
                return connection
        except (OSError, HTTPException):
            pass
        connection.close()
    return None


def propagation(facts: Facts, service: Service, *, since: float, within_s: float) -> None:
    """For how long after `since` (the end of the write) fresh connections still reached this VM."""
    last, ends, elsewhere, pause = since, monotonic() + within_s, 0, threading.Event()
    while elsewhere < ELSEWHERE:
        if monotonic() >= ends:
            facts.leave("propagation", f"connections still reached this VM after {within_s:g} s")
            return
        if service.lands_here():
            last, elsewhere = monotonic(), 0
        else:
            elsewhere += 1
        pause.wait(PAUSE_S)
    facts.know("propagation", spell(_whole_ms(last - since)))


def outlived(facts: Facts, service: Service, connection: HTTPConnection) -> None:
    """What became of a connection that was established before the removal."""
    try:
        here = service.is_here(connection)
    except (ConnectionResetError, BrokenPipeError) as error:
        if type(error).__name__ == "RemoteDisconnected":
            facts.leave("established_on_removal", "the application closed the connection by itself")
            return
        facts.know("established_on_removal", "reset")
    except TimeoutError:
        facts.know("established_on_removal", "silence")
    except (OSError, HTTPException) as error:
        facts.leave("established_on_removal", f"{type(error).__name__}: {error}")
    else:
        if here:
            facts.know("established_on_removal", "keep")
        else:
            facts.leave("established_on_removal", "the connection was opened anew and reached another VM")


def _whole_ms(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))
