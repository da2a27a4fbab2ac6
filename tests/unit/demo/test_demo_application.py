"""The toy application: what it serves, and how it lets its clients go."""

import argparse
import asyncio
import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drainer.demo.application import LARGEST_BODY, Application, _run, main

from .wire import DEADLINE_S, connected, eventually

pytestmark = pytest.mark.anyio

Address = tuple[str, int]


@contextlib.asynccontextmanager
async def serving(
    marker: Path, *, warm_up_s: float = 0.0, idle_grace_s: float = 60.0
) -> AsyncIterator[Address]:
    application = Application(name="vm1", marker=marker, warm_up_s=warm_up_s, idle_grace_s=idle_grace_s)
    server = await application.start("127.0.0.1", 0)
    sending_away = asyncio.create_task(application.send_idle_clients_away())
    async with server:
        yield server.sockets[0].getsockname()
    sending_away.cancel()
    await asyncio.gather(sending_away, return_exceptions=True)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "draining"


async def test_answers_carry_the_vm_and_the_request(marker: Path) -> None:
    """A connection is kept over many requests, and each answer names its VM and its request."""
    async with serving(marker) as address, connected(address) as client:
        for number in range(3):
            reply = await client.ask("GET /", f"X-Request-Id: r{number}")
            assert reply.status == 200
            assert reply.said == {"vm": "vm1", "request": f"r{number}", "says": ""}
            assert "connection" not in reply.headers


async def test_post_answers_with_the_digest(marker: Path) -> None:
    """A body comes back as its SHA-256, however many pieces it came in."""
    body = os.urandom(300_000)
    async with serving(marker) as address, connected(address) as client:
        assert (await client.ask("POST /", body=body)).said["says"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /nothing", 404),
        ("PUT /", 404),
        ("GET /slow?s=0.001", 200),
        ("GET /slow?s=-1", 400),
        ("GET /slow?s=nan", 400),
        ("GET /slow?s=soon", 400),
        ("GET /ready", 200),
        ("GET /healthz", 200),
    ],
)
async def test_routes(marker: Path, request_line: str, status: int) -> None:
    """Each route answers what it says; what is no route is 404."""
    async with serving(marker) as address, connected(address) as client:
        assert status == (await client.ask(request_line)).status


async def test_slow_takes_its_time(marker: Path) -> None:
    """A slow request is answered no earlier than asked for."""
    loop = asyncio.get_running_loop()
    async with serving(marker) as address, connected(address) as client:
        began = loop.time()
        await client.ask("GET /slow?s=0.2")
        assert loop.time() - began >= 0.2


async def test_marker_fails_the_probed_route_alone(marker: Path) -> None:
    """While the marker is there the probe fails, the deep check does not, and users are still served."""
    async with serving(marker) as address:
        marker.touch()
        for path, status in (("/ready", 503), ("/healthz", 200), ("/", 200)):
            async with connected(address) as client:
                assert (await client.ask(f"GET {path}")).status == status
        marker.unlink()
        async with connected(address) as client:
            assert (await client.ask("GET /ready")).status == 200


async def test_marker_sends_a_kept_client_away_with_its_next_answer(marker: Path) -> None:
    """The next answer on a kept connection is whole and announces the close, and then the connection ends."""
    async with serving(marker) as address, connected(address) as client:
        assert "connection" not in (await client.ask("GET /")).headers
        marker.touch()
        reply = await client.ask("GET /", "X-Request-Id: last")
        assert (reply.status, reply.said["request"]) == (200, "last")
        assert reply.headers["connection"] == "close"
        assert await client.ended()


async def test_marker_reaches_a_request_that_is_being_served(marker: Path) -> None:
    """An answer that began before the marker appeared is completed, and announces the close."""
    async with serving(marker) as address, connected(address) as client:
        asking = asyncio.create_task(client.ask("GET /slow?s=0.2"))
        await asyncio.sleep(0)
        marker.touch()
        assert (await asking).headers["connection"] == "close"


async def test_idle_connection_is_closed_after_the_grace(marker: Path) -> None:
    """A kept connection without a request is left alone until the grace has passed with the marker there."""
    loop = asyncio.get_running_loop()
    async with serving(marker, idle_grace_s=0.3) as address, connected(address) as client:
        await client.ask("GET /")
        marker.touch()
        marked_at = loop.time()
        assert await client.ended()
        assert loop.time() - marked_at >= 0.3


async def test_answer_says_for_how_long_its_connection_is_kept(marker: Path) -> None:
    """Sooner than the grace, so that no request crosses the close; nothing where the grace is too short."""
    async with serving(marker, idle_grace_s=60) as address, connected(address) as client:
        assert (await client.ask("GET /")).headers["keep-alive"] == "timeout=58"
        marker.touch()
        assert "keep-alive" not in (await client.ask("GET /")).headers
    marker.unlink()
    async with serving(marker, idle_grace_s=0.3) as address, connected(address) as client:
        assert "keep-alive" not in (await client.ask("GET /")).headers


async def test_busy_connection_outlives_the_grace(marker: Path) -> None:
    """The grace counts idle time alone: a request that takes longer is answered."""
    async with serving(marker, idle_grace_s=0.1) as address, connected(address) as client:
        marker.touch()
        assert (await client.ask("GET /slow?s=0.5")).status == 200


async def test_warming_up_listens_and_refuses(marker: Path) -> None:
    """Before it is warm every route answers 503 on an open port, and then all answer."""
    async with serving(marker, warm_up_s=0.5) as address, connected(address) as client:
        for path in ("/", "/ready", "/healthz"):
            reply = await client.ask(f"GET {path}")
            assert (reply.status, reply.said["says"]) == (503, "warming up")
        async with asyncio.timeout(DEADLINE_S):
            while (await client.ask("GET /healthz")).status != 200:
                await asyncio.sleep(0.01)
        assert (await client.ask("GET /")).status == 200


async def test_body_past_the_limit_is_refused(marker: Path) -> None:
    """More than the limit is answered with 413 and the end of the connection, and memory is not filled."""
    async with serving(marker) as address, connected(address) as client:
        head = f"POST / HTTP/1.1\r\nHost: demo\r\nContent-Length: {LARGEST_BODY * 2}\r\n\r\n"
        client.writer.write(head.encode())
        client.writer.write(bytes(LARGEST_BODY + 1))
        assert (await client.reply()).status == 413


async def test_nonsense_is_answered_and_ended(marker: Path) -> None:
    """What is not HTTP gets 400 and the end of the connection."""
    async with serving(marker) as address, connected(address) as client:
        client.writer.write(b"\x00\x01\x02\r\n\r\n")
        assert (await client.reply()).status == 400
        assert await client.ended()


async def test_client_that_resets_disturbs_nobody(marker: Path) -> None:
    """A client that vanishes before its answer leaves the server serving."""
    async with serving(marker) as address:
        async with connected(address) as client:
            client.writer.write(b"GET /slow?s=0.1 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
            await client.writer.drain()
            client.writer.transport.abort()
        async with connected(address) as client:
            assert (await client.ask("GET /slow?s=0.2")).status == 200


async def test_command_announces_where_it_listens(marker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints one line with the address it took."""
    options = argparse.Namespace(listen="127.0.0.1:0", name="vm7", marker=marker, warm_up=0.0, idle_grace=5.0)
    running = asyncio.create_task(_run(options))
    printed = io.StringIO()
    await eventually(lambda: printed.write(capsys.readouterr().out) > 0, "a line")
    assert printed.getvalue().startswith("vm7 listening on 127.0.0.1:")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_taken_address_is_an_error(marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that cannot be had ends the command with the error."""
    arguments = ["application", "--listen", "192.0.2.1:80", "--name", "vm1", "--marker", str(marker)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        main()


def test_interrupt_ends_the_command_quietly(marker: Path) -> None:
    """Ctrl-C ends the process without a traceback."""
    command = [sys.executable, "-m", "drainer.demo.application", "--listen", "127.0.0.1:0", "--name", "vm1"]
    with subprocess.Popen(
        [*command, "--marker", str(marker)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # not as a shell's "&" left it
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("vm1 listening on")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert errors == ""
    assert process.returncode == 0
