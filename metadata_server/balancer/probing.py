"""Asking one member whether it is healthy, once.

Source: Azure load balancer documentation, custom probe overview: an HTTP probe is healthy on 200 alone and
fails on anything else or on silence; a TCP probe is healthy when the connection opens.
"""

import asyncio
from dataclasses import dataclass

from metadata_server.balancer.config import Member, Probe, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`text` is short and for people: `200`, `503`, `open`, `timeout`, `refused`."""

    healthy: bool
    text: str


TIMEOUT = Answer(healthy=False, text="timeout")


async def ask(member: Member, probe: Probe) -> Answer:
    """The member's answer to one probe. Never raises for what the network or the member does."""
    try:
        async with asyncio.timeout(probe.patience_s):
            return await _ask(member, probe)
    except TimeoutError:
        return TIMEOUT
    except ConnectionRefusedError:
        return Answer(healthy=False, text="refused")
    except (OSError, ValueError) as error:  # ValueError: a status line past the reader's limit
        return Answer(healthy=False, text=type(error).__name__)


async def _ask(member: Member, probe: Probe) -> Answer:
    port = member.port if probe.port is None else probe.port
    local = None if probe.source is None else (probe.source, 0)
    reader, writer = await asyncio.open_connection(member.host, port, local_addr=local)
    try:
        if probe.protocol is Protocol.TCP:
            return Answer(healthy=True, text="open")
        writer.write(_request(member.host, port, probe.path))
        return _judged(await reader.readline())
    finally:
        writer.close()


def _request(host: str, port: int, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "User-Agent: Load Balancer Agent",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _judged(status_line: bytes) -> Answer:
    match status_line.split(maxsplit=2):
        case [version, code, *_] if version.startswith(b"HTTP/1.") and len(code) == 3 and code.isdigit():
            return Answer(healthy=code == b"200", text=code.decode())
        case []:
            return Answer(healthy=False, text="closed")
        case _:
            return Answer(healthy=False, text="not HTTP")
