"""The load: on schedule, never again, and honest about what it saw."""

import asyncio
import hashlib
import json
import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drainer.demo.application import Application
from drainer.demo.plan import Kind, Plan, Result, Why, arrivals
from drainer.demo.summary import summarise
from drainer.demo.traffic import run

from .wire import Asked, Script, Scripted, eventually, reply, right, send_reset

pytestmark = pytest.mark.anyio

PLAN = Plan(host="127.0.0.1", port=1, rate=100, duration_s=0.2, timeout_s=5)
KEPT = ((Kind.KEPT, 1.0),)
FRESH = ((Kind.FRESH, 1.0),)


async def sent(script: Script, **changes: Any) -> tuple[Scripted, tuple[Result, ...]]:
    """The results of a plan against a scripted server, in the order they were scheduled."""
    server = Scripted(script)
    async with server.serving() as (host, port):
        results = await run(replace(PLAN, host=host, port=port, **changes), lambda _: None)
    return server, tuple(sorted(results, key=lambda result: result.number))


async def well(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, right(asked, says=hashlib.sha256(asked.body).hexdigest() if asked.body else ""))


def test_schedule_is_the_same_for_the_same_seed() -> None:
    """The seed decides every request, and another seed decides differently."""
    plan = replace(PLAN, duration_s=5)
    assert list(arrivals(plan)) == list(arrivals(plan))
    assert list(arrivals(plan)) != list(arrivals(replace(plan, seed=2)))


def test_schedule_holds_its_rate() -> None:
    """Each slot of 1/rate seconds holds one request; kinds and clients come in their shares."""
    schedule = list(arrivals(replace(PLAN, duration_s=20)))
    assert [int(arrival.after_s * 100) for arrival in schedule] == list(range(2000))
    assert 800 < Counter(arrival.kind for arrival in schedule)[Kind.FRESH] < 1000
    assert {arrival.client for arrival in schedule} == {f"127.0.1.{number}" for number in range(1, 31)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 0}, "rate"),
        ({"clients": 0}, "clients"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"mix": ()}, "mix"),
    ],
)
def test_wrong_plan_cannot_exist(changes: dict[str, Any], words: str) -> None:
    """A wrong value is refused when the plan is made."""
    with pytest.raises(ValueError, match=words):
        replace(PLAN, **changes)


async def test_all_kinds_are_served_by_the_application(tmp_path: Path) -> None:
    """Against the toy application every kind of request succeeds and names the VM."""
    application = Application(name="vm1", marker=tmp_path / "none", warm_up_s=0, idle_grace_s=60)
    server = await application.start("127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        seen: list[Result] = []
        mix = tuple((kind, 1.0) for kind in Kind)
        results = await run(
            replace(PLAN, host=host, port=port, mix=mix, slow_s=0.01, duration_s=0.5), seen.append
        )
        await eventually(lambda: not application._idle_since, "the application's connections have ended")
    assert all(result.ok and result.vm == "vm1" for result in results), results
    assert set(Kind) == {result.kind for result in results}
    assert tuple(seen) == results
    assert len(results) == 50


async def test_arrivals_do_not_wait_for_answers() -> None:
    """A server that never answers delays no request: the loop is open."""

    async def never(_: Scripted, asked: Asked, connection: socket.socket) -> None:
        await asyncio.Event().wait()

    server, results = await sent(never, timeout_s=0.5)
    assert {result.why for result in results} == {Why.TIMEOUT}
    assert len(server.asked) == 20
    assert max(result.started_at - result.scheduled_at for result in results) < 0.3
    assert all(0.45 < result.finished_at - result.started_at < 2 for result in results)


async def test_every_client_has_its_own_address() -> None:
    """A request comes from the address of the client it belongs to."""
    server, results = await sent(well)
    peers = {asked.id: asked.peer for asked in server.asked}
    assert {f"1-{result.number}": result.client for result in results} == peers


async def test_kept_connections_are_used_again() -> None:
    """One client with kept connections opens one, as long as its requests do not overlap."""
    server, results = await sent(well, clients=1, mix=KEPT, rate=4, duration_s=2.5)
    assert server.connections == 1
    assert [result.opened for result in results] == [True] + [False] * 9


async def test_fresh_requests_open_their_own() -> None:
    """A fresh request never uses nor leaves a kept connection."""
    server, results = await sent(well, clients=1, mix=FRESH)
    assert server.connections == len(results) == 20
    _, results = await sent(well, clients=1, mix=FRESH + KEPT, rate=50, duration_s=0.5)
    assert all(result.opened for result in results if result.kind is Kind.FRESH)
    assert not all(result.opened for result in results)


async def test_announced_close_is_obeyed() -> None:
    """After `Connection: close` the client opens a new connection for its next request, and nothing fails."""

    async def parting(_: Scripted, asked: Asked, connection: socket.socket) -> None:
        await reply(connection, right(asked), header="Connection: close")

    server, results = await sent(parting, clients=1, mix=KEPT)
    assert all(result.ok and result.opened for result in results)
    assert server.connections == 20


@pytest.mark.parametrize(("kept", "used_again"), [("timeout=0", False), ("max=5, timeout=600", True)])
async def test_connection_is_used_no_longer_than_the_server_keeps_it(kept: str, used_again: bool) -> None:
    """`Keep-Alive: timeout=` bounds how long a connection may be idle before its next request."""

    async def keeping(_: Scripted, asked: Asked, connection: socket.socket) -> None:
        await reply(connection, right(asked), header=f"Keep-Alive: {kept}")

    server, results = await sent(keeping, clients=1, mix=KEPT)
    assert all(result.ok for result in results)
    assert (server.connections < len(results)) is used_again


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_kept_connection_found_closed_is_left(ending: str) -> None:
    """A kept connection that ended before the next request began is replaced: no byte was sent on it."""

    async def leave(_: Scripted, asked: Asked, connection: socket.socket) -> None:
        await reply(connection, right(asked))
        if ending == "close":
            connection.close()
        else:
            await asyncio.get_running_loop().sock_recv(connection, 0)
            send_reset(connection)

    server, results = await sent(leave, clients=1, mix=KEPT, rate=10, duration_s=0.5)
    assert [result.ok for result in results] == [True] * 5, results
    assert server.connections == 5


async def test_kept_connection_that_ends_after_the_first_byte_fails_and_is_not_retried() -> None:
    """Once a byte was sent the request is counted: a close instead of an answer is a failure, sent once."""

    async def leave_at_the_second(server: Scripted, asked: Asked, connection: socket.socket) -> None:
        if [one.connection for one in server.asked].count(asked.connection) == 1:
            await reply(connection, right(asked))
        else:
            connection.close()

    server, results = await sent(leave_at_the_second, clients=1, mix=KEPT, rate=10, duration_s=0.6)
    assert [result.why for result in results] == [None, Why.CLOSED] * 3
    assert [result.opened for result in results] == [True, False] * 3
    assert len({asked.id for asked in server.asked}) == len(server.asked) == 6


async def test_nothing_is_tried_again() -> None:
    """Whatever fails was sent exactly once."""

    async def refuse(_: Scripted, asked: Asked, connection: socket.socket) -> None:
        send_reset(connection)

    server, results = await sent(refuse)
    assert {result.why for result in results} == {Why.RESET}
    assert sorted(asked.id for asked in server.asked) == sorted(f"1-{result.number}" for result in results)
    assert server.connections == len(results)


async def _unwell(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, json.dumps({"vm": "vm2", "says": "warming up"}).encode(), status=503)


async def _cut_off(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, right(asked)[:5], length=500)
    connection.close()


async def _other_request(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, right(replace(asked, id="another")))


async def _wrong_digest(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, right(asked, says="0" * 64))


async def _nobody(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, b"[]")


async def _not_json(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await reply(connection, b"<html>")


async def _not_http(_: Scripted, asked: Asked, connection: socket.socket) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, b"SSH-2.0-OpenSSH\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "why", "detail", "vm"),
    [
        (_unwell, Why.STATUS, "503 warming up", "vm2"),
        (_cut_off, Why.CLOSED, "inside the answer", ""),
        (_other_request, Why.WRONG, "the answer is not this request's", "vm1"),
        (_wrong_digest, Why.WRONG, "the answer is not this request's", "vm1"),
        (_nobody, Why.WRONG, "the answer is not this request's", ""),
        (_not_json, Why.WRONG, "the answer is not this request's", ""),
        (_not_http, Why.WRONG, "illegal status line: bytearray(b'SSH-2.0-OpenSSH')", ""),
    ],
)
async def test_wrong_answers_fail(script: Script, why: Why, detail: str, vm: str) -> None:
    """An answer that is not a whole 2xx to this very request is a failure with its reason."""
    _, results = await sent(script, mix=((Kind.POST, 1.0),), duration_s=0.03)
    assert {(result.why, result.detail, result.vm) for result in results} == {(why, detail, vm)}


async def test_refused_and_own_faults_are_told_apart() -> None:
    """Nobody listening is the service's fault; a source address we do not have is ours."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    plan = replace(PLAN, port=port, duration_s=0.03)
    assert {result.why for result in await run(plan, lambda _: None)} == {Why.REFUSED}
    astray = replace(plan, first_client="192.0.2.1")
    assert {result.why for result in await run(astray, lambda _: None)} == {Why.LOCAL}


async def test_ipv6_is_spoken() -> None:
    """A plan for an IPv6 address connects to it."""
    plan = replace(PLAN, host="::1", first_client="::1", clients=1, duration_s=0.01)
    assert {result.why for result in await run(plan, lambda _: None)} == {Why.REFUSED}


async def test_stop_ends_the_schedule_and_waits_for_answers() -> None:
    """After stop nothing more is sent, and what was sent is answered."""
    stop = asyncio.Event()
    server = Scripted(well)
    async with server.serving() as (host, port):
        plan = replace(PLAN, host=host, port=port, duration_s=600)
        seen: list[Result] = []
        running = asyncio.create_task(run(plan, seen.append, stop=stop))
        await eventually(lambda: len(seen) >= 5, "some answers")
        stop.set()
        results = await running
    assert all(result.ok for result in results)
    assert len(results) == len(server.asked) < 600


async def test_own_lateness_is_measured_apart() -> None:
    """A generator that is held up says so, and the requests it sent late are not failures."""
    loop = asyncio.get_running_loop()
    held: list[float] = []

    def hold_up_once(_: Result) -> None:
        if not held:
            held.append(loop.time() + 0.15)
            while loop.time() < held[0]:
                pass

    server = Scripted(well)
    async with server.serving() as (host, port):
        results = await run(replace(PLAN, host=host, port=port, duration_s=0.4), hold_up_once)
    summary = summarise(results, out={})
    assert summary.failed == 0
    assert summary.lag_max_s > 0.1
    assert summary.lag_p99_s > 0.1
