"""When a member counts as up."""

import asyncio
import contextlib

import pytest

from metadata_server.balancer import Member, Probe, Protocol
from metadata_server.balancer.health import Health
from metadata_server.balancer.probing import ask

from .conftest import Start
from .rig import DEADLINE_S, eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("answers", "up"),
    [
        ("", None),
        ("+", True),
        ("-", None),
        ("--", None),
        ("---", False),
        ("+--", True),
        ("+---", False),
        ("+--+--", True),
        ("+---+", False),
        ("+---++", True),
        ("+---+-+", False),
        ("---+", False),
        ("--+", True),
    ],
)
async def test_health_follows_consecutive_answers(answers: str, up: bool | None) -> None:
    """Up at the first success ever, down after three failures in a row, up again after two successes."""
    health = Health()
    for answer in answers:
        health = health.after(answered=answer == "+", rise=2, fall=3)
    assert up is health.up


async def test_one_failed_probe_is_below_the_threshold(start: Start) -> None:
    """A member goes down at the threshold's failure and not before."""
    cluster = await start(threshold=3)
    host = cluster.hosts["vm1"]
    failed_at = host.probes
    host.status = 503
    await eventually(lambda: cluster.seen("vm1")["last_probe"] == "503", "the first failure")
    assert cluster.seen("vm1")["up"] is True
    await cluster.until("vm1", up=False)
    assert 3 <= host.probes - failed_at <= 4


@pytest.mark.parametrize("status", [204, 301, 404, 503])
async def test_anything_but_200_fails(start: Start, status: int) -> None:
    """The platform's HTTP probe takes 200 alone for health."""
    cluster = await start()
    cluster.hosts["vm1"].status = status
    await cluster.until("vm1", up=False)
    assert cluster.seen("vm1")["last_probe"] == str(status)


async def test_tcp_probe_is_up_after_one_success(start: Start) -> None:
    """A TCP probe asks for an open port alone: one success brings the member back."""
    cluster = await start(protocol=Protocol.TCP, port=None, threshold=5)
    host = cluster.hosts["vm1"]
    await host.refuse()
    await cluster.until("vm1", up=False)
    assert cluster.seen("vm1")["last_probe"] == "refused"
    asked = len(host.connections)
    await host.serve()
    await cluster.until("vm1", up=True)
    assert 1 <= len(host.connections) - asked <= 3
    assert cluster.seen("vm1")["last_probe"] == "open"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", "200"),
        (b"HTTP/1.1 200\r\n\r\n", "200"),
        (b"", "closed"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n", "not HTTP"),
        (b"HTTP/1.1 " + b"x" * 100_000, "ValueError"),
        (None, "timeout"),
    ],
)
async def test_probe_survives_any_answer(reply: bytes | None, text: str) -> None:
    """Silence, nonsense and endless lines are answers like others."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        spoken.set()

    spoken = asyncio.Event()
    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        member = Member(name="vm1", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        answer = await ask(member, Probe(interval_s=0.2))
        async with asyncio.timeout(DEADLINE_S):
            await spoken.wait()
    assert text == answer.text
    assert answer.healthy is (text == "200")
